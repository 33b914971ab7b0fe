"""The event journal: what is written is read back, and a damaged file is read up to its damage."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from pathlib import Path

import pytest

from testbed.errors import UsageError
from testbed.journal import (
    Alarm,
    ClockSample,
    Event,
    FaultStep,
    Journal,
    JournalError,
    Leftover,
    Mark,
    Outcome,
    ProbeSample,
    RequestSample,
    RunPlan,
    Scan,
    Settled,
    StateChange,
    Tail,
    Writer,
    parse,
    read,
)
from testbed.journal.events import KINDS

SAMPLE = ProbeSample("https", 1.0, 1.25, 1.5, Outcome.OK, attrs={"app": "app-1"})
REQUEST = RequestSample("s1", "user01", "read", "lb1", "app-1", 2.0, 0.5, Outcome.UNKNOWN, "timeout")
EVERY: list[Event] = [
    RunPlan("story", {"name": "story", "timeline": [{"at": "5s"}]}, 7, 1, 2, "series", {"accel": "tcg"}),
    SAMPLE,
    ProbeSample("sql-write", 3.0, 3.0, 3.5, Outcome.FAILED, "refused", "run-000001", {"database": "db1"}),
    REQUEST,
    StateChange("db1", "drbd-role", "Primary", 4.5, 0.01, "node"),
    FaultStep("k1", "inject", "cable-pull", "db1", "db:primary", {"network": "backend"}),
    Settled("run-000001", 2),
    Mark("steady", "db1", {"note": "x"}),
    Alarm("app-1", "crash", "segfault", 5.5),
    Scan("public", "db1", "198.18.1.11", 65535, (22, 80), (80,)),
    Leftover("core", "app-1", "/core"),
    ClockSample("db1", 10.0, 9.0, 9.5),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def written(path: Path, *events: Event) -> bytes:
    with Writer(path, "test", run="r1") as writer:
        for event in events:
            writer.write(event)
    return path.read_bytes()


def everything(journal: Journal) -> list[Event]:
    return [event for kind in KINDS.values() for event in journal.of(kind)]


def test_every_kind_comes_back_as_it_was_written(path: Path) -> None:
    written(path, *EVERY)
    journal = read(path)
    assert {type(event) for event in EVERY} == set(KINDS.values())
    for kind in KINDS.values():
        assert journal.of(kind) == [event for event in EVERY if isinstance(event, kind)]
    assert journal.openings[0].source == "test"
    assert journal.openings[0].attrs == {"run": "r1"}
    assert (journal.truncated, journal.damage) == (0, "")
    assert journal.plan == EVERY[0]


def test_marks_and_fault_steps_take_their_time_from_the_stamp(path: Path) -> None:
    before = time.monotonic()
    written(path, *EVERY)
    journal = read(path)
    for at in [*(each.at for each in journal.of(Mark)), *(each.at for each in journal.of(FaultStep))]:
        assert before - 0.001 <= at <= time.monotonic()


def test_a_probe_is_read_in_columns_in_the_order_in_which_it_was_due(path: Path) -> None:
    late = ProbeSample("https", 0.5, 0.5, 9.0, Outcome.UNKNOWN, "timeout", "t-9")
    written(path, SAMPLE, ProbeSample("tcp", 0.0, 0.0, 0.1, Outcome.OK), late)
    probes = read(path).probes
    assert sorted(probes) == ["https", "tcp"]
    series = probes["https"]
    assert list(series) == [late, SAMPLE]
    assert len(series) == 2
    assert (list(series.scheduled), list(series.finished), list(series.outcomes)) == ([0.5, 1.0], [9.0, 1.5], [2, 0])
    assert (series.detail(0), series.token(0), series.token(1)) == ("timeout", "t-9", "")
    assert list(series.values("app")) == ["", "app-1"]
    assert series.count(Outcome.UNKNOWN) == 1


def test_both_clocks_are_stamped(path: Path) -> None:
    before = time.time() - time.monotonic()
    written(path, Mark("x"))
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
    assert len(journal.of(Settled)) == 800
    assert len(journal.openings) == 4
    assert not journal.damage


def test_a_line_cut_off_at_the_end_is_reported(path: Path) -> None:
    path.write_bytes(written(path, SAMPLE, REQUEST)[:-20])
    journal = read(path)
    assert everything(journal) == [SAMPLE]
    assert journal.truncated == 1
    assert "cut off in line 3" in journal.damage


def test_writing_goes_on_after_a_cut_off_line(path: Path) -> None:
    path.write_bytes(written(path, SAMPLE)[:-20])
    written(path, REQUEST)
    journal = read(path)
    assert everything(journal) == [REQUEST]
    assert journal.truncated == 1


def test_another_writers_line_behind_half_a_line_is_read(path: Path) -> None:
    header, sample, request = written(path, SAMPLE, REQUEST).splitlines()
    for cut in range(1, len(sample)):
        journal = parse([header + b"\n", sample[:cut] + request + b"\n", request + b"\n"])
        # Half a line that is too short to be one of a journal's proves that something else wrote here.
        assert everything(journal) == [REQUEST, REQUEST] or journal.damage.startswith("read up to line 1"), cut
        assert journal.damage
    assert everything(parse([header, sample[:30] + request, request])) == [REQUEST, REQUEST]


def test_a_header_that_is_cut_off_is_no_reason_to_refuse_a_journal(path: Path) -> None:
    header, sample = written(path, SAMPLE).splitlines()
    for cut in range(1, len(header)):
        journal = parse([header[:cut]])
        assert everything(journal) == []
        assert journal.damage
    assert everything(parse([header[:40], header, sample])) == [SAMPLE]


def stamped(**fields: object) -> bytes:
    return json.dumps({**fields, "wall": 1, "mono": 1}).encode() + b"\n"


GOOD = stamped(kind="settled", token="t", copies=1)


@pytest.mark.parametrize(
    ("garbage", "message"),
    [
        ([b"\x00\x00\x00\n"], "line 3 is not a line of a journal"),
        ([b"{broken\n"], "line 3 is not a line of a journal"),
        ([b'{"kind":"set\xff\xfe\n'], "line 3 is not a line of a journal"),
        ([b'{"kind":"set\n', b'{"kind":"set\n'], "line 4 is not a line of a journal"),
        ([b"[1, 2]\n"], "line 3 is not a line of a journal"),
        ([stamped(kind="settled", token="t")], "line 3 is not an event: .*copies"),
        ([stamped(kind="settled", token="t", copies="1")], "line 3 is not an event: .*not an integer"),
        ([stamped(kind="settled", token="t", copies=1, color=1)], "line 3 is not an event: .*color"),
        ([stamped(kind="nonsense")], "line 3 is not an event: .*nonsense"),
        ([b'{"kind":"settled","token":"t","copies":1}\n'], "line 3 is not an event: .*wall"),
        (
            [stamped(kind="alarm", node="a", pattern="p", text="t", at=float("nan"))],
            "line 3 is not a line of a journal",
        ),
        ([stamped(kind="journal", version=99, source="x", pid=1, attrs={})], "line 3: journal version 99"),
        (
            [
                stamped(
                    kind="probe", probe="x", scheduled=1, started=1, finished=1, outcome="maybe", detail="", attrs={}
                )
            ],
            "line 3 is not an event: .*maybe",
        ),
    ],
)
def test_a_damaged_journal_is_read_up_to_the_damage(path: Path, garbage: list[bytes], message: str) -> None:
    [header] = written(path).splitlines(keepends=True)
    journal = parse([header, GOOD, *garbage, GOOD])
    assert journal.of(Settled) == [Settled("t", 1)]
    assert journal.damage.startswith(f"read up to line {1 + len(garbage)}: ")
    assert re.search(message, journal.damage)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "the file is empty"),
        ([b"{broken"], "run.jsonl:1: not JSON"),
        ([b"\x89PNG\r\n"], "run.jsonl:1: not JSON"),
        ([GOOD], "run.jsonl:1: no header before the first event"),
        ([stamped(kind="journal", version=1, source="t", pid=1, attrs={})], "journal version 1, this testbed reads 2"),
        ([stamped(kind="journal", version=2, source="t", pid=1)], "not a header"),
    ],
)
def test_a_file_that_is_not_a_journal_is_refused(lines: list[bytes], message: str) -> None:
    with pytest.raises(JournalError, match=message) as refusal:
        parse(lines, "run.jsonl")
    assert isinstance(refusal.value, UsageError)
    assert "\n" not in str(refusal.value)


def test_whatever_happens_to_the_bytes_of_a_journal_it_is_read_or_refused(path: Path) -> None:
    chance = random.Random(3)  # noqa: S311 - nothing is secret here
    whole = written(path, *EVERY)
    for _ in range(2000):
        data = bytearray(whole[: chance.randrange(1, len(whole))])
        for _ in range(chance.randrange(3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            everything(read(path))
        except JournalError as error:
            assert str(error)  # noqa: PT017 - either is right


def test_a_tail_yields_each_event_once(path: Path) -> None:
    tail = Tail(path)
    assert tail.new() == []
    written(path, SAMPLE)
    assert tail.new() == [SAMPLE]
    assert tail.new() == []
    written(path, REQUEST, Mark("x"))
    assert tail.new() == [REQUEST, Mark("x")]


def test_a_tail_waits_for_the_other_half_of_a_line(path: Path) -> None:
    whole = written(path, SAMPLE, REQUEST)
    path.write_bytes(b"")
    tail = Tail(path)
    seen: list[Event] = []
    for begin in range(0, len(whole), 7):
        with path.open("ab") as file:
            file.write(whole[begin : begin + 7])
        seen += tail.new()
    assert seen == [SAMPLE, REQUEST]


def test_a_tail_passes_over_what_is_no_event(path: Path) -> None:
    tail = Tail(path)
    path.write_bytes(written(path, SAMPLE)[:-20])
    assert tail.new() == []
    written(path, REQUEST)
    assert tail.new() == [REQUEST]


def test_a_full_disk_is_an_error() -> None:
    with pytest.raises(OSError, match="No space left"):
        Writer("/dev/full", "test")
