"""The limit on the TLS handshakes of a probe, because each costs the site a signature."""

from __future__ import annotations

from collections import deque

# The slowest site that was measured can do so many beside its users: a signature takes an emulated balancer 7 ms.
AT_LEAST = 10.0
# So many may begin at once, because a healthy site needs few connections.
TOGETHER = 5.0


class HandshakeRate:
    """Allows as many handshakes a second as the site answered in the last second, and at least ten.

    Each answer allows one more and not two. Otherwise the probe would keep an overloaded site overloaded.
    """

    def __init__(self) -> None:
        self._answered: deque[float] = deque()
        self._room = TOGETHER
        self._filled: float | None = None

    def may_begin(self, now: float) -> bool:
        """Return whether one more may begin.

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
        """Count one that has begun."""
        self._room -= 1

    def answered(self, now: float) -> None:
        """Count one that was answered.

        Args:
            now: monotonic seconds.
        """
        self._answered.append(now)
