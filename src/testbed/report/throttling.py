"""What a probe held back, so that new connections would not overload the site that it asks."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.journal import Series
from testbed.report.axis import Axis


@dataclass(frozen=True, slots=True)
class ThrottledRequests:
    """The samples of one probe that opened no connection of their own.

    Args:
        count: how many.
        of: how many samples there are.
        first, last: when the first and the last was due, monotonic seconds.
    """

    count: int
    of: int
    first: float
    last: float

    @classmethod
    def of_series(cls, series: Series) -> ThrottledRequests | None:
        """What a probe held back; None if nothing.

        Args:
            series: its samples, in the order in which they were due.
        """
        due = [series.scheduled[place] for place in range(len(series)) if "held" in series.attrs(place)]
        return cls(len(due), len(series), due[0], due[-1]) if due else None

    def text(self, axis: Axis) -> str:
        """One line for the page.

        Args:
            axis: the page's time.
        """
        return (
            f"The probe held back {self.count} of {self.of} requests, {axis.after(self.first)} to "
            f"{axis.after(self.last)}: new connections would have overloaded the site. Each ended with the next answer."
        )
