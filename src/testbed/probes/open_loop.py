"""The open loop: samples start on a schedule, however slow the answers are.

A closed loop waits for an answer before it sends the next request. It sends least when the service is worst, and
reports an outage as one slow request (coordinated omission). In the open loop, sample n is due at start + n * interval.
A sample that cannot start, because too many are under way, is recorded as failed.

Samples are plain callbacks of one asyncio loop, not tasks, so that hundreds a second cost little.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from testbed.journal import Outcome, ProbeSample, Writer

SampleCallback = Callable[[ProbeSample], None]


class Probe(Protocol):
    """What the open loop needs of a probe."""

    @property
    def name(self) -> str:
        """The probe's name in the journal."""
        ...

    def begin(self, due: float, done: SampleCallback) -> None:
        """Begin one sample.

        Args:
            due: when the probe was due, monotonic seconds.
            done: to be called exactly once, from the loop's thread, with the sample; never much later than the
                probe's own time limit.
        """
        ...

    async def close(self) -> None:
        """Close connections; no sample is under way."""
        ...


class OpenLoop:
    """Starts one probe on schedule and records its samples.

    Args:
        probe: what is probed.
        journal: where samples go.
        interval: seconds between two probes.
        outstanding: how many may be under way at once.
    """

    def __init__(self, probe: Probe, journal: Writer, *, interval: float, outstanding: int) -> None:
        self.probe = probe
        self._journal = journal
        self._interval = interval
        self._outstanding = outstanding
        self._under_way = 0
        self._next: asyncio.Handle | None = None
        self._start = self._end = 0.0
        self._tick = 0
        self._idle: Callable[[], None] = lambda: None
        self._broken: Callable[[OSError], None] = lambda _: None
        self.counts: Counter[str] = Counter()

    def start(self, at: float, seconds: float, idle: Callable[[], None], broken: Callable[[OSError], None]) -> None:
        """Begin the schedule.

        Args:
            at: when the first probe is due, monotonic seconds.
            seconds: no probe is due so long after that.
            idle: called when the last probe has ended.
            broken: called when the journal cannot be written.
        """
        self._start, self._end = at, at + seconds
        self._idle, self._broken = idle, broken
        self._next = asyncio.get_running_loop().call_at(at, self._on_time)

    def stop(self) -> None:
        """Begin no more samples."""
        if self._next is None:
            return
        self._next.cancel()
        self._next = None
        self._report_idle()

    def summary(self) -> str:
        """Return one line of counts."""
        counts = " ".join(f"{outcome}={self.counts[outcome]}" for outcome in Outcome)
        return f"probe={self.probe.name} samples={self.counts.total()} {counts}"

    def _on_time(self) -> None:
        """Begin the sample that is due; a late one begins at once, so that none is skipped."""
        self._begin(self._start + self._tick * self._interval)
        self._tick += 1
        due = self._start + self._tick * self._interval
        if self._next is None:
            return  # stopped meanwhile
        if due >= self._end:
            self.stop()
        elif due <= time.monotonic():
            # Handle the answers that have arrived in between.
            self._next = asyncio.get_running_loop().call_soon(self._on_time)
        else:
            self._next = asyncio.get_running_loop().call_at(due, self._on_time)

    def _begin(self, due: float) -> None:
        if self._under_way >= self._outstanding:
            now = time.monotonic()
            detail = f"not sent: {self._under_way} still unanswered"
            self._record(ProbeSample(self.probe.name, due, now, now, Outcome.FAILED, detail))
            return
        self._under_way += 1
        self.probe.begin(due, self._done)

    def _done(self, sample: ProbeSample) -> None:
        self._under_way -= 1
        self._record(sample)
        self._report_idle()

    def _report_idle(self) -> None:
        if self._next is None and not self._under_way:
            self._idle()

    def _record(self, sample: ProbeSample) -> None:
        self.counts[sample.outcome] += 1
        try:
            self._journal.write(sample)
        except OSError as error:
            self._broken(error)


async def run_loops(loops: Sequence[OpenLoop], seconds: float) -> None:
    """Probe for some seconds, or until SIGTERM or SIGINT; then wait for the samples under way.

    All schedules begin at the same instant, so that samples that are due together wake the processor once.

    Raises:
        OSError: the journal cannot be written.
    """
    loop = asyncio.get_running_loop()
    finished = asyncio.Event()
    busy = set(loops)
    troubles: list[OSError] = []

    def stop() -> None:
        for each in loops:
            each.stop()

    def idle(which: OpenLoop) -> None:
        busy.discard(which)
        if not busy:
            finished.set()

    def broken(error: OSError) -> None:
        troubles.append(error)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    begin = time.monotonic()
    for each in loops:
        each.start(begin, seconds, partial(idle, each), broken)
    await finished.wait()
    for each in loops:
        await each.probe.close()
    if troubles:
        raise troubles[0]
