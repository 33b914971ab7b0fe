"""An app node taken out of service gently: its users stay until they leave, new ones go elsewhere."""

from __future__ import annotations

from testbed.errors import TestbedError
from testbed.faults.fault import Fault, NoOptions
from testbed.machines import Fleet, Machine, Power
from testbed.roles.balancer import members
from testbed.topology import Node, Role
from testbed.wait import wait_until

SERVING_SECONDS = 30.0


class Drain(Fault[NoOptions]):
    """The node's members of all pools, on both balancers, are set to draining, by Apache's balancer-manager.

    mod_proxy_balancer: a draining member gets requests of sessions that are its own, and no others.  What a balancer
    was told goes when it restarts: the pool is then as configured, and every node in it.
    """

    name = "drain"
    summary = "give an app node no new sessions, as before maintenance; heal: it gets new sessions again"
    Options = NoOptions

    def unsuitable(self, node: Node, options: NoOptions) -> str | None:  # noqa: ARG002
        """Only app nodes are in the pool."""
        return None if node.role is Role.APP else "it is no app node"

    def refusal(self, machine: Machine, options: NoOptions) -> str | None:  # noqa: ARG002
        """The node itself is not asked: it may be off."""
        return None

    def inject_among(self, fleet: Fleet, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Set it to draining, on every balancer that runs."""
        done = [_set(balancer, machine.name, draining=True) for balancer in _running(fleet)]
        if not any(done):
            raise TestbedError("no balancer that runs has it in a pool", where=machine.name)

    def heal_among(self, fleet: Fleet, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Set it to serve again.

        Raises:
            TestbedError: a balancer is frozen: it would go on draining the node when it thaws.
        """
        frozen = [each.name for each in fleet.machines(Role.BALANCER) if each.power() is Power.FROZEN]
        if frozen:
            raise TestbedError("it is frozen and cannot be told anything", where=frozen[0], mend="thaw it first")
        for balancer in _running(fleet):
            _set(balancer, machine.name, draining=False)


def _running(fleet: Fleet) -> list[Machine]:
    return [each for each in fleet.machines(Role.BALANCER) if each.power() is Power.ON]


def _set(balancer: Machine, name: str, *, draining: bool) -> bool:
    """Have a balancer drain a node's members, or not; returns whether it knows any."""
    xml = wait_until(lambda: _manage(balancer), SERVING_SECONDS, f"{balancer.name} to show its pools")
    found = [each for each in members(xml) if each.name == name]
    for member in found:
        change = [f"b={member.pool}", f"w={member.url}", f"nonce={member.nonce}", f"w_status_N={int(draining)}"]
        now = members(_manage(balancer, *change))
        status = next((each.status for each in now if (each.name, each.pool) == (name, member.pool)), "")
        if ("Drn" in status.split()) is not draining:
            raise TestbedError(
                f"{name} is {status!r} in the pool of {member.pool}, whatever it is told", where=balancer.name
            )
    return bool(found)


def _manage(balancer: Machine, *changes: str) -> str:
    """Ask Apache's balancer-manager for the pool, after what is to be changed."""
    result = balancer.exec(["balancer-manager", *changes])
    if result.status:
        raise TestbedError(f"its balancer-manager does not answer: {result.stderr.strip()}", where=balancer.name)
    return result.stdout
