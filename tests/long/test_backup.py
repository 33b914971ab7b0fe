"""A backup taken while the cluster serves, and put back: what was there is there, and what came later is not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from echo import Echo
from testbed.cluster import Cluster, copy_verification
from testbed.cluster.discarded_copies import sql
from testbed.wait import wait_until


def primary(cluster: Cluster) -> str:
    name = wait_until(lambda: cluster.state().primary_database, 60, "a database that serves")
    assert name
    return name


def write(cluster: Cluster, token: str) -> None:
    sql(cluster, primary(cluster), "probe", f"insert into writes values ('{token}') returning 1")  # noqa: S608


def tokens(cluster: Cluster, node: str) -> set[str]:
    return set(sql(cluster, node, "probe", "select token from writes where token like 'backup-%'"))


def command(*arguments: str) -> None:
    program = Path(sys.executable).with_name("testbed")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr


def test_a_restored_cluster_is_that_of_the_backup(cluster: Cluster, tmp_path: Path, echo: Echo) -> None:
    file = tmp_path / "volume.tar"
    write(cluster, "backup-before")
    started = time.monotonic()
    command("backup", str(file))
    taken = time.monotonic()
    write(cluster, "backup-after")
    command("restore", "--yes", str(file))
    echo(f"backup, opened once: {taken - started:.0f} s, {file.stat().st_size / 1e6:.0f} MB; "
         f"restore {time.monotonic() - taken:.0f} s")  # fmt: skip
    node = primary(cluster)
    assert tokens(cluster, node) == {"backup-before"}
    assert all(each.replicated for each in cluster.state().databases)
    assert copy_verification.verify(cluster).equal
