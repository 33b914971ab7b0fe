"""``testbed schema``: the JSON schemas of what people and programs write."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from testbed import journal
from testbed.cli.group import examples, new_app
from testbed.errors import UsageError
from testbed.incidents.incident_schema import schema as incident_schema
from testbed.topology.schema import schema as cluster_schema

SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "cluster": cluster_schema,
    "incident": incident_schema,
    "journal": journal.schema,
}


app = new_app()


@app.command(epilog=examples("testbed schema incident"))
def schema(
    of: Annotated[
        str, typer.Argument(help="cluster: the x-testbed keys; incident: incident files; journal: a run's journal.")
    ] = "cluster",
) -> None:
    """Print a JSON schema of the files that people and programs write.

    The schemas are published in compose/, incidents/ and docs/.
    """
    if of == "scenario":
        raise UsageError("the schema 'scenario' was renamed", fix="run `testbed schema incident`")
    if of not in SCHEMAS:
        raise UsageError(f"no schema of {of!r}", fix=f"there are {', '.join(SCHEMAS)}")
    typer.echo(json.dumps(SCHEMAS[of](), indent=2))
