"""Whether both database nodes hold the same blocks, which no state of replication shows."""

from __future__ import annotations

from testbed.cluster.cluster import Cluster
from testbed.designs.copy_comparison import CopyComparison
from testbed.designs.design_registry import design_of
from testbed.errors import UsageError


def primary(cluster: Cluster) -> str:
    """Name the node that both copies are compared from.

    Raises:
        UsageError: no node serves, or its peer is not connected with a complete copy.
    """
    design_of(cluster.topology).must_compare_copies()
    state = cluster.state()
    name = state.primary_database
    complete = [each.node for each in state.databases if each.replicated]
    if name is None or len(complete) != len(state.databases):
        replication = design_of(cluster.topology).replication
        raise UsageError(
            f"the copies cannot be compared: {replication} is not connected and up to date on both database nodes",
            fix="`testbed status` shows the cluster, `testbed up` repairs it",
        )
    return name


def verify(cluster: Cluster, *, repair: bool = False) -> CopyComparison:
    """Compare both copies of the database's volume, block by block, while they are in use.

    A test or a hunt calls this at its end: ``testbed status`` calls copies healthy that differ.

    Args:
        cluster: a healthy cluster.
        repair: give the standby the primary's blocks where they differ.

    Raises:
        UsageError: replication is not connected and up to date on both nodes; nothing was started.
        TestbedError: the copies could not be compared, or not repaired.
    """
    return design_of(cluster.topology).compare_copies(cluster.machine(primary(cluster)), repair=repair)


def verify_as_daily(cluster: Cluster, within: float) -> CopyComparison | None:
    """Compare and repair the copies as the cluster's profile does each day, but now.

    Args:
        cluster: a healthy cluster.
        within: seconds after which to give up.

    Returns:
        What was found; None under a profile that compares nothing.

    Raises:
        UsageError: replication is not connected and up to date on both nodes; nothing was started.
        TestbedError: the copies could not be compared, or not repaired.
    """
    design = design_of(cluster.topology)
    return None if design.why_no_comparison else design.compare_as_daily(cluster.machine(primary(cluster)), within)
