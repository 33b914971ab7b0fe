"""Repair of a cluster between two runs, by the mildest means that works; no data is deleted but by a split brain."""

from __future__ import annotations

from docker.errors import DockerException

from testbed.cluster import lifecycle
from testbed.cluster.cluster import Cluster
from testbed.errors import TestbedError, UsageError
from testbed.progress import Progress

HEAL_SECONDS = 120.0
QUICK_SECONDS = 5.0
HEAL, UP = "testbed heal", "testbed up"
# What a run may end by that is a finding about the cluster, or something that the next one need not suffer from.
TROUBLE = (TestbedError, DockerException, OSError)


class NotRepairedError(TestbedError):
    """Neither ``testbed heal`` nor ``testbed up`` makes the cluster healthy."""


def repair_cluster(cluster: Cluster, progress: Progress) -> str:
    """Make the cluster healthy: look at it, heal it, bring it up.

    Args:
        progress: shows which means did not help.

    Returns:
        The means that helped, empty if the cluster was healthy.

    Raises:
        NotRepairedError: none helped.
    """
    last: Exception | None = None
    for means, repair in (("", _look), (HEAL, _heal), (UP, lifecycle.up)):
        try:
            repair(cluster, progress)
        except UsageError:
            raise
        except TROUBLE as error:
            last = error
            if means:
                progress.print_line(f"      {means} does not repair the cluster: {error}")
        else:
            return means
    raise NotRepairedError(f"the cluster cannot be repaired: {last}")


def _look(cluster: Cluster, _: Progress) -> None:
    if entries := cluster.ledger.entries():
        raise TestbedError(f"{entries[0].fault} is in force", where=entries[0].node)
    lifecycle.wait_healthy(cluster, QUICK_SECONDS)


def _heal(cluster: Cluster, progress: Progress) -> None:
    lifecycle.heal(cluster, progress)
    lifecycle.make_healthy(cluster, HEAL_SECONDS)
