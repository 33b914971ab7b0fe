"""The cluster on the filesystem that it was built with: what the name promises, and what moves and fills it.

`make test-filesystems` builds the database's disk with each of the others in turn.
"""

from __future__ import annotations

import pytest

from playing import play
from telling import Tell
from testbed.cluster import Cluster


def mounted(cluster: Cluster) -> str:
    """The filesystem on the DRBD device of the machine that serves."""
    primary = cluster.state().primary_database
    assert primary
    [found] = [
        line.split()[2]
        for line in cluster.machine(primary).exec(["cat", "/proc/mounts"]).stdout.splitlines()
        if line.startswith("/dev/drbd0 /srv/database ")
    ]
    return found


def test_the_volume_has_the_filesystem_that_was_asked_for(cluster: Cluster) -> None:
    assert mounted(cluster) == cluster.topology.database.filesystem


@pytest.mark.parametrize("name", ["database-power-loss", "database-disk-full"])
def test_an_incident_on_it(cluster: Cluster, tell: Tell, name: str) -> None:
    play(cluster, tell, name)
