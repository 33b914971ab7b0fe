"""How often a probe may begin what costs the site much: a TLS handshake costs it a signature."""

from __future__ import annotations

from collections import deque

# What the cheapest site that was measured bears beside its users: a signature takes an emulated balancer 7 ms.
AT_LEAST = 10.0
# So many may begin together: a healthy site's few connections are made at once.
TOGETHER = 5.0


class Pace:
    """Lets so many begin a second as the site answered in the last one, but not fewer than ten.

    An answer makes room for one more and not for two: a site at its limit would otherwise be kept there by the probe.
    """

    def __init__(self) -> None:
        self._answered: deque[float] = deque()
        self._room = TOGETHER
        self._filled: float | None = None

    def may_begin(self, now: float) -> bool:
        """Whether one more may begin.

        Args:
            now: monotonic seconds.
        """
        while self._answered and self._answered[0] <= now - 1:
            self._answered.popleft()
        since = 0.0 if self._filled is None else now - self._filled
        self._filled = now
        self._room = min(TOGETHER, self._room + since * max(AT_LEAST, len(self._answered)))
        return self._room >= 1

    def begun(self) -> None:
        """One has begun."""
        self._room -= 1

    def answered(self, now: float) -> None:
        """One that had begun was answered.

        Args:
            now: monotonic seconds.
        """
        self._answered.append(now)
