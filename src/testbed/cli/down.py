"""``testbed down``: nothing stays behind."""

from __future__ import annotations

from typing import Annotated

import typer

from testbed import settings as configuration
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import Consent, Yes
from testbed.cli.output import progress
from testbed.cluster import lifecycle
from testbed.cluster.lock import Use
from testbed.cluster.project import GhostEndpointsError
from testbed.errors import UsageError
from testbed.host import engine, project_owner
from testbed.host.command import host_environment
from testbed.images.image_removal import remove_images
from testbed.settings import Settings

app = new_app()


@app.command(epilog=examples("testbed down", "testbed down --images"))
@holds(Use.EXCLUSIVE)
def down(
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Remove another cluster of this name and its data, too, if it is off."),
    ] = False,
    images: Annotated[
        bool,
        typer.Option(
            "--images",
            help="Remove the images that testbed built, too, also for other checkouts. `up` builds them again.",
        ),
    ] = False,
    yes: Yes = False,
) -> None:
    """Remove the cluster; images, logs and runs stay.

    Containers, networks, volumes, sockets and secrets go, and with the volumes the database's data. What does not carry
    the cluster's identity is left alone; another project of the same name is refused.
    """
    settings = configuration.load()
    try:
        client = engine.client()
    except engine.NoEngineError:
        if images:
            raise UsageError(
                "no Docker engine runs, so its images cannot be removed", fix="start it: `systemctl start docker`"
            ) from None
        # Another engine may run the cluster, whose sockets and secrets must stay.
        if elsewhere := host_environment().get("DOCKER_HOST"):
            raise UsageError(
                f"no Docker engine runs at {elsewhere}", where="DOCKER_HOST", fix="unset it, or start this engine"
            ) from None
        progress.print_line("no Docker engine runs, so no cluster does")
        lifecycle.forget(settings)
        return
    claim = project_owner.claim(client, settings)
    claim.must_be_ours(take_over=take_over)
    claim.must_be_alone()
    if claim.clusters:
        Consent(given=yes).ask(f"the other cluster {settings.project} and its data are removed")
    try:
        with progress.step("removing containers, networks and volumes"):
            lifecycle.down(settings, claim.clusters, progress.print_line)
    except GhostEndpointsError as ghosts:
        progress.print_line(f"  {ghosts.what}; a restart of the engine removes them")
        if not engine.stop_if_ours(settings, progress.print_line):
            raise
        engine.ensure(settings, progress.print_line)
        lifecycle.down(settings, claim.clusters, progress.print_line)
    if images:
        _remove_images(settings)
    engine.stop_if_ours(settings, progress.print_line)


def _remove_images(settings: Settings) -> None:
    """Remove the images, and name those that other clusters use."""
    with progress.step("removing images"):
        removed, used = remove_images(engine.client(), settings)
    progress.print_line(f"  {len(removed)} images removed")
    if used:
        progress.print_line(f"  a container uses {', '.join(used)}: kept")
