"""Commands that replace the databases' disks: a note exists until all are replaced, also after a killed command."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from testbed.errors import UsageError
from testbed.settings import Settings


class DiskChange(Enum):
    """A command that replaces disks one after the other. In between, they do not belong together.

    The value is the note's file name, what is wrong while it exists, and how to fix it.
    """

    RESTORE = (
        "restoring",
        "a restore was cut off, and the databases' disks are of different times",
        "`testbed restore FILE` replaces both; or `testbed down`",
    )
    RESET = (
        "resetting",
        "a reset was cut off, and some nodes have no disks any more",
        "`testbed reset` completes it; or `testbed down`",
    )

    def note(self, settings: Settings) -> Path:
        """Return the file that exists while the command replaces disks."""
        return settings.state_dir / self.value[0]


def must_have_complete_disks(settings: Settings) -> None:
    """Refuse to start databases on disks that do not belong together.

    Raises:
        UsageError: a command that replaces disks was cut off.
    """
    for change in DiskChange:
        if change.note(settings).exists():
            _, what, fix = change.value
            raise UsageError(what, fix=fix)


def forget_disk_changes(settings: Settings) -> None:
    """Delete all notes, because the disks no longer exist."""
    for change in DiskChange:
        change.note(settings).unlink(missing_ok=True)
