"""The open loop: a slow answer delays no probe, and nothing is left out."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from testbed.journal import Outcome, ProbeSample, Writer, read
from testbed.probes.openloop import OpenLoop


def ok(due: float, started: float) -> ProbeSample:
    return ProbeSample("t", due, started, time.monotonic(), Outcome.OK)


async def quick(due: float) -> ProbeSample:
    return ok(due, time.monotonic())


async def slow(due: float) -> ProbeSample:
    started = time.monotonic()
    await asyncio.sleep(0.3)
    return ok(due, started)


async def hogging(due: float) -> ProbeSample:
    started = time.monotonic()
    time.sleep(0.1)  # noqa: ASYNC251 - the prober itself is held up
    return ok(due, started)


def run(probe: object, path: Path, *, seconds: float = 0.5, outstanding: int = 100) -> list[ProbeSample]:
    with Writer(path, "test") as journal:
        loop = OpenLoop(probe, "t", journal, interval=0.02, outstanding=outstanding)  # type: ignore[arg-type]
        asyncio.run(loop.run(seconds))
        assert loop.counts.total() == len(read(path).of(ProbeSample))
    return sorted(read(path).of(ProbeSample), key=lambda sample: sample.scheduled)


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
    async def killing(due: float) -> ProbeSample:
        os.kill(os.getpid(), number)
        return await slow(due)

    begun = time.monotonic()
    samples = run(killing, tmp_path / "j", seconds=60)
    assert time.monotonic() - begun < 5
    assert samples
    assert all(sample.outcome is Outcome.OK for sample in samples)
