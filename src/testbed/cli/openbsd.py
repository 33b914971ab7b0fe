"""``testbed openbsd``: the balancers' OpenBSD, installed from a release's signed files, and tried on this computer."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from testbed import settings as configuration
from testbed import topology
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.output import progress
from testbed.cli.up import bring_up
from testbed.cli.verify import report as verify_report
from testbed.cluster import project
from testbed.cluster.lock import Use
from testbed.cluster.shape import remembered
from testbed.cluster.up_options import OPENBSD, UpOptions
from testbed.errors import UsageError
from testbed.host import engine
from testbed.host.acceleration import acceleration
from testbed.images import build_images
from testbed.openbsd import balancer_disk as openbsd_image
from testbed.openbsd import offline_check as openbsd_offline
from testbed.openbsd.balancer_disk import InstalledDisk
from testbed.openbsd.install.install_console import InstallError
from testbed.openbsd.media import Directory, FileSource, InstallImage, Mirror, gather
from testbed.openbsd.release import Release, parse
from testbed.settings import Settings

app = new_app(help="Install OpenBSD for the balancers, and verify it.", no_args_is_help=True)

ReleaseOption = Annotated[str | None, typer.Option("--release", help="OpenBSD's release, such as 8.0.")]
MirrorOption = Annotated[str | None, typer.Option("--mirror", help="Address of a mirror's pub/OpenBSD.")]
ImageOption = Annotated[
    Path | None, typer.Option("--install-image", help="An installXX.iso; what it lacks comes from the mirror.")
]
OfflineOption = Annotated[
    Path | None, typer.Option("--offline", help="A folder that has every file; nothing is fetched from anywhere.")
]
KeysOption = Annotated[
    Path | None, typer.Option("--keys", help="Public keys in place of OpenBSD's, for a release you signed yourself.")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Install again, even if the disk exists.")]


@app.command(epilog=examples("testbed openbsd image", "testbed openbsd image --offline /srv/openbsd-8.0"))
def image(
    release: ReleaseOption = None,
    mirror: MirrorOption = None,
    install_image: ImageOption = None,
    offline: OfflineOption = None,
    keys: KeysOption = None,
    fresh: FreshOption = False,
) -> None:
    """Install OpenBSD unattended, from signed files, into the image that `testbed up --balancer openbsd` runs."""
    settings = configuration.load()
    chosen = _release(settings, release)
    source = _source(settings, mirror, install_image, offline)
    begun = time.monotonic()
    disk = _make(settings, chosen, source, keys=keys, offline=offline is not None, fresh=fresh)
    progress.print_line(
        f"[green]OpenBSD {disk.version} is ready[/] (after {time.monotonic() - begun:.0f} s): {disk.path}\n"
        f"  next: `make testbed-up BALANCER=openbsd`"
    )


@app.command(epilog=examples("testbed openbsd verify"))
@holds(Use.EXCLUSIVE)
def verify(
    release: ReleaseOption = None,
    mirror: MirrorOption = None,
    install_image: ImageOption = None,
    offline: OfflineOption = None,
    keys: KeysOption = None,
) -> None:
    """Install, boot two balancers, play the failover incidents, and print a page to paste into an issue.

    Exit status: 0 all passed, 1 one failed, 3 one could not be judged, 4 testbed itself failed.
    """
    settings = configuration.load()
    if project.exists(settings) and OPENBSD not in remembered(settings).overlays:
        raise UsageError("a cluster with other balancers is up", fix="run `testbed down` first")
    chosen = _release(settings, release)
    source = _source(settings, mirror, install_image, offline)
    begun = time.monotonic()
    disk = _make(settings, chosen, source, keys=keys, offline=offline is not None)
    made = time.monotonic()
    cluster = bring_up(settings, UpOptions(balancer="openbsd"))
    up = time.monotonic()
    stages = [(f"OpenBSD {disk.version} installed, or found as {disk.path.name}", made - begun),
              ("cluster brought up", up - made)]  # fmt: skip
    raise typer.Exit(verify_report(cluster, stages))


def _release(settings: Settings, named: str | None) -> Release:
    """Which release is to be installed."""
    if named is None and settings.openbsd_release:
        try:
            return parse(settings.openbsd_release)
        except UsageError as error:
            raise UsageError(error.what, where="TESTBED_OPENBSD_RELEASE", fix=error.fix) from None
    return parse(named)


def _source(settings: Settings, mirror: str | None, install_image: Path | None, offline: Path | None) -> FileSource:
    """Where the release's files come from."""
    if offline and mirror is not None:
        raise UsageError("--offline fetches nothing, so --mirror has no use", fix="use one of them")
    if offline:
        folder = Directory(offline)
        return InstallImage(install_image, folder) if install_image else folder
    address = settings.openbsd_mirror if mirror is None else mirror
    if not re.match(r"https?://([^/\s\[]|\[[0-9A-Fa-f:.]+\])", address):
        where = "TESTBED_OPENBSD_MIRROR" if mirror is None else "--mirror"
        fix = "write it as https://HOST/pub/OpenBSD"
        raise UsageError(f"{address!r} is not the address of a mirror", where=where, fix=fix)
    online = Mirror(address)
    return InstallImage(install_image, online) if install_image else online


def _make(
    settings: Settings, release: Release, source: FileSource, *, keys: Path | None, offline: bool, fresh: bool = False
) -> InstalledDisk:
    """Gather, verify, install, and build the image of the node."""
    if keys and not keys.is_dir():
        raise UsageError("no such folder of keys", where=str(keys), fix="name the folder that holds the .pub files")
    docker_engine = engine.ensure(settings, progress.print_line)
    design = topology.load([settings.topology], settings.compose_environment(settings.accel or "tcg"))
    if offline:
        openbsd_offline.must_be_possible_offline(settings, docker_engine, design, source)
    build_images(settings, design, progress, names=[openbsd_image.INSTALLER])
    with progress.step(f"OpenBSD {release.version}'s files from {source.name}, each verified"):
        media = gather(release, source, settings.openbsd_dir / "files", _print_line, keys=keys)
    found = acceleration(settings, docker_engine)
    try:
        with progress.step(f"installing OpenBSD {release.version} ({found.kind})"):
            disk = openbsd_image.make(settings, docker_engine, design, media, found.kind, _print_line, fresh=fresh)
    except InstallError as error:
        progress.print_line("  the last screen:")
        for line in error.screen:
            _print_line(line)
        raise
    build_images(settings, design, progress, names=[openbsd_image.NODE])
    return disk


def _print_line(text: str) -> None:
    progress.print_line(f"    [dim]{escape(text)}[/]")
