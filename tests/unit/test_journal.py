"""The event journal: what is written is read back, and damage is told apart from truncation."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from testbed.journal import (
    Event,
    JournalError,
    Mark,
    Outcome,
    ProbeSample,
    RequestSample,
    Settled,
    Writer,
    parse,
    read,
)

SAMPLE = ProbeSample("http", 1.0, 1.25, 1.5, Outcome.OK, attrs={"app": "app-1"})
REQUEST = RequestSample("s1", "user01", "read", "lb1", "app-1", 2.0, 0.5, Outcome.UNKNOWN, "timeout")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


def test_every_kind_comes_back_as_it_was_written(path: Path) -> None:
    events: list[Event] = [SAMPLE, REQUEST, Settled("t-1", 2), Mark("fault", "db1", {"kind": "power"})]
    with Writer(path, "test", run="r1") as writer:
        for event in events:
            writer.write(event)
    journal = read(path)
    assert [entry.event for entry in journal.entries] == events
    assert journal.openings[0].source == "test"
    assert journal.openings[0].attrs == {"run": "r1"}
    assert journal.truncated == 0
    assert journal.of(ProbeSample) == [SAMPLE]
    assert journal.of(ProbeSample)[0].outcome is Outcome.OK


def test_both_clocks_are_stamped(path: Path) -> None:
    before = time.time() - time.monotonic()
    with Writer(path, "test") as writer:
        writer.write(SAMPLE)
    assert read(path).wall_offset == pytest.approx(before, abs=0.1)


def test_threads_and_other_writers_share_a_file(path: Path) -> None:
    def write_some(source: str) -> None:
        with Writer(path, source) as writer:
            for number in range(200):
                writer.write(Settled(f"{source}-{number}" + "x" * 300, number))

    threads = [threading.Thread(target=write_some, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal = read(path)
    assert len(journal.entries) == 800
    assert len(journal.openings) == 4


def test_a_line_cut_off_at_the_end_is_told(path: Path) -> None:
    with Writer(path, "test") as writer:
        writer.write(SAMPLE)
        writer.write(REQUEST)
    path.write_bytes(path.read_bytes()[:-20])
    journal = read(path)
    assert [entry.event for entry in journal.entries] == [SAMPLE]
    assert journal.truncated == 1


def test_writing_goes_on_after_a_cut_off_line(path: Path) -> None:
    with Writer(path, "first") as writer:
        writer.write(SAMPLE)
    path.write_bytes(path.read_bytes()[:-20])
    with Writer(path, "second") as writer:
        writer.write(REQUEST)
    journal = read(path)
    assert [entry.event for entry in journal.entries] == [REQUEST]
    assert journal.truncated == 1


HEADER = '{"kind":"journal","version":1,"source":"t","pid":1,"attrs":{},"wall":10.0,"mono":1.0}'


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "no header"),
        (["{broken"], "no header"),
        (['{"kind":"mark","name":"x","wall":1,"mono":1}'], "no header before"),
        ([HEADER.replace('"version":1', '"version":99')], "journal version 99"),
        ([HEADER, "{broken", '{"kind":"settled","token":"t","copies":1,"wall":1,"mono":1}'], "run.jsonl:2: not JSON"),
        ([HEADER, "{broken", "{broken"], "not JSON"),
        ([HEADER, '{"kind":"settled","token":"t","wall":1,"mono":1}'], "not an event"),
        ([HEADER, '{"kind":"settled","token":"t","copies":1,"color":1,"wall":1,"mono":1}'], "not an event"),
        ([HEADER, '{"kind":"nonsense","wall":1,"mono":1}'], "not an event"),
        ([HEADER, '{"kind":"settled","token":"t","copies":1}'], "not an event"),
    ],
)
def test_what_is_no_journal_is_refused(lines: list[str], said: str) -> None:
    with pytest.raises(JournalError, match=said):
        parse(lines, "run.jsonl")


def test_an_unknown_outcome_is_refused() -> None:
    line = (
        '{"kind":"probe","probe":"x","scheduled":1,"started":1,"finished":1,"outcome":"maybe",'
        '"detail":"","attrs":{},"wall":1,"mono":1}'
    )
    with pytest.raises(JournalError, match="maybe"):
        parse([HEADER, line])


def test_a_full_disk_is_an_error() -> None:
    with pytest.raises(OSError, match="No space left"):
        Writer("/dev/full", "test")
