"""The base classes of faults."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from testbed.errors import TestbedError
from testbed.machines import Machine, Power
from testbed.machines.machine import off_reason
from testbed.topology import Node, Role
from testbed.wait import wait_until

if TYPE_CHECKING:
    from testbed.machines.fleet import Fleet

READY_SECONDS = 60.0


class FaultOptions(BaseModel):
    """The options of a fault. Unknown options are refused.

    Every option can be written as text and parsed again, because the ledger records text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoOptions(FaultOptions):
    """The options of a fault that has none."""


OptionsT = TypeVar("OptionsT", bound=FaultOptions)


class Fault(ABC, Generic[OptionsT]):
    """Something that goes wrong with one node, and can be undone.

    All that testbed knows of a fault stands in its class. To add one, write its file, and add a line to the registry.

    Attributes:
        name: what the user types.
        effect: what happens, in one line.
        healing: what healing does, in one line.
        Options: the model of its options.
        former_names: names that it had in earlier versions.
        operator_command: the command of an operation, which an operator does to a healthy node, with ``{}`` for the
            target. Nothing breaks, so it is not a fault, but it is recorded and undone like one. Empty for a fault.
        roles: the roles of the nodes that can suffer it; None: all.
        why_other_roles_cannot: the reason that nodes of other roles are refused.
        why_containers_cannot: the reason that containers are refused; empty: they can suffer it.
        stops_node: whether the node's system does not run while it is in force.
        cuts_network: whether no packet passes on the networks that it strikes, in the directions that it strikes.
        drops_by_rule: whether it drops packets by nftables rules, which ``options.rule_name`` names.
        alarms: the log patterns that it brings about by itself, whatever the cluster does.
        hunt_weight: how often a hunt draws it; 0: never.
        hunt_targets: the targets at which a hunt draws it; empty: all that can suffer it.
        is_exclusive: whether a second one of the same node is refused while one is in force.
    """

    name: ClassVar[str]
    effect: ClassVar[str]
    healing: ClassVar[str]
    Options: type[OptionsT]
    former_names: ClassVar[tuple[str, ...]] = ()
    operator_command: ClassVar[str] = ""
    roles: ClassVar[tuple[Role, ...] | None] = None
    why_other_roles_cannot: ClassVar[str] = ""
    why_containers_cannot: ClassVar[str] = ""
    stops_node: ClassVar[bool] = False
    cuts_network: ClassVar[bool] = False
    drops_by_rule: ClassVar[bool] = False
    alarms: ClassVar[tuple[str, ...]] = ()
    hunt_weight: ClassVar[float] = 1
    hunt_targets: ClassVar[tuple[str, ...]] = ()
    is_exclusive: ClassVar[bool] = False

    @property
    def summary(self) -> str:
        """What happens and what healing does, in one line."""
        return f"{self.effect}; heal: {self.healing}" if self.healing else self.effect

    def moves_sessions(self, options: Mapping[str, str]) -> bool:  # noqa: ARG002
        """Whether the sessions of a struck app node must move, because the node serves none while it is in force.

        Args:
            options: as text, as the journal has them.
        """
        return self.stops_node or self.cuts_network

    def expected_alarms(self, options: Mapping[str, str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the log patterns that it brings about with these options, which are text."""
        return self.alarms

    def draw_options(self, chance: Random, target: str, node: Node) -> dict[str, str]:  # noqa: ARG002
        """Draw options for a hunt, as text; by default none but the network, which the hunt draws.

        Args:
            chance: makes the choice.
            target: the part of the cluster that it strikes, such as ``db:primary``.
            node: the service there.
        """
        return {}

    def why_unsuitable(self, node: Node, options: OptionsT) -> str | None:  # noqa: ARG002
        """Return why no node of a service can ever suffer it, or None; from the topology alone."""
        if self.roles is not None and node.role not in self.roles:
            return self.why_other_roles_cannot
        return self.why_containers_cannot if node.keys.machine != "virtual" and self.why_containers_cannot else None

    def refusal(self, machine: Machine, options: OptionsT) -> str | None:  # noqa: ARG002
        """Return why this node cannot suffer it at this moment, or None; by default its system must run."""
        return why_not_running(machine)

    @abstractmethod
    def inject_in_fleet(self, fleet: Fleet, machine: Machine, options: OptionsT) -> None:
        """Inject it into ``machine``; when this returns, the fault is in force."""

    @abstractmethod
    def heal_in_fleet(self, fleet: Fleet, machine: Machine, options: OptionsT) -> None:
        """Undo it; a second time, or on a node that was restarted meanwhile, this changes nothing."""


class MachineFault(Fault[OptionsT]):
    """A fault that needs no node but the one that it strikes."""

    def inject_in_fleet(self, fleet: Fleet, machine: Machine, options: OptionsT) -> None:  # noqa: ARG002
        """Inject it."""
        self.inject(machine, options)

    def heal_in_fleet(self, fleet: Fleet, machine: Machine, options: OptionsT) -> None:  # noqa: ARG002
        """Undo it."""
        self.heal(machine, options)

    @abstractmethod
    def inject(self, machine: Machine, options: OptionsT) -> None:
        """Inject it; when this returns, the fault is in force."""

    @abstractmethod
    def heal(self, machine: Machine, options: OptionsT) -> None:
        """Undo it; a second time, or on a node that was restarted meanwhile, this changes nothing."""


def why_not_running(machine: Machine) -> str | None:
    """Return why a node cannot run commands, or None."""
    return None if machine.power() is Power.ON else "its system does not run"


def wait_until_ready(machine: Machine) -> bool:
    """Wait until a node runs commands, for example because it still boots.

    Returns:
        False when it is off: then nothing of its running system has to be undone.

    Raises:
        TestbedError: it is frozen, or does not answer in time.
    """
    power = machine.power()
    if power is Power.OFF:
        return False
    if power is Power.FROZEN:
        raise TestbedError("it is frozen and cannot run commands", where=machine.name, fix="thaw it first")
    wait_until(
        machine.ready, READY_SECONDS, f"{machine.name} to answer",
        hint=f"`testbed logs {machine.name}`", fatal=lambda: off_reason(machine),
    )  # fmt: skip
    return True


def run_script(machine: Machine, script: str, failure: str, timeout: float = 30) -> str:
    """Run a shell script on a machine.

    Args:
        machine: the machine.
        script: for ``sh``.
        failure: beginning of the error message if it fails.
        timeout: seconds.

    Returns:
        Its standard output.

    Raises:
        TestbedError: it failed.
    """
    return machine.exec(["sh", "-c", script], timeout=timeout).check(failure, machine.name)
