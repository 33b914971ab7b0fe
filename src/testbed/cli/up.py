"""``testbed up``: from a bare machine, or from whatever is left of a cluster, to a cluster that serves."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

import typer

from testbed import settings as configuration
from testbed import topology
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.output import progress
from testbed.cluster import Cluster, folders, lifecycle, secrets
from testbed.cluster.lock import Use
from testbed.cluster.shape import ADDING, Shape, remembered
from testbed.errors import UsageError
from testbed.host import engine, identity, ownership
from testbed.host.acceleration import acceleration
from testbed.host.doctor import preflight
from testbed.images import build_images
from testbed.images.builder import needed_by
from testbed.openbsd import image as openbsd
from testbed.settings import Settings
from testbed.topology import Topology

# Instead of an overlay's name: none of them.
NONE = "none"


app = new_app()


@app.command(epilog=examples("testbed up", "testbed up --overlay hardened", "testbed up --scale app=4"))
@holds(Use.CHANGE)
def up(
    scale: Annotated[list[str] | None, typer.Option(help="Machines of a service, such as app=3.")] = None,
    overlay: Annotated[
        list[str] | None, typer.Option(help="A Compose overlay, compose/NAME.yaml; none: without any.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave a cluster that does not come up, to look at it.")] = False,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Remove another cluster of this name and its data, if it is off."),
    ] = False,
) -> None:
    """Bring the cluster up: install, build, start and repair what is needed.

    The command is safe to repeat. A cluster that is up keeps what no option names. --overlay single adds the single
    server to it, and --overlay none takes it away.
    """
    bring_up(configuration.load(), scale or [], tuple(overlay or ()), keep=keep, take_over=take_over)


def bring_up(
    settings: Settings, scale: list[str], overlays: tuple[str, ...], *, keep: bool = False, take_over: bool = False
) -> Cluster:
    """Bring the cluster up, whatever is missing for it, and welcome the user.

    Args:
        settings: where its files lie.
        scale: machines of a service, such as ``app=3``.
        overlays: Compose overlays, by name.
        keep: leave a cluster that does not come up, to look at it.
        take_over: remove a testbed cluster of the same name that is not this checkout's, and that is off.

    Returns:
        The cluster, serving.
    """
    started = time.monotonic()
    folders.must_be_usable(settings)
    docker_engine = engine.ensure(settings, progress.say)
    claim = ownership.claim(docker_engine, settings)
    claim.must_be_ours(take_over=take_over)
    now = remembered(settings) if claim.exists else None
    shape = _shape(settings, now or Shape(), scale, overlays)
    design = topology.load(shape.files(settings), shape.environment(settings), dict(shape.scale))
    _check_scale(design, shape)
    if now:
        _check_overlays(now, shape)
    needed_by(settings, design)  # what cannot be built is told before anything else is asked of the user
    ownership.must_have_names(docker_engine, design.volumes, {identity.read(settings), *claim.clusters})
    if claim.clusters:
        with progress.step(f"removing the cluster {settings.project}, which is not this checkout's"):
            lifecycle.take_over(settings, claim.clusters, progress.say)
    preflight(settings, design, progress.say)
    build_images(settings, design, progress)
    _warn_of_old_disk(settings, design)
    found = acceleration(settings, docker_engine)
    progress.say(f"  VMs run with {found.kind.upper()}: {found.reason}")
    cluster = Cluster(settings, replace(shape, accel=found.kind))
    lifecycle.up(cluster, progress, keep=keep)
    _welcome(settings, design, time.monotonic() - started)
    return cluster


def _shape(settings: Settings, now: Shape, scale: list[str], overlays: tuple[str, ...]) -> Shape:
    """The shape that is asked for; what is not said stays as it is."""
    shape = replace(now, overlays=()) if NONE in overlays else now.with_overlays(overlays)
    counts = dict(now.scale)
    for text in scale:
        service, _, count = text.partition("=")
        if not (count.isascii() and count.isdigit()) or int(count) < 1:
            raise UsageError(f"{text!r} is no scale", where="--scale", mend="write it as app=3")
        counts[service] = int(count)
    sessions = now.sessions if settings.sessions is None else settings.sessions
    padding = now.padding if settings.session_padding is None else settings.session_padding
    return replace(shape, scale=tuple(counts.items()), sessions=sessions, padding=padding)


def _check_overlays(now: Shape, shape: Shape) -> None:
    """Half of a cluster made over would be neither the one nor the other: its disks and records are of the old one."""
    if (set(now.overlays) ^ set(shape.overlays)) - ADDING:
        has = f"the overlay {', '.join(now.overlays)}" if now.overlays else "no overlay"
        raise UsageError(
            f"the cluster that is up has {has}", where=f"--overlay {' --overlay '.join(shape.overlays) or NONE}",
            mend="run `testbed down` first: a fresh one gets what you ask for",
        )  # fmt: skip


def _warn_of_old_disk(settings: Settings, design: Topology) -> None:
    """An installation takes long and is not repeated unasked; what it was made of may have changed since."""
    disk = openbsd.installed(settings)
    uses = any(node.keys.platform == "openbsd" for node in design.nodes.values())
    if uses and disk and not openbsd.is_current(settings, design, disk):
        progress.say(
            "  OpenBSD was installed from other sources than this checkout's: `make openbsd-image` does it anew"
        )


def _check_scale(design: Topology, shape: Shape) -> None:
    scalable = [node.name for node in design.nodes.values() if node.scalable]
    for service, _ in shape.scale:
        if service not in scalable:
            raise UsageError(
                f"{service!r} cannot be scaled", where="--scale", mend=f"what can is {', '.join(scalable)}"
            )


def _welcome(settings: Settings, design: Topology, seconds: float) -> None:
    password = secrets.mail_password(settings.state_dir)
    progress.say(
        f"[green]The cluster serves[/] (after {seconds:.0f} s): https://localhost:{settings.site_port}/horde/\n"
        f"  users: user01 to user{design.mail.users:02}, password {password}\n"
        f"  CA certificate: {settings.state_dir / 'pki' / 'ca.crt'}; what next: `testbed status`, README.md"
    )
