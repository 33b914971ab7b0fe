"""Proof that the cluster serves: a user logs in through the site's virtual address and sees mail."""

from __future__ import annotations

from testbed.cluster.cluster import Cluster
from testbed.machines.machine import off_reason
from testbed.topology import Role
from testbed.wait import wait_until

DEADLINE_SECONDS = 60.0


def first_page(cluster: Cluster, user: str = "user01", site: str = "cluster") -> str:
    """Log in from the client's network until it works.

    Args:
        user: who logs in.
        site: where: a key of ``Topology.sites``.

    Returns:
        Who answered and how long it took, as ``python -m testbed.probes.login`` prints it.

    Raises:
        WaitTimeout: the login fails; the message quotes the webmail.
    """
    [client] = cluster.fleet.machines(Role.CLIENT)
    base = f"https://{cluster.topology.sites[site]}"

    def visit() -> str:
        result = client.exec(["python3", "-m", "testbed.probes.login", "--base", base, "--user", user], timeout=60)
        return result.check("the login failed", client.name).strip()

    return wait_until(
        visit, DEADLINE_SECONDS, f"{user} to see mail at {base}",
        hint="`testbed logs lb1 lb2 app-1 app-2` may show why", fatal=lambda: off_reason(client),
    )  # fmt: skip
