"""The place in a stream of stamped lines up to which they were recorded. Pure."""

from __future__ import annotations

from collections import Counter

# Stamps of so many lines are remembered, and of half as many when there are more.
MOST = 40_000


class StreamPosition:
    """Finds the new lines of a stream that is read again from an earlier stamp.

    Lines are in order by their position in the stream. Their stamps say which line is which, and nothing about the
    order: the wall clock can step back. Several lines may bear one stamp, and are counted.

    Args:
        begin: lines before the first recorded one are left out if their stamps are earlier than this, in nanoseconds.
    """

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self._recorded: Counter[int] = Counter()
        self._pending: Counter[int] = Counter()
        self._last_before: int | None = None
        self._inside = False
        self._forgotten = False

    def before(self, stamp: int) -> None:
        """Leave out this line as the last one: every line behind it is recorded.

        Args:
            stamp: its stamp, nanoseconds.
        """
        self._last_before = stamp
        self._recorded[stamp] += 1

    def reopen(self, since: int) -> None:
        """Begin to read the stream again.

        Args:
            since: lines with earlier stamps are not in it, nanoseconds.
        """
        self._pending = self._recorded.copy()
        self._inside = self._last_before is not None and self._last_before < since

    def new(self, stamp: int) -> bool:
        """Return whether the line with this stamp is new, and count it as recorded.

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
        self._recorded[stamp] += 1
        if len(self._recorded) > MOST:
            self._recorded = Counter(dict(list(self._recorded.items())[-MOST // 2 :]))
            self._forgotten = True
        return True
