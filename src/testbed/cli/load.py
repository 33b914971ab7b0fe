"""``testbed load``: webmail users at work, with Locust's web UI or headless."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import time
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.exit_status import ExitStatus
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import duration_option, percentage_option
from testbed.cli.output import err
from testbed.cluster import Cluster
from testbed.cluster.lock import Use
from testbed.errors import UsageError
from testbed.incidents.locust_command import CLUSTER, WEBMAIL_USERS, copy_locustfile, site_url
from testbed.incidents.task import end_strays
from testbed.machines import Power
from testbed.topology import Role

app = new_app()


@app.command(epilog=examples("testbed load", "testbed load --users 20 --for 2m"))
@holds(Use.LOAD)
def load(
    users: Annotated[int | None, typer.Option(help="Headless: how many users.", min=1, max=500)] = None,
    seconds: Annotated[
        float, duration_option("--for", help="Headless: for how long.", least=1, most=86400, show_default="1m")
    ] = 60.0,
    rate: Annotated[
        float, typer.Option("--spawn-rate", help="Users that are started every second.", min=0.1, max=50)
    ] = 2.0,
    think_time: Annotated[
        float,
        percentage_option(
            "--think-time",
            help="The users' thinking times, as a share of the usual ones; 0%: none.",
            most=1000,
            show_default="100%",
        ),
    ] = 100.0,
    site: Annotated[str, typer.Option(help="Where: cluster, or single (the overlay of that name).")] = CLUSTER,
    locustfile: Annotated[
        Path | None, typer.Option(help="A Locust file of your own, instead of webmail users.", metavar="FILE")
    ] = None,
) -> None:
    """Send webmail users to the site: with Locust's web UI, or headless.

    The web UI is on loopback. With --users the load runs headless. The journal of the load is kept.

    Exit status: 0 no request failed, or Ctrl-C ended the web UI's load; 1 requests failed; 4 Locust did not run.
    """
    if locustfile and not locustfile.is_file():
        raise UsageError(f"no Locust file {str(locustfile)!r}", where="--locustfile", fix="name a Python file")
    cluster = Cluster()
    machines = cluster.fleet.machines(Role.CLIENT)
    if not machines or machines[0].power() is not Power.ON:
        raise UsageError("no client is up", fix="run `testbed up`")
    host = site_url(cluster.topology, site, where="--site")
    end_strays(machines[0])
    run = f"{time.strftime('%Y%m%d-%H%M%S')}-load"
    folder = cluster.settings.state_dir / "runs" / run
    folder.mkdir(parents=True)
    if locustfile:
        locust = ["locust", "-f", f"/runs/{run}/{copy_locustfile(str(locustfile), folder)}", "--host", host]
    else:
        locust = ["locust", "-f", WEBMAIL_USERS, "--think-scale", f"{think_time / 100:g}", "--host", host]
    if users is None:
        locust += ["--users", "10", "--spawn-rate", f"{rate:g}"]  # what the form proposes
        err.print(f"Locust's web UI: http://127.0.0.1:{cluster.settings.locust_port}/ (Ctrl-C ends the load)")
    else:
        locust += [
            "--headless",
            "--users",
            str(users),
            "--spawn-rate",
            f"{rate:g}",
            "--run-time",
            f"{max(1, round(seconds))}s",
        ]
        locust += ["--only-summary"]
    err.print(f"journal: {cluster.settings.state_dir / 'runs' / run / 'load.jsonl'}", highlight=False)
    try:
        status = _run(cluster.topology.project, machines[0].name, locust, f"/runs/{run}/load.jsonl")
    except KeyboardInterrupt:
        if users is not None:
            raise
        return  # Ctrl-C is how the web UI's load ends
    raise typer.Exit(_exit_status(status))


def _exit_status(locust: int) -> int:
    """Locust ends with 1 when a request failed; any other status is a failure of Locust, or of `docker exec`."""
    return locust if locust in (ExitStatus.OK, ExitStatus.FAILED) else ExitStatus.TESTBED_FAILED


def _run(project: str, client: str, locust: list[str], journal: str) -> int:
    """Run Locust in the client, in the foreground; whatever ends us ends it too."""
    mark = journal.replace(".jsonl", ".pid")
    script = f"echo $$ > {mark}; exec {shlex.join(locust)}"
    container = f"{project}-{client}-1"
    command = ["docker", "exec", "-e", f"TESTBED_JOURNAL={journal}", container, "sh", "-c", script]
    process = subprocess.Popen(command)
    try:
        return process.wait()
    finally:
        # `docker exec` leaves the program running when its client goes away.
        stop = f"kill -TERM $(cat {mark}) 2>/dev/null || true"
        subprocess.run(["docker", "exec", container, "sh", "-c", stop], check=False, capture_output=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        process.kill()
