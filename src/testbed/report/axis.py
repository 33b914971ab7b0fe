"""The one time axis that everything on a report's page shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor, inf

UNITS = 100_000  # of a plot's width: in a ten-minute run, one is 6 ms
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
LABELS = 12
MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled moment.

    Args:
        left: percent of the width.
        text: seconds after zero.
        wall: the wall clock's time.
        minor: whether a narrow page does without it.
    """

    left: float
    text: str
    wall: str
    minor: bool


@dataclass(frozen=True, slots=True)
class Axis:
    """Monotonic seconds, laid out.

    Args:
        begin, end: what the page shows.
        zero: what is counted from.
        zero_name: what happened then.
        wall_offset: see ``Journal.wall_offset``.
    """

    begin: float
    end: float
    zero: float
    zero_name: str
    wall_offset: float

    @property
    def span(self) -> float:
        """Seconds from begin to end; more than nothing."""
        return max(self.end - self.begin, 0.001)

    def percent(self, at: float) -> float:
        """Where a moment lies, in percent of the width; what lies outside is at the edge."""
        return round(100 * self._fraction(at), 4)

    def units(self, at: float) -> int:
        """Where a moment lies, in a plot's units."""
        return round(UNITS * self._fraction(at))

    def after(self, at: float | None) -> str:
        """A moment as seconds after zero, ``+12.34 s``."""
        if at is None or at in (inf, -inf):
            return DASH
        return format_signed(at - self.zero)

    def wall(self, at: float) -> str:
        """A moment as the wall clock's time here, to the millisecond."""
        if at in (inf, -inf):
            return ""
        return datetime.fromtimestamp(at + self.wall_offset).astimezone().strftime("%H:%M:%S.%f")[:-3]

    def ticks(self) -> list[Tick]:
        """Return round moments, few enough to read; each has its seconds after zero and its wall clock time."""
        step = next((each for each in STEPS if self.span / each <= LABELS), STEPS[-1])
        first, last = ceil((self.begin - self.zero) / step), floor((self.end - self.zero) / step)
        moments = [(number, self.zero + number * step) for number in range(first, last + 1)]
        return [
            Tick(self.percent(at), _plain(number * step), self.wall(at)[:-4], bool(number % 3))
            for number, at in moments
        ]  # fmt: skip

    def _fraction(self, at: float) -> float:
        return min(max((at - self.begin) / self.span, 0.0), 1.0)


def format_signed(value: float, digits: int = 2) -> str:
    """Seconds with their sign."""
    return f"{'+' if value >= 0 else MINUS}{abs(value):.{digits}f} s"


def _plain(value: float) -> str:
    text = f"{abs(value):g}"
    return f"{MINUS}{text}" if value < 0 else text
