"""Services, and which processes of a node belong to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from testbed.addresses.address_registry import PROGRAMS, SERVICE
from testbed.designs.layout_registry import LAYOUTS
from testbed.faults.fault import run_script
from testbed.machines import Machine
from testbed.machines.node_process import Process
from testbed.topology import Node, Role


@dataclass(frozen=True, slots=True)
class Service:
    """A service's processes.

    Attributes:
        name: name of the program of its first process.
        roles: roles of the nodes that run it.
        others: names of the programs that some profiles have instead.
        program: the file that its first process runs, if the name is not enough because a script has the same name; a
            pattern for the shell, which one file matches.
        designs: the database designs whose database nodes run it; None: all.
        alarms: the log patterns that its end brings about.
        worker: whether only one worker is meant: the child process with the most processor time.
    """

    name: str
    roles: frozenset[Role]
    program: str = ""
    others: tuple[str, ...] = ()
    worker: bool = False
    designs: frozenset[str] | None = None
    alarms: tuple[str, ...] = ()

    def runs_on(self, node: Node) -> bool:
        """Whether nodes of a service of the cluster run it."""
        by_design = node.role is not Role.DATABASE or self.designs is None or node.design in self.designs
        return node.role in self.roles and by_design

    def of(self, processes: Sequence[Process]) -> list[Process]:
        """Return the processes that belong to it, parents before their children."""
        tree = _tree([each.pid for each in processes if self._is_first(each)], processes)
        if not self.worker:
            return tree
        parents = {each.pid for each in tree}
        children = [each for each in tree if each.name == self.name and each.parent in parents]
        return [max(children, key=lambda each: (each.ticks, each.pid))] if children else []

    def _is_first(self, process: Process) -> bool:
        return process.program if self.program else process.name in (self.name, *self.others)


SERVICES: Mapping[str, Service] = {
    "postgres": Service("postgres", frozenset({Role.DATABASE}), "/usr/lib/postgresql/*/bin/postgres"),
    SERVICE: Service(
        PROGRAMS[0],
        frozenset({Role.BALANCER, Role.DATABASE}),
        others=PROGRAMS[1:],
        designs=frozenset(name for name, layout in LAYOUTS.items() if layout.has_carp),
    ),
    "apache": Service("apache2", frozenset({Role.BALANCER, Role.APP, Role.SINGLE})),
    "php-worker": Service("apache2", frozenset({Role.APP, Role.SINGLE}), worker=True, alarms=("apache-crash",)),
    "dovecot": Service("dovecot", frozenset({Role.MAIL})),
    "mariadb": Service("mariadbd", frozenset({Role.SINGLE})),
    "postfix": Service("master", frozenset({Role.MAIL})),
    **{
        daemon: Service(daemon, frozenset({Role.DATABASE}), designs=frozenset({name}))
        for name, layout in LAYOUTS.items()
        for daemon in layout.daemons
    },
}


def service_processes(machine: Machine, service: Service) -> list[Process]:
    """Return the processes of a service on a node, parents before their children."""
    system = machine.system
    listing = run_script(machine, system.list_processes(service.program), "its processes cannot be listed")
    here = replace(service, name=system.programs.get(service.name, service.name))
    return here.of(system.processes(listing))


def send_signal(machine: Machine, name: str, processes: Sequence[Process]) -> None:
    """Send a signal to processes, in their order; processes that have ended are skipped."""
    if processes:
        numbers = " ".join(str(each.pid) for each in processes)
        run_script(machine, f"kill -{name} {numbers} 2>/dev/null; true", f"no {name} can be sent")


def _tree(candidates: Collection[int], processes: Sequence[Process]) -> list[Process]:
    """Return the candidates without a candidate as parent, and all their descendants."""
    tree = [each for each in processes if each.pid in candidates and each.parent not in candidates]
    for parent in tree:  # grows while it is walked
        tree += [each for each in processes if each.parent == parent.pid]
    return tree
