"""The balancers' OpenBSD: from a release's signed files to one disk, named by the hash of all it is made of.

The disk is the same for both balancers, and for every cluster: what differs (addresses, secrets, the packet
filter's rules) comes with the configuration drive of each, written by ``testbed.openbsd.node``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from testbed.errors import TestbedError
from testbed.host.acceleration import Kind
from testbed.host.file_lock import exclusive
from testbed.images.builder import choices_of, hash_all
from testbed.images.image_catalogue import catalogue, select
from testbed.openbsd.install import install_vm, netboot, site_set
from testbed.openbsd.install.response_file import InstallPlan, disklabel_template, response_file
from testbed.openbsd.media import Media
from testbed.openbsd.release import Release
from testbed.settings import Settings
from testbed.topology import Topology

INSTALLER = "openbsd-installer"
NODE = "lb-openbsd"
RECIPE = "1"  # counted up when disks are made differently in a way that their inputs do not show
CURRENT = "current.qcow2"  # points to the disk that clusters boot from

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class InstalledDisk:
    """An installed disk.

    Args:
        path: the qcow2 file.
        version: the release's, such as ``8.0``.
        inputs: hash of all it is made of.
        digests: SHA-256 of each file of the release and of each package it is made of, by name.
    """

    path: Path
    version: str
    inputs: str
    digests: Mapping[str, str]


def installed(settings: Settings) -> InstalledDisk | None:
    """Return the disk that clusters boot from, None when nothing has been installed yet."""
    path = (settings.openbsd_dir / CURRENT).resolve()
    if not path.is_file():
        return None
    known = json.loads(_record(path).read_text())
    return InstalledDisk(path, known["version"], known["inputs"], known["digests"])


def is_current(settings: Settings, design: Topology, disk: InstalledDisk) -> bool:
    """Whether the sources in this checkout would make the same disk again."""
    with _site_set(settings, Release(disk.version)) as site:
        return _inputs(settings, design, Release(disk.version), disk.digests, site) == disk.inputs


def make(
    settings: Settings,
    engine: docker.DockerClient,
    design: Topology,
    media: Media,
    accel: Kind,
    report: Report,
    *,
    fresh: bool = False,
) -> InstalledDisk:
    """Install OpenBSD from verified files, unless the very same disk is there.

    Args:
        settings: where disks and logs lie.
        engine: has the image ``testbed/openbsd-installer``.
        design: the cluster.
        media: the release's files, verified.
        accel: how the VM runs.
        report: called with each stage.
        fresh: install even if the disk is there.

    Returns:
        The disk that clusters boot from now on.

    Raises:
        TestbedError: the installation failed; the disk that was there before stays.
    """
    folder = settings.openbsd_dir
    folder.mkdir(parents=True, exist_ok=True)
    # Two would work in the same folder.
    turn = exclusive(folder / "lock", lambda: report("another testbed is installing OpenBSD; waiting for it"))
    with turn, _site_set(settings, media.release) as site:
        inputs = _inputs(settings, design, media.release, media.digests, site)
        target = folder / f"openbsd-{media.release.version}-{inputs[:12]}.qcow2"
        if fresh or not target.is_file():
            _install(settings, engine, media, accel, site, target, report)
        disk = InstalledDisk(target, media.release.version, inputs, dict(media.digests))
        _choose(folder, disk)
    return disk


def _install(
    settings: Settings, engine: docker.DockerClient, media: Media, accel: Kind, site: Path, target: Path, report: Report
) -> None:
    log = settings.logs_dir / "openbsd-install.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    work = settings.openbsd_dir / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        plan = InstallPlan(media.release)
        tree = netboot.write(work / "tree", media, response_file(plan), disklabel_template(plan), site)
        made = install_vm.install(engine, f"{settings.images}/{INSTALLER}", tree, work, accel, log, report)
        made.replace(target)
    except OSError as error:
        raise TestbedError(f"the disk cannot be written: {error.strerror}", where=str(settings.openbsd_dir)) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _inputs(settings: Settings, design: Topology, release: Release, digests: Mapping[str, str], site: Path) -> str:
    """The hash of all a disk is made of."""
    plan = InstallPlan(release)
    rooms = select(catalogue(settings.root, choices_of(settings, design)), [INSTALLER])
    parts = {
        "recipe": RECIPE,
        "release": release.version,
        "files": dict(sorted(digests.items())),
        "answers": response_file(plan),
        "disklabel": disklabel_template(plan),
        "site": hashlib.sha256(site.read_bytes()).hexdigest(),
        "installer": hash_all(rooms)[f"{settings.images}/{INSTALLER}"],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@contextmanager
def _site_set(settings: Settings, release: Release) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"site{release.number}.tgz"
        images = settings.root / "images"
        site_set.write(path, release, images / "openbsd" / "site", images / "lb")
        yield path


def _record(disk: Path) -> Path:
    """The file that records what a disk is made of."""
    return disk.with_suffix(".json")


def _choose(folder: Path, disk: InstalledDisk) -> None:
    """Let clusters boot from this disk from now on, and delete those before it."""
    facts = {"version": disk.version, "inputs": disk.inputs, "digests": dict(disk.digests)}
    _record(disk.path).write_text(json.dumps(facts, indent=2) + "\n")
    link = folder / f"{CURRENT}.new"
    link.unlink(missing_ok=True)
    link.symlink_to(disk.path.name)
    link.replace(folder / CURRENT)
    for old in folder.glob("openbsd-*"):
        if old not in (disk.path, _record(disk.path)):
            old.unlink()
