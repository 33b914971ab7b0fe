"""What a backup is, and what is refused before anything is stopped."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from testbed.cluster import Cluster, backup
from testbed.errors import UsageError
from testbed.faults import Ledger


def archive(path: Path, *, filesystem: str = "ext3", disk: bytes = backup.QCOW2 + b"x" * 5000) -> Path:
    manifest = backup.Manifest(filesystem=filesystem, node="db2", taken_at=time.time())
    with tarfile.open(path, "w") as tar:
        for name, content in ((backup.MANIFEST, manifest.model_dump_json().encode()), (backup.DISK, disk)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def cluster(folder: Path, filesystem: str = "ext3") -> Cluster:
    topology = SimpleNamespace(database=SimpleNamespace(filesystem=filesystem))
    return cast("Cluster", SimpleNamespace(topology=topology, ledger=Ledger(folder / "faults")))


def test_a_backup_says_what_it_is(tmp_path: Path) -> None:
    manifest = backup.check(cluster(tmp_path), archive(tmp_path / "a.tar"))
    assert (manifest.filesystem, manifest.node) == ("ext3", "db2")
    with backup.disk_of(tmp_path / "a.tar", tmp_path / "room") as disk:
        assert disk.read_bytes() == backup.QCOW2 + b"x" * 5000
    assert list((tmp_path / "room").iterdir()) == []


def cut_off(path: Path) -> None:
    whole = archive(path).read_bytes()
    path.write_bytes(whole[: whole.index(b"xxx") + 1000])


def nothing_but_a_disk(path: Path) -> None:
    path.write_bytes(backup.QCOW2 + b"x" * 5000)


def of_another_disk(path: Path) -> None:
    archive(path, disk=b"no disk at all")


def absent(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize("make", [cut_off, nothing_but_a_disk, of_another_disk, absent])
def test_what_is_no_whole_backup_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "a.tar"
    make(path)
    with pytest.raises(UsageError, match=r"a\.tar: no backup: .*; `testbed backup` takes one"):
        backup.check(cluster(tmp_path), path)


def test_a_backup_of_another_filesystem_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", filesystem="xfs")
    with pytest.raises(UsageError, match=r"of xfs, this cluster's volume of ext3; .*TESTBED_FILESYSTEM=xfs"):
        backup.check(cluster(tmp_path), path)


def test_nothing_is_restored_while_a_fault_is_in_force(tmp_path: Path) -> None:
    design = cluster(tmp_path)
    design.ledger.write("freeze", "db1", "db:primary", {})
    with pytest.raises(UsageError, match="freeze on db1 among them; `testbed heal`"):
        backup.check(design, archive(tmp_path / "a.tar"))
