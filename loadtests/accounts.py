"""Which user is whom: each Locust user has an account of its own while there are enough."""

from __future__ import annotations


class Accounts:
    """Hands out the accounts user01 ... userNN, the lowest free one first.

    When all are out, they are handed out again: several users then share an account, as one person does with
    two browsers.

    Args:
        count: how many there are.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._holders = dict.fromkeys(range(1, count + 1), 0)

    def take(self) -> int:
        """The number of an account, 1 to count, that as few as possible hold."""
        number = min(self._holders, key=lambda number: (self._holders[number], number))
        self._holders[number] += 1
        return number

    def give_back(self, number: int) -> None:
        """The user is gone."""
        self._holders[number] = max(0, self._holders[number] - 1)


def name(number: int) -> str:
    """The account's name."""
    return f"user{number:02d}"


def address(number: int) -> str:
    """The account's mail address."""
    return f"{name(number)}@testbed.test"


def others(number: int, count: int) -> list[int]:
    """All accounts but this one; this one where there is no other."""
    return [other for other in range(1, count + 1) if other != number] or [number]
