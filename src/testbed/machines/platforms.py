"""The operating system of each platform."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.machines.linux import Linux
from testbed.machines.openbsd_system import OpenBSD
from testbed.machines.systems import System

# By the key of the Compose file (x-testbed: {platform: ...}).
SYSTEMS: Mapping[str, System] = {"debian": Linux(), "openbsd": OpenBSD()}
