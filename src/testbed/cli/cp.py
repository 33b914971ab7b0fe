"""``testbed cp``: a file to a node, or from a node."""

from __future__ import annotations

import posixpath
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.group import examples, new_app
from testbed.cli.output import err
from testbed.cluster import Cluster
from testbed.errors import UsageError
from testbed.machines import Machine
from testbed.machines.container import ContainerMachine
from testbed.machines.guest_agent import PIECE_BYTES, GuestAgent
from testbed.output_line import last_line

app = new_app()

_PLACE = re.compile(r"([a-z][a-z0-9-]*):(.+)", re.DOTALL)
# What the guest agent carries in a minute or so; the database's volume has `testbed backup`.
MOST_BYTES = 256 * 1024 * 1024


@app.command(epilog=examples("testbed cp db1:/etc/hosts .", "testbed cp my.cnf app-1:/tmp/"))
def cp(
    source: Annotated[str, typer.Argument(metavar="[NODE:]SOURCE", help="A file on this computer, or NODE:PATH.")],
    target: Annotated[str, typer.Argument(metavar="[NODE:]TARGET", help="A file or folder, likewise.")],
) -> None:
    """Copy a file to a node, or from a node.

    Files of a VM are copied by its guest agent: one file at a time, at most 256 MiB. Folders can be copied to and from
    containers. Write a path with a colon on this computer as ./a:b.
    """
    here, there = _PLACE.fullmatch(source), _PLACE.fullmatch(target)
    match = here or there
    if match is None or (here and there):
        raise UsageError(
            "one of source and target must be on a node, and the other one on this computer",
            fix="write the node's as NODE:PATH, such as db1:/etc/hosts",
        )
    machine = Cluster().machine(match[1])
    if isinstance(machine, ContainerMachine) and machine.node.keys.machine != "virtual":
        _copy_container(machine, match[2], Path(target if here else source), to_node=not here)
    elif here:
        _fetch(machine, here[2], Path(target))
    else:
        _send(machine, Path(source), match[2])


def _copy_container(machine: ContainerMachine, inside: str, outside: Path, *, to_node: bool) -> None:
    """Copy by ``docker cp``."""
    places = [str(outside), f"{machine.container_name()}:{inside}"]
    command = ["docker", "cp", "--quiet", *(places if to_node else reversed(places))]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = last_line(result.stderr, otherwise="docker cp failed")
        raise UsageError(reason, where=machine.name, fix="name a file or folder that exists, and a folder to copy to")


def _fetch(machine: Machine, path: str, target: Path) -> None:
    """Copy a file from a guest."""
    size = machine.exec(["sh", "-c", 'test -f "$1" && wc -c <"$1"', "size", path])
    if size.status:
        raise UsageError(f"{path} is not a file", where=machine.name, fix="a VM's files are copied one by one")
    _must_be_small(int(size.stdout), path)
    file = target / posixpath.basename(path) if target.is_dir() else target
    with file.open("wb") as out, _agent(machine) as agent:
        for piece in agent.read_file(path):
            out.write(piece)
    err.print(f"{machine.name}:{path} copied to {file} ({file.stat().st_size} bytes)", highlight=False)


def _send(machine: Machine, source: Path, path: str) -> None:
    """Copy a file to a guest, with its permissions."""
    if not source.is_file():
        raise UsageError("is not a file", where=str(source), fix="files are copied to a VM one by one")
    _must_be_small(source.stat().st_size, str(source))
    if machine.exec(["test", "-d", path]).status == 0:
        path = posixpath.join(path, source.name)
    with _agent(machine) as agent:
        agent.write_file(path, _pieces(source))
    machine.exec(["chmod", f"{source.stat().st_mode & 0o777:o}", path])
    err.print(f"{source} copied to {machine.name}:{path} ({source.stat().st_size} bytes)", highlight=False)


def _agent(machine: Machine) -> GuestAgent:
    socket = machine.agent()
    if socket is None:
        raise UsageError(f"{machine.name} has no guest agent", fix="`testbed inspect` lists the nodes")
    return GuestAgent(socket, machine.name, timeout=30)


def _must_be_small(size: int, path: str) -> None:
    if size > MOST_BYTES:
        raise UsageError(
            f"{path} has {size} bytes, more than the {MOST_BYTES} that the guest agent carries",
            fix="copy a part of it, or use `testbed backup` for the database's volume",
        )


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
