"""The database's volume has the filesystem that was asked for; `make test-filesystems` asks for each."""

from __future__ import annotations

from testbed.cluster import Cluster


def test_the_volume_has_the_filesystem_that_was_asked_for(cluster: Cluster) -> None:
    primary = cluster.state().primary_database
    assert primary
    mounts = cluster.machine(primary).exec(["cat", "/proc/mounts"]).stdout.splitlines()
    [found] = [line.split()[2] for line in mounts if line.startswith("/dev/drbd0 /srv/database ")]
    assert found == cluster.topology.database.filesystem
