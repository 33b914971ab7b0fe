"""A split brain resolved: one side keeps its data, the other's is overwritten.

DRBD stays apart when both sides were written to, and rightly so: which side to keep is for people to decide. A
testbed has to go on after it has measured what was lost, so it keeps the side that serves and says which it dropped.
"""

from __future__ import annotations

from testbed.cluster.cluster import Cluster
from testbed.errors import TestbedError
from testbed.wait import wait_until

SERVING_SECONDS = 60.0
DISCARD = "drbdadm disconnect database; drbdadm secondary database && drbdadm connect --discard-my-data database"
RECONNECT = "grep -q cs:StandAlone /proc/drbd && drbdadm connect database || true"


def repair_split_brain(cluster: Cluster) -> str:
    """Keep the data of the machine that serves; the other's is overwritten by it.

    Returns:
        The machine whose data was discarded.

    Raises:
        TestbedError: nobody serves, or DRBD refuses.
    """
    survivor: str = wait_until(
        lambda: cluster.state().primary_database or "", SERVING_SECONDS, "one database machine to serve",
        hint="`testbed status` shows both; `testbed down` and `testbed up` make a fresh cluster",
        describe=lambda: cluster.state().databases,
    )  # fmt: skip
    [loser] = [each.node for each in cluster.state().databases if each.node != survivor]
    wait_until(
        lambda: _is_spare(cluster, loser), SERVING_SECONDS, f"{loser} to have let go of its data",
        describe=lambda: cluster.state().databases,
    )  # fmt: skip
    for node, script in ((loser, DISCARD), (survivor, RECONNECT)):
        result = cluster.machine(node).exec(["sh", "-c", script])
        if result.status:
            raise TestbedError(f"DRBD does not reconnect: {result.stderr.strip()}", where=node)
    return loser


def _is_spare(cluster: Cluster, node: str) -> bool:
    return any(each.node == node and each.reachable and not each.mounted for each in cluster.state().databases)
