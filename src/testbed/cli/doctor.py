"""``testbed doctor``: check whether this computer can run the cluster."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.markup import escape

from testbed import settings as configuration
from testbed import topology
from testbed.cli.exit_status import ExitStatus
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, print_json
from testbed.cli.output import out
from testbed.errors import TestbedError
from testbed.host.doctor import examine, networks
from testbed.host.host_check import CheckLevel, HostCheck, fail
from testbed.settings import Settings

_SIGNS = {CheckLevel.OK: "[green]✓[/]", CheckLevel.WARN: "[yellow]![/]", CheckLevel.FAIL: "[red]✗[/]"}


app = new_app()


@app.command(epilog=examples("testbed doctor", "testbed doctor --json"))
def doctor(as_json: Json = False) -> None:
    """Check this computer, and print how to fix what is missing.

    Exit status 1 when the cluster cannot run here.
    """
    settings = configuration.load()
    findings = examine(settings)
    if not any(finding.name in ("engine", "compose") and finding.status is CheckLevel.FAIL for finding in findings):
        findings += _topology(settings)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            out.print(f"{_SIGNS[finding.status]} {finding.name:<13} {escape(finding.what)}", highlight=False)
            if finding.fix:
                out.print(f"  {'':<13} [bold]fix:[/] {escape(finding.fix)}", highlight=False)
    if any(finding.status is CheckLevel.FAIL for finding in findings):
        raise typer.Exit(ExitStatus.FAILED)


def _topology(settings: Settings) -> list[HostCheck]:
    try:
        cluster = topology.load([settings.topology], settings.compose_environment(settings.accel or "tcg"))
        return networks(settings, cluster)
    except TestbedError as error:
        return [fail("topology", str(error), "")]
