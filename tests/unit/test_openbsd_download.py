"""Downloads against a server on loopback that cuts, lies, changes its mind, and does not know Range."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from testbed.errors import TestbedError
from testbed.openbsd.media import download
from testbed.openbsd.media.download import MissingFileError, fetch
from testbed.openbsd.media.file_cache import FileCache, notes_of
from testbed.openbsd.media.file_source import Mirror

CONTENT = bytes(range(256)) * 4096  # 1 MiB


@dataclass
class Behaviour:
    """What the server does, and what it was asked."""

    content: bytes = CONTENT
    tag: str = '"one"'
    modified: str = ""
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)  # bytes after which each answer, in turn, is cut off
    status: list[int] = field(default_factory=list)  # answered first, in turn
    kind: str = "application/octet-stream"
    pages: dict[str, bytes] = field(default_factory=dict)
    encoding: str = ""
    late: int = 0  # bytes that a first 206 begins after what it was asked for, saying so
    short: int = 0  # bytes that a first 206 lacks at its end, without a cut
    asked: list[tuple[str, str]] = field(default_factory=list)  # Range and If-Range of each request


class Handler(BaseHTTPRequestHandler):
    """Serves one behaviour."""

    behaviour: Behaviour

    def do_GET(self) -> None:
        it = self.behaviour
        asked, condition = self.headers.get("Range", ""), self.headers.get("If-Range", "")
        it.asked.append((asked, condition))
        if it.status:
            self.send_error(it.status.pop(0))
            return
        if it.pages:
            page = it.pages.get(self.path)
            if page is None:
                self.send_error(404)
                return
            self.answer(200, page, 0, "text/html")
            return
        begin = 0
        if asked and it.ranges and condition in (it.tag, it.modified):
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
        self.answer(206 if begin else 200, it.content, begin, it.kind)

    def answer(self, status: int, content: bytes, begin: int, kind: str) -> None:
        it = self.behaviour
        short = 0
        if status == 206:
            begin, it.late = begin + it.late, 0
            short, it.short = it.short, 0
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) - begin - short))
        for name, value in (("ETag", it.tag), ("Last-Modified", it.modified), ("Content-Encoding", it.encoding)):
            if value:
                self.send_header(name, value)
        if status == 206:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        end = begin + it.cuts.pop(0) if it.cuts else len(content) - short
        self.wfile.write(content[begin:end])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture
def mirror(behaviour: Behaviour) -> Iterator[str]:
    handler = type("Served", (Handler,), {"behaviour": behaviour})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def ignore_report(_: str) -> None:
    """Ignore a report."""


def test_a_file_is_fetched_and_nothing_else_is_left(mirror: str, tmp_path: Path) -> None:
    fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert (tmp_path / "bsd").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["bsd"]


def test_a_cut_download_goes_on_where_it_was_cut(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.cuts = [300_000, 500_000]
    fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert (tmp_path / "bsd").read_bytes() == CONTENT
    assert behaviour.asked == [("", ""), ("bytes=300000-", '"one"'), ("bytes=800000-", '"one"')]


def test_a_later_run_goes_on_with_what_an_earlier_one_left(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.cuts = [300_000]
    with pytest.raises(TestbedError):
        cut_for_good(mirror, behaviour, tmp_path)
    behaviour.status = []
    behaviour.asked.clear()
    fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert (tmp_path / "bsd").read_bytes() == CONTENT
    assert behaviour.asked == [("bytes=300000-", '"one"')]


def cut_for_good(mirror: str, behaviour: Behaviour, folder: Path) -> None:
    """Fetch from a server that cuts the first answer, then answers 503."""

    def report(_: str) -> None:
        behaviour.status = [503] * 1000

    before, download._REPORT_INTERVAL = download._REPORT_INTERVAL, 0.0
    try:
        fetch(f"{mirror}/bsd", folder / "bsd", report, patience=0.3)
    finally:
        download._REPORT_INTERVAL = before


def test_a_file_that_changed_is_not_glued(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.cuts = [300_000]
    with pytest.raises(TestbedError):
        cut_for_good(mirror, behaviour, tmp_path)
    behaviour.status = []
    behaviour.content, behaviour.tag = CONTENT[::-1], '"two"'
    fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert (tmp_path / "bsd").read_bytes() == CONTENT[::-1]


def test_a_file_of_another_size_is_never_resumed(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.cuts = [300_000]
    with pytest.raises(TestbedError):
        cut_for_good(mirror, behaviour, tmp_path)
    behaviour.status = []
    behaviour.content = b"y" * 400_000  # with the same ETag
    fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert (tmp_path / "bsd").read_bytes() == b"y" * 400_000


def test_an_answer_that_begins_elsewhere_is_not_glued(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.cuts, behaviour.late = [300_000], 7
    fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert (tmp_path / "bsd").read_bytes() == CONTENT


def test_an_answer_that_ends_early_is_not_the_whole(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.cuts, behaviour.short = [300_000], 1000
    fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert (tmp_path / "bsd").read_bytes() == CONTENT
    assert [asked for asked, _ in behaviour.asked] == ["", "bytes=300000-", "bytes=1047576-"]


def test_a_part_of_another_address_is_not_gone_on_from(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.cuts = [300_000]
    with pytest.raises(TestbedError):
        cut_for_good(mirror, behaviour, tmp_path)
    behaviour.status = []
    behaviour.asked.clear()
    fetch(f"{mirror}/other", tmp_path / "bsd", ignore_report)
    assert behaviour.asked == [("", "")]
    assert (tmp_path / "bsd").read_bytes() == CONTENT


def test_the_date_will_do_where_there_is_no_strong_tag(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.tag, behaviour.modified = 'W/"weak"', "Tue, 20 Oct 2026 12:00:00 GMT"
    behaviour.cuts = [300_000]
    fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert (tmp_path / "bsd").read_bytes() == CONTENT
    assert behaviour.asked[1] == ("bytes=300000-", "Tue, 20 Oct 2026 12:00:00 GMT")


def test_without_a_validator_a_cut_download_restarts(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.tag = ""
    behaviour.cuts = [300_000]
    fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert (tmp_path / "bsd").read_bytes() == CONTENT
    assert behaviour.asked == [("", ""), ("", "")]


def test_a_server_without_range_is_read_from_the_beginning(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.ranges = False
    behaviour.cuts = [300_000]
    fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert (tmp_path / "bsd").read_bytes() == CONTENT


def test_a_server_that_always_cuts_at_one_place_is_given_up(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.ranges = False
    behaviour.cuts = [300_000] * 1000
    with pytest.raises(TestbedError, match=r"cut off at 300000 (of 1048576 )?bytes.*use another mirror"):
        fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report, patience=0.3)


def test_a_server_that_fails_for_a_while_is_tried_again(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.status = [503]
    fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert (tmp_path / "bsd").read_bytes() == CONTENT


def test_a_missing_file_is_reported_at_once(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.status = [404]
    with pytest.raises(MissingFileError, match=r"/bsd: the server does not have it \(404\); use another mirror"):
        fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_refuses_is_reported_at_once(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.status = [403]
    with pytest.raises(TestbedError, match="the server answers 403"):
        fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert len(behaviour.asked) == 1


def test_a_web_page_is_not_taken_for_a_file(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.kind = "text/html; charset=utf-8"
    with pytest.raises(TestbedError, match="a web page in place of the file"):
        fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_connection_is_reported_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match=r"Connection refused\); use another mirror") as refused:
        fetch("http://127.0.0.1:9/bsd", tmp_path / "bsd", ignore_report, patience=0.2)
    assert "\n" not in str(refused.value)


def test_a_file_that_a_server_calls_compressed_comes_as_it_is(
    mirror: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.encoding = "x-gzip"
    fetch(f"{mirror}/base80.tgz", tmp_path / "base80.tgz", ignore_report)
    assert (tmp_path / "base80.tgz").read_bytes() == CONTENT


def test_what_does_not_fit_is_not_begun(mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.openbsd.media.file_cache.shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 19))
    with pytest.raises(TestbedError, match="no space left on the disk: 0 MiB free, 2 MiB to come"):
        fetch(f"{mirror}/bsd", tmp_path / "bsd", ignore_report)


def test_a_disk_that_gets_full_is_reported_in_a_line_and_the_server_is_not_asked_again(
    mirror: str, behaviour: Behaviour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "drop", lambda _: None)  # it would put a new file in place of the full device
    target = FileCache(tmp_path).incoming("8.0/amd64/bsd")
    target.symlink_to("/dev/full")
    with pytest.raises(TestbedError, match="no space left on the disk; free some"):
        fetch(f"{mirror}/bsd", target, ignore_report)
    assert len(behaviour.asked) == 1


def test_progress_is_reported(mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_REPORT_INTERVAL", 0.0)
    reports: list[str] = []
    fetch(f"{mirror}/bsd", tmp_path / "bsd", reports.append)
    assert reports[-1] == "bsd: 1 of 1 MiB (100 %)"


def test_a_part_is_noted_as_what_it_is_a_part_of(mirror: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.cuts = [300_000]
    with pytest.raises(TestbedError):
        cut_for_good(mirror, behaviour, tmp_path)
    assert (tmp_path / "bsd").stat().st_size == 300_000
    assert notes_of(tmp_path / "bsd").exists()


def test_a_mirror_lists_a_folder_by_its_index_else_by_the_servers_page(mirror: str, behaviour: Behaviour) -> None:
    behaviour.pages = {"/8.0/packages/amd64/": b'<a href="apr-1.7.6.tgz">apr</a>', "/8.0/amd64/index.txt": b"- bsd\n"}
    source = Mirror(mirror)
    assert source.names("8.0/packages/amd64") == ("apr-1.7.6.tgz",)
    assert source.names("8.0/amd64") == ("bsd",)
    assert source.names("8.0/packages-stable/amd64") == ()
