"""A node's own time on the host's clock, with a bound of the error. Pure: numbers in, numbers out.

The principle is Cristian's ("Probabilistic clock synchronization", Distributed Computing 3, 1989): a foreign clock read
between two readings of one's own is known to within their distance. Each reading confines the difference of the two
clocks to an interval; the intervals are intersected, and in between they widen by the drift that is possible.
An event confines it too: it came before the host got to know of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf

from testbed.journal import ClockSample

# An emulated processor's counter is calibrated at boot against a timer of the emulated board. Two clocks of one
# guest were seen to drift apart by 25 microseconds a second, guest and host by less than 60.
DRIFT = 200e-6
# How late Docker's stamp may be when nothing better is known: a busy emulated processor, its serial port, the engine.
LATE_SECONDS = 0.5
# An event that reached the host later than this was not late: the clock that dates it is wrong.
BELIEVABLE_SECONDS = 5.0
# Two measurements of a clock's rate are the same one when they differ by less.
SAME_RATE = 0.01
# Seconds since boot in /proc/uptime have two decimals, cut off.
UPTIME_STEP = 0.01


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """A time on the host's clock.

    Args:
        at: CLOCK_MONOTONIC, seconds.
        error: seconds by which it may be wrong, either way.
    """

    at: float
    error: float


def estimate_between(earliest: float, latest: float) -> TimeEstimate:
    """The moment of something that happened within an interval."""
    return TimeEstimate((earliest + latest) / 2, max(latest - earliest, 0.0) / 2)


def estimate_from_stamp(stamp: float, late: float = LATE_SECONDS) -> TimeEstimate:
    """The moment of something known only by a stamp that it got later, by at most ``late`` seconds."""
    return estimate_between(stamp - late, stamp)


class GuestClock:
    """What is known of the clock of a machine with a kernel of its own, during one of its boots.

    The difference is the host's clock less the guest's. A guest that stood still unseen, or whose clock does not even
    run at the right rate (seen: 26 times too fast after a boot on a busy host, when the emulated processor's counter
    was calibrated wrongly), contradicts what was known: until readings agree again, the clock is of no use.
    """

    def __init__(self) -> None:
        self._least, self._most, self._at = -inf, inf, 0.0
        self._trusted = True
        self._rate, self._drift = 1.0, DRIFT  # seconds of the host in one of the guest, and how wrong that may be
        self._anchor: ClockSample | None = None  # the first reading at a rate that had to be found out
        self._last: ClockSample | None = None
        self._candidate: float | None = None

    @property
    def known(self) -> bool:
        """Whether the difference is confined from both sides."""
        return self._trusted and self._least > -inf and self._most < inf

    @property
    def speed(self) -> float:
        """Seconds that pass in the guest in one of the host."""
        return 1 / self._rate

    def sample(self, sample: ClockSample) -> None:
        """Take a reading up."""
        self._age(sample.after)
        least, most = self._confined(sample)
        if most < self._least or self._most < least:
            self._contradicted(sample)
        else:
            self._least, self._most = max(self._least, least), min(self._most, most)
            self._trusted, self._candidate = True, None
            if self._anchor is not None:
                self._run_at(self._anchor, sample)
        self._last = sample

    def shift(self, seconds: float, error: float, now: float) -> None:
        """The guest stood still for a time that is known with an error."""
        self._age(now)
        self._least += seconds - error
        self._most += seconds + error
        self._anchor = self._last = None

    def moment(self, up: float, stamp: float) -> TimeEstimate:
        """When an event was.

        Args:
            up: the guest's clock at the event, seconds since its boot.
            stamp: the host's clock when it got to know of it, seconds.
        """
        self._age(stamp)
        passed = up * self._rate
        if self.known and not passed + self._least <= stamp <= passed + self._most + BELIEVABLE_SECONDS:
            self._trusted = False  # reported before it was, or too long afterwards
        if not self.known:
            return estimate_from_stamp(stamp)
        self._most = min(self._most, stamp - passed)
        return estimate_between(passed + self._least, passed + self._most)

    def _contradicted(self, sample: ClockSample) -> None:
        """Accept a rate that two pairs of readings in a row show; one pair may have seen a standstill."""
        self._trusted = False
        before, rate = self._last, None
        if before is not None and sample.guest - before.guest > 1:
            rate = _rate(before, sample)
        if before and rate and self._candidate and abs(rate / self._candidate - 1) < SAME_RATE:
            self._anchor, self._candidate, self._trusted = before, None, True
            self._run_at(before, sample)
            return
        self._candidate, self._anchor = rate, None
        self._rate, self._drift = 1.0, DRIFT
        self._least, self._most = self._confined(sample)

    def _run_at(self, first: ClockSample, last: ClockSample) -> None:
        """Set the rate of the guest's clock from two readings."""
        self._rate = _rate(first, last)
        width = (first.after - first.before + last.after - last.before) / 2
        self._drift = DRIFT + width / (last.after - first.before)
        self._least, self._most = self._confined(last)

    def _confined(self, sample: ClockSample) -> tuple[float, float]:
        passed = sample.guest * self._rate
        return sample.before - passed, sample.after - passed

    def _age(self, now: float) -> None:
        """Widen what is known by the drift that was possible since it was known."""
        passed = max(now - self._at, 0.0)
        if self._at:
            self._least -= passed * self._drift
            self._most += passed * self._drift
        self._at = max(now, self._at)


def _rate(first: ClockSample, last: ClockSample) -> float:
    """Seconds of the host in one of the guest."""
    return (last.before + last.after - first.before - first.after) / 2 / (last.guest - first.guest)


class SharedClock:
    """The clock of a container: the host's own, read in seconds since the host's boot.

    Args:
        boot: what the host's monotonic clock is ahead of its seconds since boot (less than zero after a suspension).
    """

    def __init__(self, boot: float | None = None) -> None:
        own = time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_BOOTTIME)
        self._boot = own if boot is None else boot

    def moment(self, up: float, stamp: float, after: float | None = None) -> TimeEstimate:
        """When an event was; one that was looked for happened between the look before it and the one that saw it.

        Args:
            up: seconds since the host's boot.
            stamp: the host's clock when it got to know of it, seconds.
            after: seconds since the host's boot before which it did not happen.
        """
        earliest = self._boot + (up if after is None else after)
        return estimate_between(earliest, max(min(self._boot + up + UPTIME_STEP, stamp), earliest))
