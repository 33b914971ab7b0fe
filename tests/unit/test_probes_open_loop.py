"""The open loop: a slow answer delays no probe, and nothing is left out."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.journal import Outcome, ProbeSample, Writer, read
from testbed.probes import open_loop
from testbed.probes.open_loop import OpenLoop, SampleCallback

Begin = Callable[[float, SampleCallback], None]


class Probe:
    name = "t"

    def __init__(self, begin: Begin) -> None:
        self.begin = begin
        self.closed = False

    async def close(self) -> None:
        self.closed = True


def ok(due: float, started: float) -> ProbeSample:
    return ProbeSample("t", due, started, time.monotonic(), Outcome.OK)


def quick(due: float, done: SampleCallback) -> None:
    done(ok(due, time.monotonic()))


def slow(due: float, done: SampleCallback) -> None:
    started = time.monotonic()
    asyncio.get_running_loop().call_later(0.3, lambda: done(ok(due, started)))


def hogging(due: float, done: SampleCallback) -> None:
    started = time.monotonic()
    time.sleep(0.1)  # the prober itself is held up
    done(ok(due, started))


def run(begin: Begin, path: Path, *, seconds: float = 0.5, outstanding: int = 100) -> list[ProbeSample]:
    probe = Probe(begin)

    async def go() -> None:
        with Writer(path, "test") as journal:
            loop = OpenLoop(probe, journal, interval=0.02, outstanding=outstanding)
            await open_loop.run_loops([loop], seconds)
            assert loop.counts.total() == len(read(path).of(ProbeSample))
            assert f"samples={loop.counts.total()} " in loop.summary()

    asyncio.run(go())
    assert probe.closed
    return read(path).of(ProbeSample)


def schedule_is_kept(samples: list[ProbeSample]) -> bool:
    first = samples[0].scheduled
    expected = [first + number * 0.02 for number in range(len(samples))]
    return [sample.scheduled for sample in samples] == pytest.approx(expected)


def test_probes_are_due_on_schedule(tmp_path: Path) -> None:
    samples = run(quick, tmp_path / "j")
    assert len(samples) == 25
    assert schedule_is_kept(samples)


def test_slow_answers_delay_no_probe(tmp_path: Path) -> None:
    samples = run(slow, tmp_path / "j")
    assert len(samples) == 25
    assert max(sample.started - sample.scheduled for sample in samples) < 0.25
    assert all(sample.outcome is Outcome.OK for sample in samples)


def test_a_prober_that_is_held_up_leaves_no_probe_out(tmp_path: Path) -> None:
    samples = run(hogging, tmp_path / "j")
    assert len(samples) == 25
    assert schedule_is_kept(samples)
    assert samples[-1].finished - samples[-1].scheduled > 1


def test_probes_beyond_the_bound_fail(tmp_path: Path) -> None:
    samples = run(slow, tmp_path / "j", outstanding=3)
    assert [sample.outcome for sample in samples[:4]] == [Outcome.OK] * 3 + [Outcome.FAILED]
    assert samples[3].detail == "not sent: 3 still unanswered"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_loop_and_keeps_what_is_under_way(tmp_path: Path, number: int) -> None:
    def killing(due: float, done: SampleCallback) -> None:
        os.kill(os.getpid(), number)
        slow(due, done)

    begun = time.monotonic()
    samples = run(killing, tmp_path / "j", seconds=60)
    assert time.monotonic() - begun < 5
    assert samples
    assert all(sample.outcome is Outcome.OK for sample in samples)


def test_all_schedules_begin_together_and_end_together(tmp_path: Path) -> None:
    async def go() -> None:
        with Writer(tmp_path / "j", "test") as journal:
            loops = [OpenLoop(Probe(each), journal, interval=0.02, outstanding=9) for each in (quick, slow)]
            await open_loop.run_loops(loops, 0.1)

    asyncio.run(go())
    due = [sample.scheduled for sample in read(tmp_path / "j").of(ProbeSample)]
    assert len(due) == 10
    assert len(set(due)) == 5


def test_a_journal_that_cannot_be_written_ends_the_loop(tmp_path: Path) -> None:
    async def go() -> None:
        journal = Writer(tmp_path / "j", "test")
        journal.close()
        await open_loop.run_loops([OpenLoop(Probe(quick), journal, interval=0.02, outstanding=9)], 60)

    begun = time.monotonic()
    with pytest.raises(OSError, match="Bad file descriptor"):
        asyncio.run(go())
    assert time.monotonic() - begun < 5
