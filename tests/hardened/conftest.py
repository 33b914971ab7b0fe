"""These tests are of the hardened profile: on the reference they would fail by design."""

from __future__ import annotations

import pytest

from testbed.cluster import Cluster


@pytest.fixture(scope="session", autouse=True)
def hardened(running: Cluster) -> None:
    """Refuse the other profile before anything is broken."""
    if running.topology.profile != "hardened":
        pytest.exit("these tests need the profile hardened: `make test-hardened` brings it up", returncode=2)
