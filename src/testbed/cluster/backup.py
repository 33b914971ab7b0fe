"""Backups of the database's volume: taken from the standby while the primary serves, put back on both nodes.

A backup is a tar archive of two files: ``manifest.json``, and the standby's data disk (qcow2) as it was at one
moment. With protocol C that is what the primary had committed then; a filesystem and a PostgreSQL that recover from a
power loss recover from it.

The disk holds the replication's metadata, too. A connected standby's metadata is: up to date, nothing to send, never
primary. It is equal on both nodes, so the two disks count as copies of each other, as when the backup was taken.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from testbed.cluster.cluster import Cluster
from testbed.cluster.unfinished_disks import DiskChange
from testbed.designs.design_registry import design_of
from testbed.errors import UsageError
from testbed.machines.machine import off_reason
from testbed.roles.database_state import DATA_DISK
from testbed.topology import Role
from testbed.wait import wait_until

FOLDER = "backups"
MANIFEST = "manifest.json"
DISK = "disk.qcow2"
# What the launcher calls the data disk (images/db/Dockerfile: VM_DISKS).
OVERLAY = "data.qcow2"
SERVING_SECONDS = 180.0
QCOW2 = b"QFI\xfb"


class Manifest(BaseModel):
    """What a backup records about itself.

    Attributes:
        format: of the archive.
        filesystem: of the volume.
        node: the node it was taken from.
        taken_at: Unix seconds.
        sha256: of the disk.
    """

    model_config = ConfigDict(frozen=True)

    format: int = 1
    filesystem: str
    node: str
    taken_at: float
    sha256: str


def standby(cluster: Cluster) -> str:
    """Name the node a backup is taken from.

    Raises:
        UsageError: the database design has no backups, or there is no connected standby with a complete copy.
    """
    _must_be_supported(cluster)
    state = cluster.state()
    primary = state.primary_database
    standbys = [each.node for each in state.databases if each.replicated and each.node != primary]
    if primary is None or len(standbys) != 1:
        raise UsageError(
            "no database node is a connected standby with a complete copy",
            fix="`testbed status` shows the cluster, `testbed up` repairs it",
        )
    return standbys[0]


def _must_be_supported(cluster: Cluster) -> None:
    """Refuse a cluster whose database design has no backups.

    Raises:
        UsageError: with the reason.
    """
    if reason := design_of(cluster.topology).why_no_backup:
        raise UsageError(f"this cluster's database has no backups: {reason}")


def take(cluster: Cluster, node: str, target: Path) -> Path:
    """Take a backup; nothing is stopped for it.

    Args:
        node: the standby.
        target: the file to write; it appears when it is complete.

    Returns:
        The backup.

    Raises:
        UsageError: the file is there already, or cannot be written.
        TestbedError: QEMU cannot copy the disk.
    """
    if target.exists():
        raise UsageError("the file is there already", where=str(target), fix="name another one")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        room = tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-")
    except OSError as error:
        raise UsageError(f"no backup can be written: {error.strerror}", where=str(target.parent)) from None
    with room as folder:
        disk, manifest_file, archive = Path(folder) / DISK, Path(folder) / MANIFEST, Path(folder) / "archive"
        taken_at = time.time()
        cluster.machine(node).copy_disk(DATA_DISK, disk)
        manifest = Manifest(
            filesystem=cluster.topology.database.filesystem or "", node=node, taken_at=taken_at, sha256=_sum(disk)
        )
        manifest_file.write_text(manifest.model_dump_json(indent=2))
        with tarfile.open(archive, "w") as tar:
            tar.add(manifest_file, MANIFEST)
            tar.add(disk, DISK)
        archive.chmod(0o600)  # it holds what users stored, and the hashes of passwords
        archive.rename(target)
    return target


def read(path: Path) -> Manifest:
    """Return what a backup records about itself.

    Args:
        path: the backup.

    Raises:
        UsageError: it is not a backup, or not complete.
    """
    try:
        with tarfile.open(path) as tar:
            return _manifest(tar)
    except OSError as error:
        reason = error.strerror or "it cannot be read"
    except (tarfile.TarError, zlib.error, EOFError, KeyError, ValidationError):
        reason = "the file is not one, or incomplete"
    raise UsageError(f"no backup: {reason}", where=str(path), fix="`testbed backup` takes one")


def _manifest(tar: tarfile.TarFile) -> Manifest:
    named, disk = tar.extractfile(MANIFEST), tar.extractfile(DISK)
    if named is None or disk is None or disk.read(len(QCOW2)) != QCOW2:
        raise KeyError(DISK)
    # A file that was cut off ends before its disk does.
    disk.seek(tar.getmember(DISK).size - 1)
    disk.read(1)
    return Manifest.model_validate_json(named.read())


def check(cluster: Cluster, path: Path) -> Manifest:
    """Refuse what cannot be put back, before anything is stopped.

    Args:
        cluster: the cluster it shall be put back into.
        path: the backup.

    Raises:
        UsageError: no backup, of another filesystem or for a design without backups, or faults are in force.
    """
    _must_be_supported(cluster)
    manifest = read(path)
    ours = cluster.topology.database.filesystem or ""
    if manifest.filesystem != ours:
        raise UsageError(
            f"the backup is of {manifest.filesystem}, this cluster's volume of {ours}", where=str(path),
            fix=f"`testbed down`, then `testbed up --filesystem {manifest.filesystem}`",
        )  # fmt: skip
    if faults := cluster.ledger.entries():
        raise UsageError(
            f"{len(faults)} faults are in force, {faults[0].fault} on {faults[0].node} among them",
            fix="`testbed heal` undoes them",
        )
    return manifest


@contextmanager
def disk_of(path: Path, folder: Path) -> Iterator[Path]:
    """Lay a backup's disk out as a file, for as long as it is used.

    Args:
        path: the backup.
        folder: where there is room.

    Raises:
        UsageError: it is not as it was written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".restore-") as room, tarfile.open(path) as tar:
        disk = Path(room) / DISK
        member = tar.extractfile(DISK)
        if member is None:
            raise UsageError("no backup: it has no disk", where=str(path))
        with disk.open("wb") as out:
            shutil.copyfileobj(member, out)
        if _sum(disk) != _manifest(tar).sha256:
            raise UsageError("the backup is damaged: its disk is not the one that was written", where=str(path))
        yield disk


def _sum(disk: Path) -> str:
    with disk.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put_back(cluster: Cluster, disk: Path) -> None:
    """Give both database nodes the same disk, and start them; what was on theirs is gone.

    Args:
        cluster: the cluster; its databases are stopped for it, the standby first, so that it takes nothing over.
        disk: the backup's.

    Raises:
        TestbedError: a node's disk cannot be written; run the same command again.
    """
    primary = cluster.state().primary_database
    machines = sorted(cluster.fleet.machines(Role.DATABASE), key=lambda each: each.name == primary)
    for machine in machines:
        machine.stop()
    note = DiskChange.RESTORE.note(cluster.settings)
    note.touch()
    for machine in machines:
        machine.replace_disk(OVERLAY, disk)
    note.unlink()
    first, second = machines[-1], machines[0]
    first.start()
    # One after the other: at a cold start of both on a busy host each may take the other for absent.
    wait_until(
        lambda: cluster.state().primary_database == first.name, SERVING_SECONDS, f"{first.name} to serve",
        hint="`testbed logs` shows more; run the same command again", interval=1.0, fatal=lambda: off_reason(first),
    )  # fmt: skip
    second.start()
