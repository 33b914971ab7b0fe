"""``testbed open``: a page of the cluster in a browser."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from testbed import report as reports
from testbed import settings as configuration
from testbed.cli.browser import has_display, show
from testbed.cli.group import examples, new_app
from testbed.cli.output import err
from testbed.cli.report import serve_report
from testbed.cluster import project, secrets
from testbed.errors import TestbedError, UsageError

app = new_app()

Page = Literal["site", "locust", "report"]


@app.command("open", epilog=examples("testbed open", "testbed open locust", "testbed open report"))
def open_page(
    page: Annotated[
        Page, typer.Argument(help="site: the webmail; locust: the load's web UI; report: the latest.")
    ] = "site",
) -> None:
    """Open the webmail, Locust's web UI or the latest report in a browser.

    Without a display the address is printed, with the `ssh -L` command for your own computer.
    """
    settings = configuration.load()
    if page == "report":
        folder = reports.latest_run(settings.state_dir / "runs")
        file = folder / reports.PAGE
        if not file.exists():
            reports.write_report(folder)
        if has_display():
            show(file.resolve().as_uri())
        else:
            serve_report(folder, 0)
        return
    if not project.exists(settings):
        raise UsageError("no cluster is up", fix="run `testbed up`")
    if page == "locust":
        err.print("the web UI answers while `testbed load` runs", highlight=False)
        show(f"http://127.0.0.1:{settings.locust_port}/", settings.locust_port)
        return
    try:
        err.print(f"user01, password {secrets.mail_password(settings.state_dir)}", highlight=False, markup=False)
    except OSError as error:
        raise TestbedError("the users' password cannot be read", where=str(error.filename)) from None
    show(f"https://localhost:{settings.site_port}/horde/", settings.site_port)
