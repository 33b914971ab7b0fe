"""The app nodes' mount of the shared files: what only one node may win, one node wins, also through a failover."""

# ruff: noqa: ANN401 - the program is loaded from a file without the suffix .py
from __future__ import annotations

import ctypes
import errno
import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "images" / "app" / "rootfs" / "usr" / "local" / "sbin" / "mount-shared"


class FuseOSError(OSError):
    def __init__(self, number: int) -> None:
        super().__init__(number, os.strerror(number))


class Libnfs:
    """The library: each of its functions is known by its name."""

    def __getattr__(self, name: str) -> Any:
        function = SimpleNamespace(name=name)
        setattr(self, name, function)
        return function


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    fuse = ModuleType("fusepy")
    fuse.__dict__.update(FUSE=None, FuseOSError=FuseOSError, Operations=object, fuse_get_context=lambda: (33, 33, 1))
    monkeypatch.setitem(sys.modules, "fusepy", fuse)
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: Libnfs())
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("mount_shared", str(PROGRAM))
    spec = spec_from_loader("mount_shared", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    module.libnfs.nfs_set_uid = module.libnfs.nfs_set_gid = lambda *_: None
    module.__dict__["PAUSE_SECONDS"] = 0.0
    return module


@dataclass
class Disk:
    """The server's disk, which a failover takes along: names with their inodes.

    Attributes:
        names: of each entry its inode.
        before_retry: done by another node before a call that was lost is made again.
    """

    names: dict[str, int] = field(default_factory=dict)
    before_retry: Callable[[], object] = lambda: None
    inodes: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def do(self, name: str, *arguments: Any) -> tuple[int, int]:
        """Carry out one call: its status, and an inode or a handle."""
        path = arguments[0].decode() if isinstance(arguments[0], bytes) else str(arguments[0])
        other = arguments[1].decode() if len(arguments) > 1 and isinstance(arguments[1], bytes) else ""
        if name in ("nfs_create_async", "nfs_mkdir2_async", "nfs_symlink_async", "nfs_link_async"):
            return self._make(path if name in ("nfs_create_async", "nfs_mkdir2_async") else other, self.names.get(path))
        if path not in self.names and name != "nfs_close_async":
            return -errno.ENOENT, 0
        if name == "nfs_rename_async":
            self.names[other] = self.names.pop(path)
        elif name in ("nfs_unlink_async", "nfs_rmdir_async"):
            del self.names[path]
        return 0, self.names.get(path, 0)

    def _make(self, name: str, linked: int | None) -> tuple[int, int]:
        if name in self.names:
            return -errno.EEXIST, 0
        self.names[name] = next(self.inodes) if linked is None else linked
        return 0, self.names[name]


class Connection:
    """A connection that loses one call, or the answer to it: then the server has carried it out."""

    def __init__(self, program: ModuleType, disk: Disk, lost: str, *, heard: bool) -> None:
        self._program, self._disk, self._lost, self._heard = program, disk, lost, heard
        self.context = None

    def call(self, _seconds: float, function: Any, *arguments: Any, take: Any) -> tuple[int, Any]:
        assert callable(take)
        if function.name == self._lost and not self._heard:
            self._lose()
        status, value = self._disk.do(function.name, *arguments)
        if function.name == self._lost:
            self._lose()
        return status, {"st_ino": value} if "stat" in function.name else value

    def _lose(self) -> None:
        self._lost = ""
        self._disk.before_retry()
        raise self._program.Broken

    def close(self) -> None:
        """Nothing to close."""


def node(program: ModuleType, disk: Disk, lost: str = "", *, heard: bool = True) -> Any:
    """A node's mount; its first call of that name is lost, or the answer to it if it was heard."""
    server = program.Server("nfs://db/shared", 5.0)
    connection = Connection(program, disk, lost, heard=heard)
    server._connected = lambda: connection
    server._drop = lambda: None
    return program.Shared(server)


def wins(call: Callable[[], object]) -> bool:
    try:
        call()
    except FuseOSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOENT):
            raise
        return False
    return True


def exclusively(mount: Any) -> Callable[[], object]:
    return lambda: mount.create("/lock", 0o644, SimpleNamespace(flags=os.O_EXCL | os.O_CREAT | os.O_RDWR, fh=0))


