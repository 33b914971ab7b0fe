"""Drain of an app node: its sessions stay until they end, and new ones go to other nodes."""

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
    """Sets the node to draining in both balancers' pools, as ``testbed pool drain`` does.

    A draining member gets only the requests of its own sessions. A balancer that is off cannot
    be changed when this is healed, so the draining ends with the balancer's next start. A decision of ``testbed pool``
    lasts longer, and is in force again when this is healed.
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
        """Refuse nothing: the node itself is not needed, and may be off."""
        return None

    def inject_in_fleet(self, fleet: Fleet, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Set it to draining in every application's pool, on every balancer that runs."""
        balancers = _running(fleet)
        if not balancers:
            raise TestbedError("no balancer runs that has it in its pool", where=machine.name)
        _set(balancers, fleet, machine, "drain")

    def heal_in_fleet(self, fleet: Fleet, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Enable it in every pool again.

        Raises:
            TestbedError: a balancer is frozen, so it would still drain the node when it thaws.
        """
        frozen = [each.name for each in fleet.machines(Role.BALANCER) if each.power() is Power.FROZEN]
        if frozen:
            raise TestbedError("it is frozen and cannot run commands", where=frozen[0], fix="thaw it first")
        _set(_running(fleet), fleet, machine, "enable")


def _running(fleet: Fleet) -> list[Machine]:
    return [each for each in fleet.machines(Role.BALANCER) if each.power() is Power.ON]


def _set(balancers: list[Machine], fleet: Fleet, machine: Machine, verb: pool_member.Verb) -> None:
    topology = fleet.topology
    applications = [each for each in topology.applications if machine.name in topology.machines_of(each)]
    pool_member.decide_until_boot(balancers, verb, applications, machine.name)
