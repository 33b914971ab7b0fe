"""The tree that an installation is served from, read as the boot loader and the installer read it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from testbed.openbsd.install import netboot
from testbed.openbsd.install.response_file import InstallPlan, disklabel_template, response_file
from testbed.openbsd.media import Media
from testbed.openbsd.release import Release

RELEASE = Release("8.0")
FILES = ("pxeboot", *RELEASE.sets, "BUILDINFO", "SHA256.sig")
PACKAGES = ("apache-httpd-2.4.66.tgz", "quirks-7.200.tgz")


@pytest.fixture
def media(tmp_path: Path) -> Media:
    cache = tmp_path / "cache"
    cache.mkdir()
    paths = {}
    for number, name in enumerate((*FILES, *PACKAGES)):
        paths[name] = cache / str(number)  # as in the cache, whose names are checksums
        paths[name].write_text(f"content of {name}")
    files, packages = ({name: paths[name] for name in names} for names in (FILES, PACKAGES))
    return Media(RELEASE, files, packages, cache / "key.pub", {})


def _write(folder: Path, media: Media) -> netboot.Tree:
    plan = InstallPlan(RELEASE)
    site = folder / plan.site_set
    site.write_text("our own set")
    return netboot.write(folder / "tree", media, response_file(plan), disklabel_template(plan), site)


def _contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_boot_loader_finds_its_configuration_and_its_kernel(tmp_path: Path, media: Media) -> None:
    assert _contents(_write(tmp_path, media).tftp) == {
        "auto_install": "content of pxeboot",
        "bsd.rd": "content of bsd.rd",
        # In the order that the installer itself writes them for the installed system (install.sub, apply).
        "etc/boot.conf": "stty com0 115200\nset tty com0\nboot tftp:bsd.rd\n",
    }


def test_the_installer_finds_its_answers_the_release_and_the_packages(tmp_path: Path, media: Media) -> None:
    plan = InstallPlan(RELEASE)
    served = _contents(_write(tmp_path, media).http)
    index = served.pop("pub/OpenBSD/8.0/amd64/index.txt")
    release = {f"pub/OpenBSD/8.0/amd64/{name}": f"content of {name}" for name in FILES}
    packages = {f"pub/OpenBSD/8.0/packages/amd64/{name}": f"content of {name}" for name in PACKAGES}
    own = {
        "install.conf": response_file(plan),
        "disklabel": disklabel_template(plan),
        "pub/OpenBSD/8.0/amd64/site80.tgz": "our own set",
    }
    assert served == release | packages | own
    # The pattern of install_http in install.sub 1.1292; SHA256.sig alone does not list the site set.
    names = [found[1] for line in index.splitlines() if (found := re.fullmatch(r".* ([a-zA-Z][a-zA-Z0-9._-]+)", line))]
    assert sorted(names) == sorted((*FILES, "site80.tgz"))


def test_files_are_linked_and_the_cache_stays_as_it_is(tmp_path: Path, media: Media) -> None:
    tree = _write(tmp_path, media)
    assert (tree.tftp / "bsd.rd").samefile(media.files["bsd.rd"])
    assert (tree.http / "pub/OpenBSD/8.0/amd64/bsd.rd").samefile(media.files["bsd.rd"])


def test_where_nothing_can_be_linked_it_is_copied(
    tmp_path: Path, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("another filesystem")

    monkeypatch.setattr(os, "link", refuse)
    tree = _write(tmp_path, media)
    assert not (tree.tftp / "bsd.rd").samefile(media.files["bsd.rd"])
    assert (tree.tftp / "bsd.rd").read_text() == "content of bsd.rd"
