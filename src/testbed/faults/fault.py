"""What a fault promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from testbed.errors import TestbedError
from testbed.machines import Fleet, Machine, Power
from testbed.machines.machine import off_reason
from testbed.topology import Node
from testbed.wait import wait_until

READY_SECONDS = 60.0


class FaultOptions(BaseModel):
    """What a fault can be told; each fault has its own, and unknown ones are mistakes.

    Every option can be written as text and read back from it: the ledger keeps it so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoOptions(FaultOptions):
    """A fault that needs to be told nothing."""


Given = TypeVar("Given", bound=FaultOptions)


class Fault(ABC, Generic[Given]):
    """Something that goes wrong with one machine, and can be undone.

    Attributes:
        name: what the user types.
        summary: one line for the list of faults.
        Options: what it can be told.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    Options: type[Given]

    def unsuitable(self, node: Node, options: Given) -> str | None:  # noqa: ARG002
        """Why no machine of ``node`` can ever suffer it, or None; from the topology alone."""
        return None

    def refusal(self, machine: Machine, options: Given) -> str | None:  # noqa: ARG002
        """Why this machine cannot suffer it at this moment, or None; by default it must be on."""
        return must_run(machine)

    @abstractmethod
    def inject_among(self, fleet: Fleet, machine: Machine, options: Given) -> None:
        """Do it to ``machine`` of ``fleet``; when this returns, the fault is in force."""

    @abstractmethod
    def heal_among(self, fleet: Fleet, machine: Machine, options: Given) -> None:
        """Undo it; a second time, or on a machine that was restarted meanwhile, changes nothing."""


class MachineFault(Fault[Given]):
    """A fault that touches no machine but the one it strikes."""

    def inject_among(self, fleet: Fleet, machine: Machine, options: Given) -> None:  # noqa: ARG002
        """Do it."""
        self.inject(machine, options)

    def heal_among(self, fleet: Fleet, machine: Machine, options: Given) -> None:  # noqa: ARG002
        """Undo it."""
        self.heal(machine, options)

    @abstractmethod
    def inject(self, machine: Machine, options: Given) -> None:
        """Do it; when this returns, the fault is in force."""

    @abstractmethod
    def heal(self, machine: Machine, options: Given) -> None:
        """Undo it; a second time, or on a machine that was restarted meanwhile, changes nothing."""


def must_run(machine: Machine) -> str | None:
    """Refusal of a machine whose system does not run, or None."""
    return None if machine.power() is Power.ON else "its system does not run"


def awake(machine: Machine) -> bool:
    """Whether a machine's system can be told to undo something; one that is booting is waited for.

    Returns:
        False when it is off: what was done to its running system has gone with it.

    Raises:
        TestbedError: it is frozen, or does not come.
    """
    power = machine.power()
    if power is Power.OFF:
        return False
    if power is Power.FROZEN:
        raise TestbedError("it is frozen and cannot be told anything", where=machine.name, mend="thaw it first")
    wait_until(
        machine.ready, READY_SECONDS, f"{machine.name} to answer",
        hint=f"`testbed logs {machine.name}`", fatal=lambda: off_reason(machine),
    )  # fmt: skip
    return True


def done(machine: Machine, script: str, failure: str, timeout: float = 30) -> str:
    """Run a shell script on a machine.

    Args:
        machine: the machine.
        script: for ``sh``.
        failure: what has failed when it fails, for the message.
        timeout: seconds.

    Returns:
        What it wrote.

    Raises:
        TestbedError: it failed.
    """
    return machine.exec(["sh", "-c", script], timeout=timeout).check(failure, machine.name)
