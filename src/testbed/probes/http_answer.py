"""Incremental parser of an HTTP answer."""

from __future__ import annotations

from dataclasses import dataclass

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What an HTTP server sent.

    Args:
        status: the status line's number.
        headers: by lower-case name; of equal names, the last one.
        body: the raw body, chunks not decoded.
        complete: whether all of it is there.
        set_cookies: the values of all ``Set-Cookie`` headers.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool
    set_cookies: tuple[str, ...] = ()

    @property
    def content(self) -> bytes:
        """The body of a complete answer, chunks decoded (RFC 9112, section 7.1)."""
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.body
        rest, parts = self.body, []
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size.partition(b";")[0], 16)
            parts.append(rest[:length])
            rest = rest[length + 2 :] if length else b""
        return b"".join(parts)

    @property
    def last(self) -> bool:
        """Whether the server closes the connection after it."""
        return self.headers.get("connection", "").lower() == "close"


def parse_http_answer(raw: bytes, *, ended: bool) -> HttpAnswer | None:
    """Parse the part of an HTTP/1.1 answer to a GET that has arrived (RFC 9112).

    Args:
        raw: all bytes so far.
        ended: whether the connection has ended.

    Returns:
        The answer; None before its head is complete.

    Raises:
        ValueError: it is not an HTTP answer.
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
    headers, cookies = {}, []
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
        if name.lower() == "set-cookie":
            cookies.append(value.strip())
    status = int(rest[:3])
    return HttpAnswer(status, headers, body, _is_complete(status, headers, body, ended=ended), tuple(cookies))


def _is_complete(status: int, headers: dict[str, str], body: bytes, *, ended: bool) -> bool:
    if status in (204, 304):  # they have no body (RFC 9112, section 6.3)
        return True
    length = headers.get("content-length")
    if length is not None:
        return len(body) >= int(length)
    if "chunked" in headers.get("transfer-encoding", ""):
        return body.endswith(b"0\r\n\r\n")
    return ended
