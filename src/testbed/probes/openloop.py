"""The open loop: probes start on a schedule, however slow the answers are.

A closed loop, which waits for the answer before it asks again, asks least when the service is worst, and
reports an outage as one slow request (coordinated omission). Here probe n is due at start + n * interval,
and a probe that cannot start, because too many are still waiting, is recorded as failed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from testbed.journal import Outcome, ProbeSample, Writer

LIMIT_SECONDS = 900.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every probe has: how often, how long, and where to write."""
    parser.add_argument("--interval", type=_positive, default=0.05, help="seconds between two probes (0.05)")
    parser.add_argument("--journal", required=True, help="journal file to append to")
    parser.add_argument("--seconds", type=_positive, default=LIMIT_SECONDS, help="end after so long (900)")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds between 0 and 86400")
    return value


def run_command(name: str, probe: Callable[[argparse.Namespace], Awaitable[str]], options: argparse.Namespace) -> int:
    """Run a probe's program and print its summary.

    Args:
        name: the probe's name, for the message when it cannot run.
        probe: runs until its time is over; returns the summary.
        options: the command line, parsed.

    Returns:
        The exit status: 0, or 2 when the probe cannot run as it was told to.
    """

    async def run() -> str:
        return await probe(options)

    try:
        print(asyncio.run(run()), flush=True)
    except (OSError, ValueError) as error:
        print(f"probe {name}: {error}", file=sys.stderr)
        return 2
    return 0


class OpenLoop:
    """Starts probes on schedule and records their samples.

    Args:
        probe: one probe, given the time it is due; returns its sample and never takes much longer than its
            own timeout.
        name: the probe's name, for the samples of probes that could not be started.
        journal: where samples go.
        interval: seconds between two probes.
        outstanding: how many may be under way at once.
    """

    def __init__(
        self,
        probe: Callable[[float], Awaitable[ProbeSample]],
        name: str,
        journal: Writer,
        *,
        interval: float,
        outstanding: int,
    ) -> None:
        self._probe = probe
        self._name = name
        self._journal = journal
        self._interval = interval
        self._outstanding = outstanding
        self._under_way: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self.counts: Counter[str] = Counter()

    async def run(self, seconds: float) -> None:
        """Probe for so many seconds, or until SIGTERM or SIGINT; then wait for those under way."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        start = time.monotonic()
        due = start
        tick = 0
        while due < start + seconds and not await self._stopped_before(due):
            self._begin(due)
            tick += 1
            due = start + tick * self._interval
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _stopped_before(self, due: float) -> bool:
        """Sleep until ``due`` unless told to stop; late ticks are not slept for, so none is left out."""
        wait = due - time.monotonic()
        if wait > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stop.wait()
        else:
            await asyncio.sleep(0)
        return self._stop.is_set()

    def _begin(self, due: float) -> None:
        if len(self._under_way) >= self._outstanding:
            now = time.monotonic()
            detail = f"not sent: {len(self._under_way)} still unanswered"
            self._record(ProbeSample(self._name, due, now, now, Outcome.FAILED, detail))
            return
        task = asyncio.ensure_future(self._one(due))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _one(self, due: float) -> None:
        self._record(await self._probe(due))

    def _record(self, sample: ProbeSample) -> None:
        self.counts[sample.outcome] += 1
        self._journal.write(sample)

    def summary(self) -> str:
        """One line of counts."""
        counts = " ".join(f"{outcome}={self.counts[outcome]}" for outcome in Outcome)
        return f"probe={self._name} samples={self.counts.total()} {counts}"
