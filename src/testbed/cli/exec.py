"""``testbed exec``: a command on a node, in the guest where the node is a VM."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from testbed.cli.exit_status import of_program
from testbed.cli.group import examples, new_app
from testbed.cli.options import duration_option
from testbed.cluster import Cluster
from testbed.errors import UsageError

app = new_app()


# Options after the node belong to the command: `testbed exec db1 ls -l`.
@app.command(
    "exec",
    context_settings={"allow_interspersed_args": False},
    epilog=examples("testbed exec db1 -- drbdadm status", "testbed exec --timeout 5s app-2 -- ls -l /srv/shared"),
)
def execute(
    node: Annotated[str, typer.Argument(help="The node, such as db1 or app-2.")],
    command: Annotated[list[str], typer.Argument(help="Program and arguments; `--` may stand before them.")],
    timeout: Annotated[
        float,
        duration_option(
            "--timeout", help="How long the command may take; give it before the node.", least=0.1, show_default="1m"
        ),
    ] = 60.0,
) -> None:
    """Run a command as root on a node and end with its exit status."""
    # The parser takes `--` for the end of the options only where it still looks for options: before the node.
    words = command[1:] if command[0] == "--" else command
    if not words:
        raise UsageError("no command is given after --", mend=f"write `testbed exec {node} -- PROGRAM ARGUMENTS`")
    result = Cluster().machine(node).exec(words, timeout)
    sys.stdout.write(result.stdout)
    sys.stderr.write(result.stderr)
    raise typer.Exit(of_program(result.status))
