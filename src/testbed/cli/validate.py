"""``testbed validate``: check incident files without playing them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from testbed import settings as configuration
from testbed import topology
from testbed.applications.folders import OVERLAY
from testbed.cli import complete
from testbed.cli.exit_status import ExitStatus
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, print_json
from testbed.cli.output import out
from testbed.cluster.shape import remembered
from testbed.cluster.up_options import UpOptions
from testbed.errors import UsageError
from testbed.incidents import find_all
from testbed.incidents.cluster_loader import load_with_design
from testbed.settings import Settings

app = new_app()


@app.command(
    epilog=examples("testbed validate mine.yaml", "testbed validate incidents/ --json", "testbed validate ../notes")
)
def validate(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Incident files, folders of them, or names of those that ship.",
            autocompletion=complete.incidents,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Check incident files, and play nothing.

    The first mistake of each file is printed with its line and column. Nodes, overlays and faults are checked against
    the cluster that the file asks for, which need not be up. In a folder that `testbed app new` wrote, application.yaml
    is checked as well, and its incidents against a cluster that has this application.

    Exit status: 0 all files are valid, 1 a file is invalid, 2 a file does not exist or Docker Compose is missing.
    """
    settings = configuration.load()
    paths = [path for name in files for path in find_all(name, settings.root)]
    shape = remembered(settings)
    topology.load(shape.files(settings), shape.environment(settings))  # a mistake in the cluster ends here
    mistakes = {path: _mistake(path, settings) for path in paths}
    if as_json:
        print_json([{"file": str(path), "valid": not text, "mistake": text} for path, text in mistakes.items()])
    else:
        for path, text in mistakes.items():
            out.print(f"[red]✗[/] {escape(text)}" if text else f"[green]✓[/] {escape(str(path))}", highlight=False)
    if any(mistakes.values()):
        raise typer.Exit(ExitStatus.FAILED)


def _mistake(path: Path, settings: Settings) -> str:
    """Return what is wrong with a file, empty when nothing is."""
    folder = _application(path)
    try:
        if folder and path.name == OVERLAY:
            shape = UpOptions(applications=(folder,)).shape(settings, remembered(settings))
            topology.load(shape.files(settings), shape.environment(settings), dict(shape.scale))
        else:
            load_with_design(path, settings, (folder,) if folder else ())
    except UsageError as error:
        return str(error)
    return ""


def _application(path: Path) -> str:
    """Return the folder of the application that a file belongs to, empty if there is none."""
    parents = path.resolve().parents[:2]
    return next((str(folder) for folder in parents if (folder / OVERLAY).is_file()), "")
