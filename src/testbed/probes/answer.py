"""An HTTP answer, taken apart while it arrives."""

from __future__ import annotations

from dataclasses import dataclass

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP server sent.

    Args:
        status: the status line's number.
        headers: lower-case names; the last of equal names counts.
        body: what follows, chunks not put together.
        whole: whether all of it is there.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool

    @property
    def last(self) -> bool:
        """Whether the server ends the connection after it."""
        return self.headers.get("connection", "").lower() == "close"


def parse_answer(raw: bytes, *, ended: bool) -> Answer | None:
    """Take apart what has arrived of an HTTP/1.1 answer to a GET (RFC 9112).

    Args:
        raw: all bytes so far.
        ended: whether the connection has ended, and no more will come.

    Returns:
        The answer; None while its head is not there.

    Raises:
        ValueError: it is not one.
    """
    head, separator, body = raw.partition(_END_OF_HEAD)
    if not separator:
        if ended or not b"HTTP/1.".startswith(raw[:7]):
            raise ValueError(f"no HTTP answer in {len(raw)} bytes")
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"no HTTP answer in {len(raw)} bytes")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Answer(int(rest[:3]), headers, body, _is_whole(headers, body, ended=ended))


def _is_whole(headers: dict[str, str], body: bytes, *, ended: bool) -> bool:
    length = headers.get("content-length")
    if length is not None:
        return len(body) >= int(length)
    if "chunked" in headers.get("transfer-encoding", ""):
        return body.endswith(b"0\r\n\r\n")
    return ended
