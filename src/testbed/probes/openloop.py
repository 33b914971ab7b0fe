"""The open loop: probes start on a schedule, however slow the answers are.

A closed loop, which waits for the answer before it asks again, asks least when the service is worst, and
reports an outage as one slow request (coordinated omission). Here probe n is due at start + n * interval,
and a probe that cannot start, because too many are still waiting, is recorded as failed.

Probes are plain callbacks of one asyncio loop, not tasks: hundreds a second must cost next to nothing.
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

Done = Callable[[ProbeSample], None]


class Probe(Protocol):
    """Something that can be asked again and again whether it is there."""

    @property
    def name(self) -> str:
        """As the journal calls it."""
        ...

    def begin(self, due: float, done: Done) -> None:
        """Probe once.

        Args:
            due: when the probe was due, monotonic seconds.
            done: to be called exactly once, from the loop's thread, with the sample; never much later than the
                probe's own time limit.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; no probe is under way any more."""
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
        """Start no more probes."""
        if self._next is None:
            return
        self._next.cancel()
        self._next = None
        self._tell_idle()

    def summary(self) -> str:
        """One line of counts."""
        counts = " ".join(f"{outcome}={self.counts[outcome]}" for outcome in Outcome)
        return f"probe={self.probe.name} samples={self.counts.total()} {counts}"

    def _on_time(self) -> None:
        """One probe is due; a late one is started at once, so that none is left out."""
        self._begin(self._start + self._tick * self._interval)
        self._tick += 1
        due = self._start + self._tick * self._interval
        if self._next is None:
            return  # told to stop meanwhile
        if due >= self._end:
            self.stop()
        elif due <= time.monotonic():
            # Answers that are there have their turn in between.
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
        self._tell_idle()

    def _tell_idle(self) -> None:
        if self._next is None and not self._under_way:
            self._idle()

    def _record(self, sample: ProbeSample) -> None:
        self.counts[sample.outcome] += 1
        try:
            self._journal.write(sample)
        except OSError as error:
            self._broken(error)


async def run(loops: Sequence[OpenLoop], seconds: float) -> None:
    """Probe for so many seconds, or until SIGTERM or SIGINT; then wait for the probes under way.

    All schedules begin at the same instant: probes that are due together wake the processor up once.

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
