"""``testbed bundle``: a file for a bug report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from testbed import report as reports
from testbed import settings as configuration
from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, print_json
from testbed.cli.output import err, progress
from testbed.recorder.bundle import write_bundle

app = new_app()


@app.command(epilog=examples("testbed bundle", "testbed bundle --run database-power-loss --output problem.tar.gz"))
def bundle(
    run: Annotated[
        str | None,
        typer.Option(
            help="Put this run's journal and report into it, too; `latest`: the latest run.",
            autocompletion=complete.runs,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file. [default: testbed-TIME.tar.gz here]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Collect what explains a problem into a file for a bug report, without secrets.

    The file has versions, the findings of `doctor`, the state, the Compose configuration, and the end of every log.
    Passwords, keys and credentials in addresses are replaced. Host names, paths and addresses stay: read the file
    before you publish it.
    """
    settings = configuration.load()
    parent = settings.state_dir / "runs"
    folder = None
    if run is not None:
        folder = reports.latest_run(parent) if run == "latest" else reports.find_run(run, parent)
    target = output or Path(time.strftime("testbed-%Y%m%d-%H%M%S.tar.gz"))
    with progress.step("collecting"):
        names = write_bundle(settings, target, folder, lambda text: err.print(f"  not there: {text}", markup=False))
    size = target.stat().st_size
    if as_json:
        print_json({"file": str(target), "bytes": size, "files": names})
        return
    err.print(f"{len(names)} files, {size / 1e6:.1f} MB; read it before you publish it", highlight=False)
    typer.echo(target)
