"""``testbed exec``: a command on a node, in the guest where the node is a VM."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from testbed.cli import complete
from testbed.cli.exit_status import of_program
from testbed.cli.group import examples, new_app
from testbed.cli.options import duration_option
from testbed.cluster import Cluster
from testbed.errors import UsageError
from testbed.machines import Machine
from testbed.machines.container import ContainerMachine

app = new_app()


# Options after the node belong to the command: `testbed exec db1 ls -l`.
@app.command(
    "exec",
    context_settings={"allow_interspersed_args": False},
    epilog=examples(
        "testbed exec db1 -- node-state",
        "testbed exec --timeout 5s app-2 -- ls -l /srv/shared",
        "testbed exec -it lb1 bash",
    ),
)
def execute(
    node: Annotated[str, typer.Argument(help="The node, such as db1 or app-2.", autocompletion=complete.nodes)],
    command: Annotated[list[str], typer.Argument(help="Program and arguments; `--` may stand before them.")],
    timeout: Annotated[
        float, duration_option("--timeout", help="How long it may take.", least=0.1, show_default="1m")
    ] = 60.0,
    interactive: Annotated[
        bool,
        typer.Option("--interactive", "-i", help="Connect standard input; a container only, without a time limit."),
    ] = False,
    tty: Annotated[bool, typer.Option("--tty", "-t", help="Give the command a terminal; likewise.")] = False,
) -> None:
    """Run a command as root on a node and end with its exit status.

    Write options before the node. What stands behind the node is the command.
    """
    # The parser takes `--` for the end of the options only where it still looks for options: before the node.
    arguments = command[1:] if command[0] == "--" else command
    if not arguments:
        raise UsageError("no command is given after --", fix=f"write `testbed exec {node} -- PROGRAM ARGUMENTS`")
    if tty and not sys.stdin.isatty():
        raise UsageError("standard input is not a terminal", where="--tty", fix="use --interactive alone")
    machine = Cluster().machine(node)
    if interactive or tty:
        raise typer.Exit(_attached(machine, arguments, interactive=interactive, tty=tty))
    result = machine.exec(arguments, timeout)
    sys.stdout.write(result.stdout)
    sys.stderr.write(result.stderr)
    raise typer.Exit(of_program(result.status))


def _attached(machine: Machine, arguments: list[str], *, interactive: bool, tty: bool) -> int:
    """Run a command with this terminal or this standard input; returns its exit status."""
    if not isinstance(machine, ContainerMachine) or machine.node.keys.machine == "virtual":
        raise UsageError(
            f"{machine.name} is a VM, and its guest agent has no terminal", fix=f"use `testbed console {machine.name}`"
        )
    flags = [*(["--interactive"] if interactive else []), *(["--tty"] if tty else [])]
    command = ["docker", "exec", *flags, machine.container_name(), *arguments]
    return of_program(subprocess.run(command, check=False).returncode)
