"""The processes of a machine, and those that make up one of its services."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from testbed.faults.fault import done
from testbed.machines import Machine
from testbed.machines.node_process import Process
from testbed.topology import Role


@dataclass(frozen=True, slots=True)
class Service:
    """A service's processes.

    Attributes:
        name: name of the program of its first process.
        roles: the machines that run it.
        other: name of the program that does the same in the hardened profile.
        program: the file that its first process runs, where the name alone is not enough: a script may bear it too.
        alarms: the log patterns that its end brings about.
        worker: whether one worker alone is meant: the child of its processes that has worked most.
    """

    name: str
    roles: frozenset[Role]
    program: str = ""
    other: str = ""
    worker: bool = False
    alarms: tuple[str, ...] = ()

    def of(self, processes: Sequence[Process]) -> list[Process]:
        """Those of ``processes`` that belong to it, parents before their children."""
        tree = _tree([each.pid for each in processes if self._is_first(each)], processes)
        if not self.worker:
            return tree
        parents = {each.pid for each in tree}
        children = [each for each in tree if each.name == self.name and each.parent in parents]
        return [max(children, key=lambda each: (each.ticks, each.pid))] if children else []

    def _is_first(self, process: Process) -> bool:
        return process.program if self.program else process.name in (self.name, self.other)


SERVICES: Mapping[str, Service] = {
    "postgres": Service("postgres", frozenset({Role.DATABASE}), "/usr/lib/postgresql/15/bin/postgres"),
    "ucarp": Service("ucarp", frozenset({Role.BALANCER, Role.DATABASE}), other="keepalived"),
    "apache": Service("apache2", frozenset({Role.BALANCER, Role.APP, Role.SINGLE})),
    "php-worker": Service("apache2", frozenset({Role.APP, Role.SINGLE}), worker=True, alarms=("apache-crash",)),
    "dovecot": Service("dovecot", frozenset({Role.MAIL})),
    "mariadb": Service("mariadbd", frozenset({Role.SINGLE})),
    "postfix": Service("master", frozenset({Role.MAIL})),
}


def running(machine: Machine, service: Service) -> list[Process]:
    """The processes of a service on a machine, parents before their children."""
    system = machine.system
    listing = done(machine, system.list_processes(service.program), "its processes cannot be listed")
    here = replace(service, name=system.programs.get(service.name, service.name))
    return here.of(system.processes(listing))


def signal(machine: Machine, name: str, processes: Sequence[Process]) -> None:
    """Send a signal to processes, in their order; one that has just ended is no error."""
    if processes:
        numbers = " ".join(str(each.pid) for each in processes)
        done(machine, f"kill -{name} {numbers} 2>/dev/null; true", f"no {name} can be sent")


def _tree(candidates: Collection[int], processes: Sequence[Process]) -> list[Process]:
    """The candidates that descend from no other candidate, and all that descend from them."""
    tree = [each for each in processes if each.pid in candidates and each.parent not in candidates]
    for parent in tree:  # grows while it is walked
        tree += [each for each in processes if each.parent == parent.pid]
    return tree
