"""``testbed up``: bring the cluster up on a bare computer, or repair a damaged cluster."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

import typer

from testbed import settings as configuration
from testbed import topology
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import Consent, Yes
from testbed.cli.output import progress
from testbed.cluster import Cluster, application_images, lifecycle, node_folders, secrets
from testbed.cluster.lock import Use
from testbed.cluster.shape import Shape, remembered
from testbed.cluster.up_options import UpOptions
from testbed.designs.layout_registry import PROFILE_SUMMARIES
from testbed.errors import UsageError
from testbed.host import engine, identity, project_owner
from testbed.host.acceleration import acceleration
from testbed.host.doctor import preflight
from testbed.images import build_images
from testbed.images.builder import needed_by
from testbed.openbsd import balancer_disk as openbsd
from testbed.settings import Settings
from testbed.topology import Topology
from testbed.topology.keys import Filesystem, Platform, Profile, Store

app = new_app()


@app.command(
    epilog=examples("testbed up", "testbed up --profile hardened --filesystem xfs", "testbed up --scale app=4")
)
@holds(Use.CHANGE)
def up(
    *,
    profile: Annotated[
        Profile | None,
        typer.Option(help="; ".join(f"{name}: {what}" for name, what in PROFILE_SUMMARIES.items()) + "."),
    ] = None,
    balancer: Annotated[Platform | None, typer.Option(help="The balancers' operating system.")] = None,
    filesystem: Annotated[Filesystem | None, typer.Option(help="The filesystem on the replicated volume.")] = None,
    sessions: Annotated[
        Store | None,
        typer.Option(help="Where the webmail keeps sessions: in files, with sticky routing, or in the database."),
    ] = None,
    scale: Annotated[
        list[str] | None, typer.Option(metavar="SERVICE=NUMBER", help="Nodes of a service, such as app=3.")
    ] = None,
    overlay: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A Compose overlay, compose/NAME.yaml; none: without any.")
    ] = None,
    application: Annotated[
        list[str] | None,
        typer.Option("--app", metavar="FOLDER", help="A folder that `testbed app new` wrote; none: without any."),
    ] = None,
    keep_failed: Annotated[
        bool, typer.Option("--keep-failed", help="Leave a cluster that does not come up, to look at it.")
    ] = False,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Remove another cluster of this name and its data, if it is off."),
    ] = False,
    yes: Yes = False,
) -> None:
    """Bring the cluster up: install, build, start and repair what is needed.

    The command is safe to repeat. A cluster that is up keeps what no option names. Profile, balancer and filesystem are
    chosen for a new cluster: run `testbed down` first. Sessions and scale change while the cluster is up.

    --overlay single adds the single server to the cluster, and --overlay none takes it away. --app FOLDER adds an
    application to a running cluster. Run it again after a change of its files.
    """
    overlays, applications = tuple(overlay or ()), tuple(application or ())
    wanted = UpOptions(profile, balancer, filesystem, sessions, tuple(scale or ()), overlays, applications)
    bring_up(configuration.load(), wanted, keep=keep_failed, take_over=take_over, consent=Consent(given=yes))


def bring_up(
    settings: Settings,
    wanted: UpOptions,
    *,
    keep: bool = False,
    take_over: bool = False,
    consent: Consent | None = None,
) -> Cluster:
    """Bring the cluster up, whatever is missing for it, and welcome the user.

    Args:
        settings: where its files lie.
        wanted: what the user asks for.
        keep: leave a cluster that does not come up, to look at it.
        take_over: remove a testbed cluster of the same name that is not this checkout's, and that is off.
        consent: asked before that cluster is removed.

    Returns:
        The cluster, serving.
    """
    started = time.monotonic()
    node_folders.must_be_usable(settings)
    docker_engine = engine.ensure(settings, progress.print_line)
    claim = project_owner.claim(docker_engine, settings)
    claim.must_be_ours(take_over=take_over)
    now = remembered(settings) if claim.exists else None
    shape = wanted.shape(settings, now or Shape())
    design = topology.load(shape.files(settings), shape.environment(settings), dict(shape.scale), settings.state_dir)
    _check_scale(design, shape)
    wanted.must_have_filesystem(design)
    if now:
        wanted.must_fit(settings, now, shape)
    needed_by(settings, design)  # an image that cannot be built is reported before the user is asked
    application_images.programs(design, progress)
    project_owner.must_have_names(docker_engine, design.volumes, {identity.read(settings), *claim.clusters})
    if claim.clusters:
        (consent or Consent(given=False)).ask(f"the other cluster {settings.project} and its data are removed")
        with progress.step(f"removing the cluster {settings.project}, which is not this checkout's"):
            lifecycle.take_over(settings, claim.clusters, progress.print_line)
    preflight(settings, design, progress.print_line)
    build_images(settings, design, progress)
    _warn_of_old_disk(settings, design)
    found = acceleration(settings, docker_engine)
    progress.print_line(f"  VMs run with {found.kind.upper()}: {found.reason}")
    cluster = Cluster(settings, replace(shape, accel=found.kind, filesystem=design.database.filesystem or ""))
    lifecycle.up(cluster, progress, keep=keep)
    _welcome(settings, design, time.monotonic() - started)
    return cluster


def _warn_of_old_disk(settings: Settings, design: Topology) -> None:
    """An installation takes long and is not repeated unasked; what it was made of may have changed since."""
    disk = openbsd.installed(settings)
    uses = any(node.keys.platform == "openbsd" for node in design.nodes.values())
    if uses and disk and not openbsd.is_current(settings, design, disk):
        progress.print_line(
            "  OpenBSD was installed from other sources than this checkout's: `make openbsd-image` installs it again"
        )


def _check_scale(design: Topology, shape: Shape) -> None:
    scalable = [node.name for node in design.nodes.values() if node.scalable]
    for service, _ in shape.scale:
        if service not in scalable:
            raise UsageError(f"{service!r} cannot be scaled", where="--scale", fix=f"what can is {', '.join(scalable)}")


def _welcome(settings: Settings, design: Topology, seconds: float) -> None:
    password = secrets.mail_password(settings.state_dir)
    progress.print_line(
        f"[green]The cluster serves[/] (after {seconds:.0f} s): https://localhost:{settings.site_port}/horde/\n"
        f"  users: user01 to user{design.mail.users:02}, password {password}\n"
        f"  CA certificate: {settings.state_dir / 'pki' / 'ca.crt'}; what next: `testbed status`, README.md"
    )
