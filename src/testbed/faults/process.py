"""A service dies, or hangs, on a machine that lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from testbed.faults import database
from testbed.faults.fault import FaultOptions, MachineFault, awake, must_run
from testbed.faults.processes import SERVICES, running, signal
from testbed.machines import Machine
from testbed.machines.platforms import SYSTEMS
from testbed.topology import Node, Role
from testbed.wait import wait_until

GONE_SECONDS = 10.0

if TYPE_CHECKING:
    ServiceName = str
else:
    ServiceName = Literal[tuple(SERVICES)]


class ProcessOptions(FaultOptions):
    """Options of the faults of processes."""

    process: ServiceName = Field(description="Which service; php-worker is one process of an app node's Apache.")


class ProcessFault(MachineFault[ProcessOptions]):
    """What both have in common: the machine must run the service."""

    Options = ProcessOptions
    roles = tuple(role for role in Role if any(role in service.roles for service in SERVICES.values()))
    hunt_weight = 2

    def moves_sessions(self, options: Mapping[str, str]) -> bool:
        """Return whether it is the web server that dies or hangs."""
        return options.get("process") == "apache"

    def expected_alarms(self, options: Mapping[str, str]) -> tuple[str, ...]:
        """Return the log patterns of the service whose processes die or hang."""
        service = SERVICES.get(options.get("process", ""))
        return service.alarms if service else ()

    def draw_options(self, chance: Random, target: str, node: Node) -> dict[str, str]:
        """Draw a service of the node; PostgreSQL runs on the primary alone."""
        here = [name for name, service in SERVICES.items() if node.role in service.roles]
        suitable = [name for name in here if name != "postgres" or target == "db:primary"]
        return {"process": chance.choice(suitable or [""])}

    def unsuitable(self, node: Node, options: ProcessOptions) -> str | None:
        """Only machines of certain roles run it."""
        if node.role in SERVICES[options.process].roles:
            return SYSTEMS[node.keys.platform].absent.get(options.process)
        here = [name for name, service in SERVICES.items() if node.role in service.roles]
        return f"it runs no {options.process}" + (f" (but {', '.join(here)})" if here else "")

    def refusal(self, machine: Machine, options: ProcessOptions) -> str | None:
        """It must be running at this moment: a spare has no PostgreSQL."""
        if reason := must_run(machine):
            return reason
        return None if running(machine, SERVICES[options.process]) else f"no {options.process} runs there now"


class ProcessKill(ProcessFault):
    """The service's processes are killed at once.

    A supervisor restarts what it supervises; PostgreSQL has none in the design of 2006, so healing starts it again
    where it is to serve.
    """

    name = "process-kill"
    effect = "kill a service's processes (SIGKILL)"
    healing = "start PostgreSQL again, the others have a supervisor"

    def inject(self, machine: Machine, options: ProcessOptions) -> None:
        """Kill, and wait until they are gone: a busy machine takes its time."""
        victims = running(machine, SERVICES[options.process])
        signal(machine, "KILL", victims)
        killed = {each.pid for each in victims}
        wait_until(
            lambda: not killed & {each.pid for each in running(machine, SERVICES[options.process])},
            GONE_SECONDS, f"{options.process} on {machine.name} to be gone",
        )  # fmt: skip

    def heal(self, machine: Machine, options: ProcessOptions) -> None:
        """Start what nobody else would start."""
        if options.process == "postgres" and machine.node.role is Role.DATABASE and awake(machine):
            database.restart(machine)


class ProcessHang(ProcessFault):
    """The service's processes hang: they keep what they hold, and answer no request."""

    name = "process-hang"
    effect = "a service's processes hang (SIGSTOP)"
    healing = "let them go on (SIGCONT)"
    former_names = ("process-stop",)

    def inject(self, machine: Machine, options: ProcessOptions) -> None:
        """Stop them; those that were born meanwhile too."""
        service = SERVICES[options.process]
        signal(machine, "STOP", running(machine, service))
        if not service.worker:
            signal(machine, "STOP", [each for each in running(machine, service) if each.state != "T"])

    def heal(self, machine: Machine, options: ProcessOptions) -> None:
        """Let all of them go on that are stopped."""
        if awake(machine):
            whole = replace(SERVICES[options.process], worker=False)
            signal(machine, "CONT", [each for each in running(machine, whole) if each.state == "T"])
