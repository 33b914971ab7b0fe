"""``testbed exec``: a command on a node, in the guest where the node is a VM."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from testbed.cli.main import app
from testbed.cluster import Cluster


@app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def execute(
    node: Annotated[str, typer.Argument(help="The node, such as db1 or app-2.")],
    command: Annotated[list[str], typer.Argument(help="Program and arguments.")],
    timeout: Annotated[float, typer.Option(help="Seconds to wait for its end.", min=0.1)] = 60,
) -> None:
    """Run a command as root on a node and end with its exit status."""
    result = Cluster().machine(node).exec(command, timeout)
    sys.stdout.write(result.stdout)
    sys.stderr.write(result.stderr)
    raise typer.Exit(result.status)
