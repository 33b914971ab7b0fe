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
# Seconds since boot in /proc/uptime have two decimals, cut off.
UPTIME_STEP = 0.01


@dataclass(frozen=True, slots=True)
class Moment:
    """A time on the host's clock.

    Args:
        at: CLOCK_MONOTONIC, seconds.
        error: seconds by which it may be wrong, either way.
    """

    at: float
    error: float


def between(earliest: float, latest: float) -> Moment:
    """The moment of something that happened within an interval."""
    return Moment((earliest + latest) / 2, max(latest - earliest, 0.0) / 2)


def stamped(stamp: float, late: float = LATE_SECONDS) -> Moment:
    """The moment of something known only by a stamp that it got later, by at most ``late`` seconds."""
    return between(stamp - late, stamp)


class GuestClock:
    """What is known of the clock of a machine with a kernel of its own, during one of its boots.

    The difference is the host's clock less the guest's.
    """

    def __init__(self) -> None:
        self._least, self._most, self._at = -inf, inf, 0.0

    @property
    def known(self) -> bool:
        """Whether the difference is confined from both sides."""
        return self._least > -inf and self._most < inf

    def sample(self, sample: ClockSample) -> None:
        """Take a reading up; one that contradicts the earlier ones (the guest stood still) replaces them."""
        least, most = sample.before - sample.guest, sample.after - sample.guest
        self._age(sample.after)
        if most < self._least or self._most < least:
            self._least, self._most = least, most
        else:
            self._least, self._most = max(self._least, least), min(self._most, most)

    def shift(self, seconds: float, error: float, now: float) -> None:
        """The guest stood still for a time that is known with an error."""
        self._age(now)
        self._least += seconds - error
        self._most += seconds + error

    def moment(self, up: float, stamp: float) -> Moment:
        """When an event was.

        Args:
            up: the guest's clock at the event, seconds since its boot.
            stamp: the host's clock when it got to know of it, seconds.
        """
        self._age(stamp)
        if up + self._least > stamp:  # it came before it was: the clock has jumped
            self._least, self._most = -inf, inf
        self._most = min(self._most, stamp - up)
        if not self.known:
            return stamped(stamp)
        return between(up + self._least, up + self._most)

    def _age(self, now: float) -> None:
        """Widen what is known by the drift that was possible since it was known."""
        passed = max(now - self._at, 0.0)
        if self.known:
            self._least -= passed * DRIFT
            self._most += passed * DRIFT
        self._at = max(now, self._at)


class SharedClock:
    """The clock of a container: the host's own, read in seconds since the host's boot.

    Args:
        boot: what the host's monotonic clock is ahead of its seconds since boot (less than zero after a suspension).
    """

    def __init__(self, boot: float | None = None) -> None:
        own = time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_BOOTTIME)
        self._boot = own if boot is None else boot

    def moment(self, up: float, stamp: float, after: float | None = None) -> Moment:
        """When an event was; one that was looked for happened between the look before it and the one that saw it.

        Args:
            up: seconds since the host's boot.
            stamp: the host's clock when it got to know of it, seconds.
            after: seconds since the host's boot before which it did not happen.
        """
        earliest = self._boot + (up if after is None else after)
        return between(earliest, max(min(self._boot + up + UPTIME_STEP, stamp), earliest))
