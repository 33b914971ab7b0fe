"""What runs of the Patroni design record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from testbed.designs.recorded_postgres import RecordedPostgres


class RecordedPatroni(RecordedPostgres):
    """PostgreSQL's role, whether the standby follows, and what Patroni decides."""

    decisions: ClassVar[Mapping[str, str]] = {
        "leader-lock": "has the leader lock",
        "demoted": "is demoted",
        "crash-recovery": "recovers its PostgreSQL in single-user mode",
        "copied-from-leader": "has a new copy of the leader's data",
    }
