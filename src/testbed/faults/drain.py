"""An app node taken out of service gently: its users stay until they leave, new ones go elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.errors import TestbedError
from testbed.faults.fault import Fault, NoOptions
from testbed.machines import Machine, Power
from testbed.roles import pool_member
from testbed.topology import Role

if TYPE_CHECKING:
    from testbed.machines.fleet import Fleet


class Drain(Fault[NoOptions]):
    """The node's members of both balancers' pools are set to draining, as ``testbed pool drain`` does.

    mod_proxy_balancer: a draining member gets requests of sessions that are its own, and no others. A balancer that is
    off when this is healed could not be told, so what it was told ends with its next start: a decision of
    ``testbed pool`` does not, and comes to light again when this is healed.
    """

    name = "drain"
    effect = "the app node gets no new sessions, as before maintenance"
    healing = ""
    operator_command = "testbed pool drain APPLICATION {}"
    roles = (Role.APP,)
    why_other_roles_cannot = "it is not an app node"
    is_exclusive = True
    Options = NoOptions

    def refusal(self, machine: Machine, options: NoOptions) -> str | None:  # noqa: ARG002
        """The node itself is not asked: it may be off."""
        return None

    def inject_among(self, fleet: Fleet, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Set it to draining in every application's pool, on every balancer that runs."""
        balancers = _running(fleet)
        if not balancers:
            raise TestbedError("no balancer runs that has it in its pool", where=machine.name)
        _set(balancers, fleet, machine, "drain")

    def heal_among(self, fleet: Fleet, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Set it to serve again.

        Raises:
            TestbedError: a balancer is frozen: it would go on draining the node when it thaws.
        """
        frozen = [each.name for each in fleet.machines(Role.BALANCER) if each.power() is Power.FROZEN]
        if frozen:
            raise TestbedError("it is frozen and cannot be told anything", where=frozen[0], fix="thaw it first")
        _set(_running(fleet), fleet, machine, "enable")


def _running(fleet: Fleet) -> list[Machine]:
    return [each for each in fleet.machines(Role.BALANCER) if each.power() is Power.ON]


def _set(balancers: list[Machine], fleet: Fleet, machine: Machine, verb: pool_member.Verb) -> None:
    topology = fleet.topology
    applications = [each for each in topology.applications if machine.name in topology.machines_of(each)]
    pool_member.decide_until_boot(balancers, verb, applications, machine.name)
