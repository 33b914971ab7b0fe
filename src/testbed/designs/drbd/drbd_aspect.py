"""The aspects of a database node that DRBD adds to a journal."""

from __future__ import annotations

from enum import StrEnum


class DrbdAspect(StrEnum):
    """The parts of the volume whose states are followed, with the values they take."""

    ROLE = "drbd-role"  # Primary, Secondary
    CONNECTION = "drbd-connection"  # Connected, WFConnection, StandAlone, SyncSource ...
    DISK = "drbd-disk"  # UpToDate, Inconsistent, Diskless, Failed ...
    PEER_DISK = "drbd-peer-disk"  # the other side's, as far as this one knows: DUnknown when it does not
    MOUNT = "mount"  # mounted, none
