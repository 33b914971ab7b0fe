"""What runs of the streaming design record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from testbed.designs.recorded_postgres import RecordedPostgres


class RecordedStreaming(RecordedPostgres):
    """PostgreSQL's role, and whether commits wait for a standby that follows."""

    decisions: ClassVar[Mapping[str, str]] = {
        "going-on-alone": "continues without its standby",
        "rejoined": "has replaced its data with the primary's",
    }
