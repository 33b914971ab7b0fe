"""The processes of a machine, and those that make up one of its services."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from testbed.faults.fault import done
from testbed.machines import Machine
from testbed.topology import Role

# Not every machine has `ps`, all have a shell.  Processes that run the file $program itself are marked.
_LIST = """
for each in /proc/[0-9]*; do
    mark=
    [ "$each/exe" -ef "$program" ] && mark='* '
    read -r line <"$each/stat" && echo "$mark$line"
done 2>/dev/null
true
"""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, as /proc/PID/stat tells it (proc_pid_stat(5)).

    Attributes:
        pid: its number.
        name: its program's name, at most 15 characters.
        state: ``R`` running, ``S`` sleeping, ``T`` stopped ...
        parent: its parent's number.
        ticks: processor time it has used, clock ticks.
        program: whether it is known to run the program that was asked for.
    """

    pid: int
    name: str
    state: str
    parent: int
    ticks: int
    program: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A service's processes.

    Attributes:
        name: name of the program of its first process.
        roles: the machines that run it.
        program: the file that its first process runs, where the name alone is not enough: a script may bear it too.
        worker: whether one worker alone is meant: the one of its processes that has worked most, the first excepted.
    """

    name: str
    roles: frozenset[Role]
    program: str = ""
    worker: bool = False

    def of(self, processes: Sequence[Process]) -> list[Process]:
        """Those of ``processes`` that belong to it, parents before their children."""
        tree = _tree([each.pid for each in processes if self._is_first(each)], processes)
        if not self.worker:
            return tree
        children = [each for each in tree[1:] if each.name == self.name]
        return [max(children, key=lambda each: (each.ticks, each.pid))] if children else []

    def _is_first(self, process: Process) -> bool:
        return process.program if self.program else process.name == self.name


SERVICES: Mapping[str, Service] = {
    "postgres": Service("postgres", frozenset({Role.DATABASE}), "/usr/lib/postgresql/15/bin/postgres"),
    "ucarp": Service("ucarp", frozenset({Role.BALANCER, Role.DATABASE})),
    "apache": Service("apache2", frozenset({Role.BALANCER, Role.APP})),
    "php-worker": Service("apache2", frozenset({Role.APP}), worker=True),
    "dovecot": Service("dovecot", frozenset({Role.MAIL})),
    "postfix": Service("master", frozenset({Role.MAIL})),
}


def listed(machine: Machine, program: str) -> list[Process]:
    """All processes of a machine; those that run the file ``program`` are marked."""
    return parse(done(machine, f"program={program or '/'}\n{_LIST}", "its processes cannot be listed"))


def parse(text: str) -> list[Process]:
    """Processes from lines of /proc/PID/stat, some with a mark before them; a line that is none is left out."""
    found = []
    for line in text.splitlines():
        # The name may hold anything, blanks and brackets too; the last bracket ends it.
        match = re.fullmatch(r"(\* )?(\d+) \((.*)\) (\S) (\d+) (.*)", line)
        if match:
            rest = match[6].split()
            ticks = int(rest[9]) + int(rest[10])
            found.append(Process(int(match[2]), match[3], match[4], int(match[5]), ticks, program=bool(match[1])))
    return found


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
