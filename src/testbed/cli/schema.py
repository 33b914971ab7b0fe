"""``testbed schema``: the JSON schema of the x-testbed keys."""

from __future__ import annotations

import json

import typer

from testbed.cli.main import app
from testbed.topology.schema import schema as build_schema


@app.command()
def schema() -> None:
    """Print the JSON schema of the x-testbed keys (published as compose/x-testbed.schema.json)."""
    typer.echo(json.dumps(build_schema(), indent=2))
