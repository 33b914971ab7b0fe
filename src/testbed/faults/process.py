"""A service dies, or hangs, on a machine that lives."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from testbed.faults import database
from testbed.faults.fault import FaultOptions, MachineFault, awake, must_run
from testbed.faults.processes import SERVICES, running, signal
from testbed.machines import Machine
from testbed.machines.platforms import SYSTEMS
from testbed.topology import Node, Role
from testbed.wait import wait_until

GONE_SECONDS = 10.0

ServiceName = Literal["postgres", "ucarp", "apache", "php-worker", "mariadb", "dovecot", "postfix"]


class ProcessOptions(FaultOptions):
    """Options of the faults of processes."""

    process: ServiceName = Field(description="Which service; php-worker is one process of an app node's Apache.")


class ProcessFault(MachineFault[ProcessOptions]):
    """What both have in common: the machine must run the service."""

    Options = ProcessOptions

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
    summary = "kill a service's processes (SIGKILL); heal: start PostgreSQL again, the others have a supervisor"

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
    summary = "a service's processes hang (SIGSTOP); heal: let them go on (SIGCONT)"

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
