"""One file over HTTP: goes on where an earlier try was cut, and never glues parts of two different files.

A part is gone on from only if the server gave it a validator (a strong ETag, else its date), and proves by ``206`` to
``If-Range`` that the file is still that one (RFC 9110, 13.1.5), of the same size, from the right byte. Everything
else begins again. What was fetched is not trusted: verifying is the caller's.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Literal

import requests
import urllib3

from testbed.errors import TestbedError
from testbed.openbsd.media.file_cache import drop, need_room, notes_of, writing
from testbed.wait import wait_until

Report = Callable[[str], None]
"""Called with one line about what is being done."""

PATIENCE = 20.0
_TIMEOUT = (10.0, 30.0)  # seconds to connect, and between two bytes
_CHUNK = 1 << 18
_MIB = 1 << 20
_REPORT_INTERVAL = 5.0  # seconds
_OTHER_MIRROR = "use another mirror (TESTBED_OPENBSD_MIRROR)"
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class MissingFileError(TestbedError):
    """The source has no such file."""


class _Cut(TestbedError):
    """The server failed, or the connection; it may go better the next time."""


def fetch(url: str, target: Path, report: Report, *, page: bool = False, patience: float = PATIENCE) -> None:
    """Fetch a file, with a few more tries when the server or the connection fails.

    Args:
        url: its address.
        target: where to; a part that an earlier call left there is gone on from.
        report: called with the progress every few seconds.
        page: it is a web page that is wanted; otherwise one is an error.
        patience: seconds to go on trying when nothing more comes.

    Raises:
        Missing: the server does not have it.
        TestbedError: the server refuses, sends a web page, or fails for too long; or the disk is full.
    """
    with requests.Session() as session:
        job = _Job(session, url, target, report, page=page)
        outcome: str | TestbedError = "more"
        while outcome == "more":
            outcome = wait_until(job.attempt, patience, url, interval=0.5, hint=_OTHER_MIRROR)
    if isinstance(outcome, TestbedError):
        raise outcome
    notes_of(target).unlink(missing_ok=True)


class _Job:
    """One file on its way.

    Args:
        session: connections.
        url: its address.
        target: where to.
        report: called with the progress.
        page: a web page is wanted.
    """

    def __init__(self, session: requests.Session, url: str, target: Path, report: Report, *, page: bool) -> None:
        self.session = session
        self.url = url
        self.target = target
        self.report = report
        self.page = page
        self.name = url.rstrip("/").rpartition("/")[2]
        self._farthest = self._have()
        self._reported_at = time.monotonic()

    def attempt(self) -> Literal["complete", "more"] | TestbedError:
        """Make one try.

        Returns:
            ``complete``; ``more`` when it was cut but got farther than before; the error if another try is of no use.

        Raises:
            _Cut: it was cut and got no farther.
        """
        try:
            self._once()
        except _Cut:
            if self._have() <= self._farthest:
                raise
            self._farthest = self._have()
            return "more"
        except TestbedError as final:
            return final
        return "complete"

    def _have(self) -> int:
        return self.target.stat().st_size if self.target.is_file() else 0

    def _once(self) -> None:
        notes = self._notes()
        have = self._have() if notes else 0
        headers = {"Accept-Encoding": "identity", "User-Agent": "testbed"}
        if have and notes:
            headers |= {"Range": f"bytes={have}-", "If-Range": notes["validator"]}
        try:
            response = self.session.get(self.url, headers=headers, stream=True, timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise _Cut(f"no answer ({_reason(error)})") from error
        with response:
            begin, total = self._judge(response, have, notes)
            if begin == 0:
                self._begin(response, total)
            if total is not None:
                need_room(self.target.parent, total - begin)
            self._receive(response, total)

    def _judge(self, response: requests.Response, have: int, notes: dict[str, str] | None) -> tuple[int, int | None]:
        """Return the byte the answer begins at, and the file's full size if the server sends it."""
        status = response.status_code
        if status in (404, 410):
            raise MissingFileError(f"the server does not have it ({status})", where=self.url, fix=_OTHER_MIRROR)
        if status == 416 or (status == 206 and not have):
            drop(self.target)
            raise _Cut(f"the server answers {status} out of turn")
        if status == 206:
            content_range = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if content_range and notes and int(content_range[1]) == have and content_range[2] == notes["size"]:
                return have, int(content_range[2])
            drop(self.target)
            raise _Cut("the file changed while it was fetched")
        if status >= 500 or status == 429:
            raise _Cut(f"the server answers {status}")
        if status != 200:
            raise TestbedError(f"the server answers {status} {response.reason}", where=self.url, fix=_OTHER_MIRROR)
        if not self.page and response.headers.get("Content-Type", "").startswith("text/html"):
            raise TestbedError("the server sends a web page in place of the file", where=self.url, fix=_OTHER_MIRROR)
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdigit() else None

    def _begin(self, response: requests.Response, total: int | None) -> None:
        """Empty the file, and note what will let a later try go on."""
        drop(self.target)
        tag = response.headers.get("ETag", "")
        validator = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
        with writing(self.target.parent):
            self.target.touch()
            if validator and total is not None:
                notes = {"url": self.url, "validator": validator, "size": str(total)}
                notes_of(self.target).write_text(json.dumps(notes))

    def _notes(self) -> dict[str, str] | None:
        """What the part that is there is a part of; None when there is none, or it is of something else."""
        try:
            notes = json.loads(notes_of(self.target).read_text())
        except (OSError, ValueError):
            return None
        usable = isinstance(notes, dict) and notes.get("url") == self.url and {"validator", "size"} <= notes.keys()
        return notes if usable else None

    def _receive(self, response: requests.Response, total: int | None) -> None:
        with writing(self.target.parent), self.target.open("ab") as file:
            for chunk in self._chunks(response, file):
                file.write(chunk)
                self._report_progress(file, total)
        have = self._have()
        if total is not None and have != total:
            raise _Cut(f"cut off at {have} of {total} bytes")

    def _chunks(self, response: requests.Response, file: IO[bytes]) -> Iterator[bytes]:
        # As they are on the wire: some servers call a .tgz "Content-Encoding: x-gzip", and it would be unpacked.
        chunks = response.raw.stream(_CHUNK, decode_content=False)
        while True:
            try:
                chunk = next(chunks, b"")
            except (urllib3.exceptions.HTTPError, requests.RequestException, ConnectionError, TimeoutError) as error:
                file.flush()
                received = file.tell()
                raise _Cut(f"cut off at {received} bytes ({_reason(error)})") from error
            if not chunk:
                return
            yield chunk

    def _report_progress(self, file: IO[bytes], total: int | None) -> None:
        now = time.monotonic()
        if now - self._reported_at < _REPORT_INTERVAL:
            return
        self._reported_at = now
        have = file.tell()
        of_total = f" of {total / _MIB:.0f} MiB ({100 * have // total} %)" if total else " MiB"
        self.report(f"{self.name}: {have / _MIB:.0f}{of_total}")


def _reason(error: Exception) -> str:
    """Return why a connection failed, without the layers that libraries wrap it in."""
    inner: BaseException = error
    while (deeper := inner.__cause__ or inner.__context__ or getattr(inner, "reason", None)) is not None:
        if not isinstance(deeper, BaseException):
            break
        inner = deeper
    text = (inner.strerror if isinstance(inner, OSError) else None) or str(inner)
    return text.splitlines()[0] if text else type(inner).__name__
