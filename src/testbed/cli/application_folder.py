"""``testbed app``: applications of your own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from testbed.application_folder.folder_writer import write_folder
from testbed.cli.group import examples, new_app
from testbed.cli.output import out

app = new_app()


@app.callback()
def applications() -> None:
    """Write the folder of an application of your own; `testbed up --app FOLDER` then runs it."""


@app.command(
    epilog=examples(
        "testbed app new notes",
        "testbed app new notes --kind php --folder ../notes",
        "testbed app new notes --kind image --image debian-notes --port 8080",
    )
)
def new(
    name: Annotated[str, typer.Argument(help="The application's name: small letters, digits and -.")],
    kind: Annotated[
        Literal["wsgi", "php", "command", "image"],
        typer.Option(help="What serves it: Gunicorn, Apache with PHP, a command, or a container image."),
    ] = "wsgi",
    image: Annotated[
        str | None, typer.Option(help="For --kind image: the image, by its name in the Docker engine.", metavar="IMAGE")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="The new folder, wherever you like; by default the name.", metavar="FOLDER")
    ] = None,
    port: Annotated[int, typer.Option(help="The port on which it listens.", min=1, max=65535)] = 8091,
) -> None:
    """Write a folder with an application, a probe, Locust users and an incident."""
    made = write_folder(name, kind, folder or Path(name), port, image)
    out.print(f"{made}/ holds the application. Next:", highlight=False, markup=False)
    for command in (
        ["testbed", "up", "--app", f"{made}"],
        ["testbed", "load", "--locustfile", f"{made}/locustfile.py"],
        ["testbed", "run", f"{made}/incidents/{name}-app-power-loss.yaml"],
    ):
        out.print(f"  {shlex.join(command)}", highlight=False, markup=False)
