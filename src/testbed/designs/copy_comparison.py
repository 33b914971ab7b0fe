"""The result of a comparison of both copies of the data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CopyComparison:
    """What a comparison of both copies of the data found.

    Attributes:
        differing_kib: KiB of the volume in which they differed, in blocks of 4 KiB.
        repaired_kib: KiB that the standby got from the primary afterwards.
    """

    differing_kib: int
    repaired_kib: int = 0

    @property
    def equal(self) -> bool:
        """Whether both copies are equal now."""
        return self.repaired_kib == self.differing_kib
