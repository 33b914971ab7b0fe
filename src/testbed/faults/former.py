"""Faults that had another name once: files are answered with the new one, records on the disk are healed."""

from __future__ import annotations

from collections.abc import Mapping

FORMER_NAMES: Mapping[str, str] = {"process-stop": "process-hang"}
