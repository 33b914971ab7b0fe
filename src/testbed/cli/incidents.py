"""``testbed incidents``: which incident files there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from testbed import settings as configuration
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, print_json
from testbed.cli.output import out
from testbed.incidents import Incident, find_all, load, shipped
from testbed.settings import Settings
from testbed.units import format_duration

app = new_app()


@app.command(epilog=examples("testbed incidents", "testbed incidents mine/ --json"))
def incidents(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="Incident files, or folders of them; none: those that ship."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List incident files: what happens, and how long it takes."""
    print_incidents(configuration.load(), files or [], as_json=as_json)


def print_incidents(settings: Settings, files: list[str], *, as_json: bool) -> None:
    """Print a list of incidents.

    Args:
        settings: of the checkout.
        files: incident files, or folders of them; none: those that ship.
        as_json: print JSON instead of a table.
    """
    if files:
        paths = [path for name in files for path in find_all(name, settings.root)]
    else:
        paths = list(shipped(settings.root).values())
    found = [(path, load(path)) for path in paths]
    if as_json:
        print_json([_document(path, incident) for path, incident in found])
        return
    table = Table("incident", "what happens", "takes", box=None, header_style="bold", pad_edge=False)
    for _, incident in found:
        table.add_row(
            incident.name, escape(incident.title), format_duration(incident.duration) if incident.duration else ""
        )
    out.print(table)


def _document(path: Path, incident: Incident) -> dict[str, object]:
    return {
        "name": incident.name, "file": str(path), "title": incident.title, "why": incident.why.strip(),
        "duration": incident.duration,
    }  # fmt: skip
