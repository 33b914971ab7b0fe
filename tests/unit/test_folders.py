"""Folders that nodes and the cluster's user share, whatever user that is."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import topology

from testbed import settings as configuration
from testbed.cluster import node_folders
from testbed.errors import UsageError
from testbed.machines.fleet import sockets_of
from testbed.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "state").mkdir()
    return replace(configuration.load(), state_dir=tmp_path / "state", run_dir=tmp_path / "r")


def test_a_vms_sockets_have_the_group_that_its_container_is_in(settings: Settings) -> None:
    node_folders.make(settings, topology())
    found = (settings.run_dir / settings.project / "db1").stat()
    assert stat.S_IMODE(found.st_mode) == 0o2770
    assert found.st_gid == settings.group
    assert (settings.state_dir / "runs").is_dir()
    assert not (settings.run_dir / settings.project / "lb1").exists()


def test_a_folder_for_sockets_that_another_user_made_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.run_dir.mkdir()
    monkeypatch.setattr("os.geteuid", lambda: 54321)
    with pytest.raises(UsageError, match="belongs to another user"):
        node_folders.make(settings, topology())
    assert list(settings.run_dir.iterdir()) == []


def test_a_link_in_the_place_of_the_folder_for_sockets_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    settings.run_dir.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="belongs to another user"):
        node_folders.make(settings, topology())


def test_another_users_state_folder_is_refused_before_anything_is_built(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(settings, run_dir=Path("/run/testbed"))
    node_folders.must_be_usable(settings)
    node_folders.must_be_usable(replace(settings, state_dir=settings.state_dir / "not-there-yet"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match="the state folder belongs to"):
        node_folders.must_be_usable(settings)


def test_a_folder_for_sockets_that_is_too_long_is_refused_before_anything_is_built(settings: Settings) -> None:
    with pytest.raises(UsageError, match="107 bytes at most") as refused:
        node_folders.must_be_usable(replace(settings, run_dir=Path("/srv") / ("r" * 80)))
    assert (refused.value.where, refused.value.exit_status) == ("TESTBED_RUN", 2)


def test_sockets_are_where_the_container_has_them() -> None:
    mounts = [
        {"Source": "/home/a/.testbed/nodes/db", "Destination": "/etc/testbed"},
        {"Source": "/home/a/.testbed/run/testbed/db1", "Destination": "/run/vm"},
    ]
    assert sockets_of({"Mounts": mounts}) == Path("/home/a/.testbed/run/testbed/db1")
    assert sockets_of({"Mounts": mounts[:1]}) is None
    assert sockets_of({}) is None
