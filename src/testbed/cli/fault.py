"""``testbed fault``: break something, on purpose and on record."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Annotated, Any

import typer

from testbed import faults
from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.output import err
from testbed.cluster import Cluster
from testbed.cluster.lock import Use
from testbed.errors import UsageError


def _line(fault: faults.Fault[Any]) -> str:
    options = ", ".join(fault.Options.model_fields)
    return f"{fault.name}: {fault.summary}" + (f" (options: {options})" if options else "")


CATALOGUE = "\n\n".join(_line(fault) for fault in faults.FAULTS.values())


app = new_app()


@app.command(
    help=f"Inject a fault into a node; it stays in force until `testbed heal`.\n\n{CATALOGUE}",
    epilog=examples(
        "testbed fault power-loss db:primary",
        "testbed fault cable-pull lb1 --network public",
        "testbed fault process-hang lb:active process=apache",
    ),
)
@holds(Use.CHANGE)
def fault(
    name: Annotated[str, typer.Argument(help="The fault's name.", autocompletion=complete.faults)],
    target: Annotated[
        str,
        typer.Argument(
            help="A node, such as db1 or app-2, or a role and its state: db:primary, lb:active, app:any.",
            autocompletion=complete.nodes,
        ),
    ],
    options: Annotated[list[str] | None, typer.Argument(help="The options of the fault, as key=value.")] = None,
    network: Annotated[list[str] | None, typer.Option(help="Only this network; the same as network=...")] = None,
    seed: Annotated[int | None, typer.Option(help="Makes the choice of :any repeatable.")] = None,
) -> None:
    """Inject a fault."""
    if operation := faults.OPERATIONS.get(name):
        command = operation.operator_command.format(target)
        raise UsageError(f"{name!r} is an operation, not a fault", fix=f"run `{command}`")
    faults.fault_named(name)
    chosen: dict[str, object] = dict(_pair(word) for word in options or ())
    if network:
        chosen["network"] = network
    faults.parse_options(name, chosen)
    cluster = Cluster()
    rng = None if seed is None else Random(seed)  # noqa: S311 - a choice, no secret
    entry = faults.inject(cluster.fleet, cluster.ledger, name, target, chosen, rng=rng)
    err.print(
        f"{entry.fault} on {entry.node}{_format_options(entry.options)}; on record until `testbed heal`",
        highlight=False,
    )


def _pair(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not (key and equals and value):
        raise UsageError(f"{word!r} is not an option", fix="write key=value, such as network=replication")
    return key, value


def _format_options(options: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{key}={value}" for key, value in options.items())
    return f" ({pairs})" if pairs else ""
