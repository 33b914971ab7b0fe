"""A split brain is reported, resolved by people, and the data of the losing side are kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from echo import Echo
from testbed import faults
from testbed.cluster import Cluster, discarded_copies, lifecycle
from testbed.topology import Role
from testbed.wait import wait_until

TESTBED = Path(sys.executable).with_name("testbed")
WRITE = "insert into writes (token) values ('{}') returning token"


def typed(*arguments: str, status: int = 0) -> str:
    result = subprocess.run([TESTBED, *arguments], capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == status, f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}"
    return result.stdout + result.stderr


def hand_to_the_preferred(cluster: Cluster) -> str:
    """Have the database that UCARP prefers serve: after a hang, it goes on only if the other is not preferred.

    The other one would step down, and if it does so before DRBD has connected again, DRBD heals by itself.
    """
    nodes = cluster.topology.of_role(Role.DATABASE)
    preferred = min(nodes, key=lambda node: int(node.environment["CARP_ADVSKEW"])).name
    serving = cluster.state().primary_database or ""
    if serving != preferred:
        faults.inject(cluster.fleet, cluster.ledger, "resign", serving)
        wait_until(lambda: cluster.state().primary_database == preferred, 60, f"{preferred} to take over")
        faults.heal_all(cluster.fleet, cluster.ledger)
        lifecycle.wait_healthy(cluster, 60)
    return preferred


def part(cluster: Cluster) -> tuple[str, str]:
    """Have both sides written to: one hangs, the other takes over, and the first wakes up. Who serves, and who not."""
    first = hand_to_the_preferred(cluster)
    [second] = [each.node for each in cluster.state().databases if each.node != first]
    faults.inject(cluster.fleet, cluster.ledger, "freeze", first)
    wait_until(lambda: cluster.state().primary_database == second, 60, f"{second} to take over")
    discarded_copies.sql(cluster, second, "probe", WRITE.format(f"only-on-{second}"))
    faults.heal_all(cluster.fleet, cluster.ledger)
    wait_until(
        lambda: cluster.state().split_brain, 60, "both sides to part", describe=lambda: cluster.state().databases
    )
    serving = wait_until(lambda: cluster.state().primary_database or "", 60, "one to serve")
    return serving, second if serving == first else first


def test_a_healthy_pair_has_nothing_to_resolve(cluster: Cluster) -> None:  # noqa: ARG001
    assert "there is no split brain: DRBD is db1 Connected" in typed("resolve", "split-brain", status=2)
    assert "'db9' is not a database node; they are db1 and db2" in typed(
        "resolve", "split-brain", "--keep", "db9", status=2
    )
    assert "no such copy" in typed("resolve", "read", "nowhere.qcow2", "select 1", status=2)


def test_what_is_dropped_can_be_read_afterwards(cluster: Cluster, echo: Echo) -> None:
    if cluster.topology.profile != "reference":
        pytest.skip("the hardened profile lets no split brain come about this way")
    serving, loser = part(cluster)
    mine = f"kept-on-{serving}"
    discarded_copies.sql(cluster, serving, "probe", WRITE.format(mine))
    # Each command reports it at once, and none resolves it without the request.
    reported = typed("status", "--json", status=1)
    assert any("split brain" in each for each in json.loads(reported)["complaints"])
    assert "`testbed resolve split-brain`" in typed("heal", status=4)
    assert cluster.state().split_brain

    output = typed("resolve", "split-brain", "--yes")
    echo(" ".join(output.split()))
    lifecycle.wait_healthy(cluster, 60)
    assert f"{serving} keeps its data" in output
    assert f"{loser} is overwritten" in output
    folder = cluster.settings.state_dir / discarded_copies.FOLDER
    copy = max(folder.glob(f"*-{loser}.qcow2"), key=lambda it: it.stat().st_mtime)
    assert str(copy) in output

    # Each side's row was on that side alone; the loser's is in its copy, and no longer in what is served.
    served = discarded_copies.sql(cluster, serving, "probe", "select token from writes where token like '%-on-db_'")
    rows = typed(
        "resolve", "read", str(copy), "select token from writes where token like '%-on-db_'", "--database", "probe"
    )
    copied = [line for line in rows.splitlines() if "-on-db" in line]
    assert mine in served
    assert mine not in copied
    lone = {f"only-on-{loser}"} & {*served, *copied}
    assert lone <= set(copied) - set(served)
    copy.unlink()
