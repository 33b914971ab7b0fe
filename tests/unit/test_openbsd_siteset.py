"""The site set: the same bytes from the same sources, modes that fit, and nothing that must not be in it."""

from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.openbsd.install import site_set
from testbed.openbsd.release import Release

IMAGES = Path(__file__).parents[2] / "images"
SITE, BALANCER = IMAGES / "openbsd" / "site", IMAGES / "lb"
RELEASE = Release("8.0")


def members(path: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        return {member.name: member for member in tar.getmembers()}


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """The least that makes a set."""
    site, balancer = tmp_path / "site", tmp_path / "lb"
    for path, text in {
        site / "install.site": "#!/bin/ksh\n",
        site / "etc" / "rc.local": "echo\n",
        **{balancer / name: "#!/bin/sh\n" for name in site_set.SHARED},
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return site, balancer


def test_the_same_sources_make_the_same_bytes(tmp_path: Path, trees: tuple[Path, Path]) -> None:
    first, second = tmp_path / "first.tgz", tmp_path / "second" / "other name.tgz"
    second.parent.mkdir()
    site_set.write(first, RELEASE, *trees)
    for path in trees[0].rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1, 1))
    site_set.write(second, RELEASE, *trees)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4)  # no time in gzip's header


def test_what_is_in_our_set(tmp_path: Path) -> None:
    site_set.write(tmp_path / "site80.tgz", RELEASE, SITE, BALANCER)
    found = members(tmp_path / "site80.tgz")
    assert {"install.site", "etc/rc.local", "usr/local/bin/pool-discovery"} <= set(found)
    assert list(found) == sorted(found)
    for member in found.values():
        assert member.isfile()  # a folder would change the mode of the system's
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "root", "wheel")
        assert member.mtime > 0  # OpenBSD's libc takes a time of 0 for a file that it has read already
        assert not member.name.startswith(("/", "."))


def test_what_can_be_run_can_be_run(tmp_path: Path) -> None:
    site_set.write(tmp_path / "site80.tgz", RELEASE, SITE, BALANCER)
    for name, member in members(tmp_path / "site80.tgz").items():
        # What both programs of the pool load is beside them, and none itself.
        program = name == "install.site" or (name.startswith("usr/local/bin/") and not name.endswith("/pool-decisions"))
        assert member.mode == (0o755 if program else member.mode), name
        assert member.mode in {0o755, 0o644}
    assert members(tmp_path / "site80.tgz")["usr/local/libexec/testbed/first-boot"].mode == 0o755
    assert members(tmp_path / "site80.tgz")["usr/local/libexec/testbed/console"].mode == 0o644


def test_no_secret_is_in_it(tmp_path: Path) -> None:
    site_set.write(tmp_path / "site80.tgz", RELEASE, SITE, BALANCER)
    content = gzip.decompress((tmp_path / "site80.tgz").read_bytes())
    assert b"PRIVATE KEY" not in content
    assert not [name for name in members(tmp_path / "site80.tgz") if name.endswith((".key", ".env", "authorized_keys"))]


def test_the_facts_name_release_packages_and_their_place() -> None:
    assert site_set.image_facts(Release("7.9"), ("apache-httpd", "quirks")) == (
        b"release='7.9'\npackages='apache-httpd quirks'\nPKG_PATH='http://10.0.2.2/pub/OpenBSD/7.9/packages/amd64/'\n"
    )


def test_a_shared_program_that_is_missing(tmp_path: Path, trees: tuple[Path, Path]) -> None:
    (trees[1] / "bin" / "pool-discovery").unlink()
    with pytest.raises(TestbedError, match="pool-discovery: is missing"):
        site_set.write(tmp_path / "site80.tgz", RELEASE, *trees)
    assert not (tmp_path / "site80.tgz").exists()


def test_a_set_without_its_script(tmp_path: Path, trees: tuple[Path, Path]) -> None:
    (trees[0] / "install.site").unlink()
    with pytest.raises(TestbedError, match=r"install\.site: is missing"):
        site_set.write(tmp_path / "site80.tgz", RELEASE, *trees)


def test_a_file_from_two_sources(tmp_path: Path, trees: tuple[Path, Path]) -> None:
    twice = trees[0] / site_set.SHARED["bin/pool-discovery"]
    twice.parent.mkdir(parents=True)
    twice.write_text("other")
    with pytest.raises(TestbedError, match="in the set twice"):
        site_set.write(tmp_path / "site80.tgz", RELEASE, *trees)


def test_a_link_is_refused(tmp_path: Path, trees: tuple[Path, Path]) -> None:
    (trees[0] / "etc" / "link").symlink_to("/etc/passwd")
    with pytest.raises(TestbedError, match="symbolic link"):
        site_set.write(tmp_path / "site80.tgz", RELEASE, *trees)
