"""The host's wall clock, watched for steps. Docker stamps lines and events with it; the journal's clock is another.

A wall clock steps when it is set: by ``date``, by an NTP client that finds it far off, or by a hypervisor after a
suspension (``clock_settime(2)``). CLOCK_MONOTONIC does not step.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from threading import Lock
from typing import NamedTuple

# A smaller change of the difference is adjustment (adjtime(3)), or the time between two readings.
STEP_SECONDS = 0.1
# Readings of both clocks that were further apart were interrupted, and are repeated.
APART_SECONDS = 0.005
READINGS = 5
# A line's stamp may be so far outside the time in which its difference was in force.
SLACK_SECONDS = 0.05

Clock = Callable[[], float]


class Setting(NamedTuple):
    """A stretch of time without a step.

    Args:
        earliest: when it began at the earliest, monotonic seconds.
        latest: when it ended at the latest, monotonic seconds.
        offset: wall clock less monotonic clock, seconds.
    """

    earliest: float
    latest: float
    offset: float


class WallClock:
    """Maps stamps of the wall clock onto the monotonic clock, across steps.

    Args:
        wall: reads the wall clock, Unix seconds.
        monotonic: reads the monotonic clock, seconds.

    Attributes:
        back: seconds of all steps back together.
    """

    def __init__(self, wall: Clock = time.time, monotonic: Clock = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._lock = Lock()
        self._looked, offset = self._read()
        self._settings = [Setting(-inf, inf, offset)]
        self._steps: list[float] = []
        self.back = 0.0

    def look(self) -> None:
        """Compare the two clocks; a step is found within the time between two looks."""
        with self._lock:
            now, offset = self._read()
            last = self._settings[-1]
            step = offset - last.offset
            if abs(step) < STEP_SECONDS:
                self._settings[-1] = last._replace(offset=offset)
            else:
                self._settings[-1] = last._replace(latest=now)
                self._settings.append(Setting(self._looked, inf, offset))
                self._steps.append(step)
                self.back += max(-step, 0.0)
            self._looked = now

    def steps(self) -> list[float]:
        """The steps found since the last call, seconds; below zero is back."""
        with self._lock:
            steps, self._steps = self._steps, []
        return steps

    def monotonic(self, wall: float) -> float:
        """The monotonic time of a stamp.

        The stamp fits the time in which its setting was in force, and cannot be later than now; where several settings
        fit, the newest counts.

        Args:
            wall: the stamp, Unix seconds.
        """
        self.look()
        with self._lock:
            settings, now = list(self._settings), self._looked
        fits = [(_outside(wall - each.offset, each, now), -number) for number, each in enumerate(settings)]
        return wall - settings[-min(fits)[1]].offset

    def _read(self) -> tuple[float, float]:
        """The monotonic clock, and the difference; the best of a few readings."""
        best = (inf, 0.0, 0.0)
        for _ in range(READINGS):
            before = self._monotonic()
            wall = self._wall()
            after = self._monotonic()
            best = min(best, (after - before, after, wall - (before + after) / 2))
            if best[0] < APART_SECONDS:
                break
        return best[1], best[2]


def _outside(at: float, setting: Setting, now: float) -> float:
    """Seconds by which a moment misses a setting's time."""
    missed = max(setting.earliest - at, at - min(setting.latest, now), 0.0)
    return 0.0 if missed <= SLACK_SECONDS else missed
