"""A service that dies or hangs, while its node runs on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from testbed.designs.design_registry import design_of
from testbed.faults.fault import FaultOptions, MachineFault, wait_until_ready, why_not_running
from testbed.faults.service_processes import SERVICES, send_signal, service_processes
from testbed.machines import Machine
from testbed.machines.platforms import SYSTEMS
from testbed.topology import Node, Role
from testbed.wait import wait_until

GONE_SECONDS = 10.0

if TYPE_CHECKING:
    from testbed.machines.fleet import Fleet

    ServiceName = str
else:
    ServiceName = Literal[tuple(SERVICES)]


class ProcessOptions(FaultOptions):
    """Options of the faults of processes."""

    process: ServiceName = Field(description="Which service; php-worker is one process of an app node's Apache.")


class ProcessFault(MachineFault[ProcessOptions]):
    """The common part of both: the node must run the service."""

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
        here = [name for name, service in SERVICES.items() if service.runs_on(node)]
        suitable = [name for name in here if name != "postgres" or target == "db:primary"]
        return {"process": chance.choice(suitable or [""])}

    def why_unsuitable(self, node: Node, options: ProcessOptions) -> str | None:
        """Return the reason if nodes of this role or platform do not run the service."""
        if SERVICES[options.process].runs_on(node):
            return SYSTEMS[node.keys.platform].absent.get(options.process)
        here = [name for name, service in SERVICES.items() if service.runs_on(node)]
        return f"it runs no {options.process}" + (f" (but {', '.join(here)})" if here else "")

    def refusal(self, machine: Machine, options: ProcessOptions) -> str | None:
        """Refuse a node on which the service does not run now, such as PostgreSQL on a standby."""
        if reason := why_not_running(machine):
            return reason
        return None if service_processes(machine, SERVICES[options.process]) else f"no {options.process} runs there now"


class ProcessKill(ProcessFault):
    """Kills the processes of a service at once.

    A supervisor restarts other services. In the 2006 design PostgreSQL has none, so healing starts it again on the node
    that should serve.
    """

    name = "process-kill"
    effect = "kill a service's processes (SIGKILL)"
    healing = "start PostgreSQL again; other services have a supervisor"

    def inject(self, machine: Machine, options: ProcessOptions) -> None:
        """Kill them, and wait until they are gone, which takes a busy node a moment."""
        victims = service_processes(machine, SERVICES[options.process])
        send_signal(machine, "KILL", victims)
        killed = {each.pid for each in victims}
        wait_until(
            lambda: not killed & {each.pid for each in service_processes(machine, SERVICES[options.process])},
            GONE_SECONDS, f"{options.process} on {machine.name} to be gone",
        )  # fmt: skip

    def heal_in_fleet(self, fleet: Fleet, machine: Machine, options: ProcessOptions) -> None:
        """Start PostgreSQL, or a daemon of the database design, as the design does."""
        design = design_of(fleet.topology)
        own = ("postgres", *design.layout.daemons)
        if machine.node.role is not Role.DATABASE or options.process not in own or not wait_until_ready(machine):
            return
        if options.process == "postgres":
            design.restart_postgres(machine)
        else:
            design.restart_daemon(machine, options.process)

    def heal(self, machine: Machine, options: ProcessOptions) -> None:
        """Change nothing: other services have a supervisor."""


class ProcessHang(ProcessFault):
    """Lets the processes of a service hang: they keep their resources, and answer no request."""

    name = "process-hang"
    effect = "a service's processes hang (SIGSTOP)"
    healing = "let them go on (SIGCONT)"
    former_names = ("process-stop",)

    def inject(self, machine: Machine, options: ProcessOptions) -> None:
        """Send SIGSTOP to them, including those that were started meanwhile."""
        service = SERVICES[options.process]
        send_signal(machine, "STOP", service_processes(machine, service))
        if not service.worker:
            send_signal(machine, "STOP", [each for each in service_processes(machine, service) if each.state != "T"])

    def heal(self, machine: Machine, options: ProcessOptions) -> None:
        """Send SIGCONT to all that hang."""
        if wait_until_ready(machine):
            all_of_it = replace(SERVICES[options.process], worker=False)
            hanging = [each for each in service_processes(machine, all_of_it) if each.state == "T"]
            send_signal(machine, "CONT", hanging)
