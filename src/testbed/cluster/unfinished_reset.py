"""The note that a reset is under way: until all disks are removed, they are of different times."""

from __future__ import annotations

from pathlib import Path

from testbed.errors import UsageError
from testbed.settings import Settings


def unfinished_reset(settings: Settings) -> Path:
    """Return the file that exists while a reset removes nodes and disks; it survives a killed command."""
    return settings.state_dir / "resetting"


def must_have_finished_reset(settings: Settings) -> None:
    """Refuse to start databases when a reset has removed some of the disks.

    Raises:
        UsageError: a reset was cut off.
    """
    if unfinished_reset(settings).exists():
        raise UsageError(
            "a reset was cut off, and some nodes have no disks any more",
            fix="`testbed reset` completes it; or `testbed down`",
        )
