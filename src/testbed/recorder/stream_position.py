"""The place in a stream of stamped lines up to which they were told. Pure."""

from __future__ import annotations

from collections import Counter

# Stamps of so many lines are remembered, and of half as many when there are more.
MOST = 40_000


class StreamPosition:
    """Tells which lines of a stream are new, when it is read again from some earlier stamp.

    Lines are in order by their position in the stream. Their stamps say which line is which, and nothing about the
    order: the wall clock can step back. Several lines may bear one stamp, and are counted.

    Args:
        begin: lines before the first told one are left out if their stamps are earlier than this, in nanoseconds.
    """

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self._told: Counter[int] = Counter()
        self._pending: Counter[int] = Counter()
        self._last_before: int | None = None
        self._inside = False
        self._forgotten = False

    def before(self, stamp: int) -> None:
        """This line is the last one that is left out: every line behind it is told.

        Args:
            stamp: its stamp, nanoseconds.
        """
        self._last_before = stamp
        self._told[stamp] += 1

    def reopen(self, since: int) -> None:
        """The stream is read again.

        Args:
            since: lines with earlier stamps are not in it, nanoseconds.
        """
        self._pending = self._told.copy()
        self._inside = self._last_before is not None and self._last_before < since

    def new(self, stamp: int) -> bool:
        """Whether the line that bears this stamp has not been told yet; it is told now.

        Args:
            stamp: nanoseconds.
        """
        if self._pending.get(stamp, 0) > 0:
            self._pending[stamp] -= 1
            self._inside = True
            return False
        if not self._inside and (stamp < self.begin or self._forgotten):
            return False
        self._inside = True
        self._told[stamp] += 1
        if len(self._told) > MOST:
            self._told = Counter(dict(list(self._told.items())[-MOST // 2 :]))
            self._forgotten = True
        return True
