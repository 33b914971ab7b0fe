"""What a backup is, and what is refused before anything is stopped."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from testbed.cluster import Cluster, backup
from testbed.cluster.unfinished_disks import must_have_complete_disks
from testbed.designs.design_registry import DEFAULT
from testbed.errors import UsageError
from testbed.faults import Ledger


def archive(path: Path, *, filesystem: str = "ext3", disk: bytes = backup.QCOW2 + b"x" * 5000) -> Path:
    total = hashlib.sha256(disk).hexdigest()
    manifest = backup.Manifest(filesystem=filesystem, node="db2", taken_at=time.time(), sha256=total)
    with tarfile.open(path, "w") as tar:
        for name, content in ((backup.MANIFEST, manifest.model_dump_json().encode()), (backup.DISK, disk)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def cluster(folder: Path, filesystem: str = "ext3") -> Cluster:
    topology = SimpleNamespace(database=SimpleNamespace(filesystem=filesystem, design=None))
    return cast("Cluster", SimpleNamespace(topology=topology, ledger=Ledger(folder / "faults")))


def test_a_backup_describes_itself(tmp_path: Path) -> None:
    manifest = backup.check(cluster(tmp_path), archive(tmp_path / "a.tar"))
    assert (manifest.filesystem, manifest.node) == ("ext3", "db2")
    with backup.disk_of(tmp_path / "a.tar", tmp_path / "room") as disk:
        assert disk.read_bytes() == backup.QCOW2 + b"x" * 5000
    assert list((tmp_path / "room").iterdir()) == []


def cut_off(path: Path) -> None:
    whole = archive(path).read_bytes()
    path.write_bytes(whole[: whole.index(b"xxx") + 1000])


def packed_and_cut_off(path: Path) -> None:
    packed = gzip.compress(archive(path).read_bytes())
    path.write_bytes(packed[: len(packed) // 2])


def nothing_but_a_disk(path: Path) -> None:
    path.write_bytes(backup.QCOW2 + b"x" * 5000)


def of_another_disk(path: Path) -> None:
    archive(path, disk=b"no disk at all")


def absent(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize("make", [cut_off, packed_and_cut_off, nothing_but_a_disk, of_another_disk, absent])
def test_what_is_no_whole_backup_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "a.tar"
    make(path)
    with pytest.raises(UsageError, match=r"a\.tar: no backup: .*; `testbed backup` takes one"):
        backup.check(cluster(tmp_path), path)


def test_a_backup_of_another_filesystem_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", filesystem="xfs")
    with pytest.raises(UsageError, match=r"of xfs, this cluster's volume of ext3; .*testbed up --filesystem xfs"):
        backup.check(cluster(tmp_path), path)


def test_a_disk_that_was_changed_since_is_not_put_back(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar")
    path.write_bytes(path.read_bytes().replace(b"xxxx", b"xxyx", 1))
    room = tmp_path / "room"
    with pytest.raises(UsageError, match=r"a\.tar: the backup is damaged"), backup.disk_of(path, room):
        pass
    assert list(room.iterdir()) == []


class Database:
    """A database node that records its operations, and whose disk may be read-only."""

    def __init__(self, name: str, done: list[str], *, broken: bool = False) -> None:
        self.name, self.done, self.broken = name, done, broken

    def stop(self) -> None:
        self.done.append(f"stop {self.name}")

    def start(self) -> None:
        self.done.append(f"start {self.name}")

    def replace_disk(self, name: str, disk: Path) -> None:  # noqa: ARG002
        if self.broken:
            raise KeyboardInterrupt
        self.done.append(f"replace {self.name}")


def two_databases(folder: Path, *, broken: str = "") -> tuple[Cluster, list[str]]:
    done: list[str] = []
    machines = [Database(name, done, broken=name == broken) for name in ("db1", "db2")]
    settings = SimpleNamespace(state_dir=folder)
    whole = SimpleNamespace(
        settings=settings, state=lambda: SimpleNamespace(primary_database="db1"),
        fleet=SimpleNamespace(machines=lambda role: machines),  # noqa: ARG005
    )  # fmt: skip
    return cast("Cluster", whole), done


def test_a_restore_that_was_cut_off_lets_no_database_start(tmp_path: Path) -> None:
    cut, done = two_databases(tmp_path, broken="db1")
    with pytest.raises(KeyboardInterrupt):
        backup.put_back(cut, tmp_path / "disk")
    assert done == ["stop db2", "stop db1", "replace db2"]
    with pytest.raises(UsageError, match=r"a restore was cut off.*; `testbed restore FILE` replaces both"):
        must_have_complete_disks(cut.settings)
    intact, done = two_databases(tmp_path)
    backup.put_back(intact, tmp_path / "disk")
    assert done[2:] == ["replace db2", "replace db1", "start db1", "start db2"]
    must_have_complete_disks(intact.settings)


def test_nothing_is_restored_while_a_fault_is_in_force(tmp_path: Path) -> None:
    design = cluster(tmp_path)
    design.ledger.write("freeze", "db1", "db:primary", {})
    with pytest.raises(UsageError, match="freeze on db1 among them; `testbed heal`"):
        backup.check(design, archive(tmp_path / "a.tar"))


def test_a_design_without_backups_refuses_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(DEFAULT), "why_no_backup", "its disks are the host's")
    with pytest.raises(UsageError, match="has no backups: its disks are the host's"):
        backup.standby(cluster(tmp_path))
    with pytest.raises(UsageError, match="has no backups: its disks are the host's"):
        backup.check(cluster(tmp_path), archive(tmp_path / "a.tar"))