CALLS = ("nfs_create_async", "nfs_link_async", "nfs_unlink_async", "nfs_lstat64_async")


@pytest.mark.parametrize("lost", ["", *CALLS])
def test_a_node_that_lost_an_answer_wins_its_own_lock(program: ModuleType, lost: str) -> None:
    disk = Disk()
    assert wins(exclusively(node(program, disk, lost)))
    assert list(disk.names) == ["/lock"], "nothing of the unique name stays"


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("lost", CALLS)
def test_of_two_nodes_one_wins_an_exclusive_create(program: ModuleType, lost: str, heard: bool) -> None:
    disk = Disk()
    one, other = node(program, disk, lost, heard=heard), node(program, disk)
    won: list[bool] = []
    disk.before_retry = lambda: won.append(wins(exclusively(other)))
    won.append(wins(exclusively(one)))
    if len(won) == 1:  # that call was not needed
        won.append(wins(exclusively(other)))
    assert sorted(won) == [False, True]
    assert list(disk.names) == ["/lock"]


def test_a_lock_that_is_held_is_refused_and_nothing_of_the_try_stays(program: ModuleType) -> None:
    disk = Disk({"/lock": 99})
    mount = node(program, disk)
    assert not wins(exclusively(mount))
    assert disk.names == {"/lock": 99}
    assert not mount._open


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("nfs_mkdir2_async", lambda mount: mount.mkdir("/lock", 0o755)),
        ("nfs_symlink_async", lambda mount: mount.symlink("/lock", "held")),
    ],
)
def test_of_two_nodes_at_most_one_makes_a_folder_or_a_symbolic_link(
    program: ModuleType, name: str, make: Callable[[Any], object]
) -> None:
    disk = Disk()
    one, other = node(program, disk, name), node(program, disk)
    won: list[bool] = []

    def taken_over() -> None:  # the holder's own is gone, and the other node makes it
        del disk.names["/lock"]
        won.append(wins(lambda: make(other)))

    disk.before_retry = taken_over
    won.append(wins(lambda: make(one)))
    assert won == [True, False]


@pytest.mark.parametrize("answered", ["", "nfs_link_async"])
def test_a_link_is_won_by_the_node_whose_file_it_is(program: ModuleType, answered: str) -> None:
    disk = Disk({"/one": 11, "/other": 12})
    one, other = node(program, disk, answered), node(program, disk)
    won: list[bool] = []
    disk.before_retry = lambda: won.append(wins(lambda: other.link("/lock", "/other")))
    won.append(wins(lambda: one.link("/lock", "/one")))
    assert disk.names["/lock"] == 11
    assert won == ([False, True] if answered else [True])


def test_of_two_nodes_one_claims_a_file_by_renaming_it(program: ModuleType) -> None:
    disk = Disk({"/job": 7})
    one, other = node(program, disk, "nfs_rename_async"), node(program, disk)
    won: list[bool] = []

    def taken_back() -> None:  # before the answer is missed, the other node has claimed the file that was put back
        disk.names["/job"] = disk.names.pop("/of-one")
        won.append(wins(lambda: other.rename("/job", "/of-other")))

    disk.before_retry = taken_back
    won.append(wins(lambda: one.rename("/job", "/of-one")))
    assert won == [True, False]
    again = node(program, Disk({"/job": 7}), "nfs_rename_async")
    assert wins(lambda: again.rename("/job", "/mine"))


@pytest.mark.parametrize("remove", ["unlink", "rmdir"])
def test_what_was_removed_before_its_answer_was_lost_is_removed(program: ModuleType, remove: str) -> None:
    mount = node(program, Disk({"/old": 1}), f"nfs_{remove}_async")
    assert wins(lambda: getattr(mount, remove)("/old"))
    assert not wins(lambda: getattr(mount, remove)("/old"))


def test_the_first_answer_of_a_server_counts(program: ModuleType) -> None:
    mount = node(program, Disk({"/there": 1}))
    assert not wins(lambda: mount.mkdir("/there", 0o755))
    assert not wins(lambda: mount.rename("/gone", "/there"))
