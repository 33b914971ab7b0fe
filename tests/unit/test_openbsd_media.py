"""Releases, signed lists, listings and sources, as far as they need no signify."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.errors import TestbedError, UsageError
from testbed.host import apt
from testbed.openbsd.media import Directory, InstallImage, Mirror, keyring, need_tools
from testbed.openbsd.media.download import MissingFileError
from testbed.openbsd.media.file_cache import FileCache, digest_of
from testbed.openbsd.media.file_source import names_in_index, names_in_page
from testbed.openbsd.media.signify import parse_list
from testbed.openbsd.release import DEFAULT, SUPPORTED, Release
from testbed.openbsd.release import parse as parse_release


def ignore_report(_: str) -> None:
    """Ignore a report."""


def test_a_release_names_its_files() -> None:
    release = Release("8.0")
    assert release.number == "80"
    assert release.path == "8.0/amd64"
    assert release.packages_path == "8.0/packages/amd64"
    assert release.base_set == "base80.tgz"
    assert release.base_key == "openbsd-80-base.pub"
    assert release.pkg_key == "openbsd-80-pkg.pub"


def test_releases_are_counted_across_a_ten() -> None:
    assert Release("8.0").previous == Release("7.9")
    assert Release("7.9").following == Release("8.0")


def test_the_newest_is_the_default_and_the_one_before_is_supported() -> None:
    assert parse_release() == parse_release("") == Release(DEFAULT)
    assert [parse_release(text) for text in SUPPORTED] == [Release(DEFAULT), Release(DEFAULT).previous]


@pytest.mark.parametrize("text", ["7.2", "8", "eight", "8.0/../..", "80"])
def test_another_release_is_refused_with_those_that_are_supported(text: str) -> None:
    with pytest.raises(UsageError, match=r"use 8\.0 or 7\.9"):
        parse_release(text)


@pytest.mark.parametrize("text", SUPPORTED)
def test_the_keys_of_each_supported_release_are_here(text: str) -> None:
    release = Release(text)
    for name in (release.base_key, release.pkg_key):
        assert len(keyring.payload(keyring.find(name).read_bytes())) == 56  # base64 of 42 bytes: Ed, number, key
        assert name in (keyring.OWN / "README.md").read_text()


def test_a_release_without_keys_is_refused() -> None:
    with pytest.raises(TestbedError, match="openbsd-99-base"):
        keyring.find("openbsd-99-base.pub")


def test_a_key_that_differs_from_debians_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = tmp_path / "openbsd-80-base.pub"
    forged.write_bytes((keyring.OWN / "openbsd-79-base.pub").read_bytes())
    monkeypatch.setattr(keyring, "PACKAGED", tmp_path)
    with pytest.raises(TestbedError, match=r"openbsd-80-base\.pub is not the key in"):
        keyring.find("openbsd-80-base.pub")


def test_a_signed_list_gives_a_files_checksum() -> None:
    text = f"SHA256 (bsd.rd) = {'a' * 64}\nSHA256 (base80.tgz) = {'b' * 64}\n"
    assert parse_list(text) == {"bsd.rd": "a" * 64, "base80.tgz": "b" * 64}


@pytest.mark.parametrize(
    "text",
    [
        "SHA256 (bsd.rd) = abc\n",
        f"SHA256 (../bsd) = {'a' * 64}\n",
        f"MD5 (bsd) = {'a' * 64}\n",
        f"SHA256 (bsd) = {'a' * 64}\nSHA256 (bsd) = {'b' * 64}\n",
        "<html>\n",
    ],
)
def test_a_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(TestbedError, match="is not a checksum"):
        parse_list(text)


def test_names_are_read_out_of_an_index() -> None:
    text = (
        "total 3\ndrwxr-xr-x 2 0 0 512 Oct 20 12:00:00 2026 old\n-rw-r--r-- 1 1001 0 9 Oct 20 12:00:00 2026 bsd.rd\n\n"
    )
    assert names_in_index(text) == ("bsd.rd",)


def test_names_are_read_out_of_a_servers_page() -> None:
    text = (
        '<a href="../">up</a><A class=x HREF="libstdc%2B%2B-8.4.tgz">x</A><a href="./apr-1.7.6.tgz">apr</a>'
        '<a href="?C=M">sort</a><a href="https://elsewhere.example/evil-1.tgz">e</a><a href="/root-1.tgz">r</a>'
    )
    assert names_in_page(text) == ("libstdc++-8.4.tgz", "apr-1.7.6.tgz")


@pytest.mark.parametrize("place", ["8.0/amd64/bsd.rd", "amd64/bsd.rd", "bsd.rd"])
def test_a_folder_may_be_a_mirror_a_release_or_just_the_files(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("kernel")
    source = Directory(tmp_path)
    source.take("8.0/amd64/bsd.rd", tmp_path / "taken", ignore_report)
    assert (tmp_path / "taken").read_text() == "kernel"
    assert "bsd.rd" in source.names("8.0/amd64")


def test_the_error_for_a_missing_file_names_its_place(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no 8\.0/amd64/bsd\.rd; put it there"):
        Directory(tmp_path).take("8.0/amd64/bsd.rd", tmp_path / "taken", ignore_report)
    assert not (tmp_path / "taken").exists()


def test_loose_files_are_not_taken_for_an_older_releases(tmp_path: Path) -> None:
    (tmp_path / "SHA256.sig").write_text("of 8.0")
    assert Directory(tmp_path).at_hand("7.9/amd64/SHA256.sig") is None


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name the folder"):
        Directory(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "fix"), [("install80.img", r"use the \.iso"), ("install80.iso", "name an installXX.iso")]
)
def test_what_is_no_install_image_is_refused_with_a_way_out(tmp_path: Path, name: str, fix: str) -> None:
    (tmp_path / name).write_bytes(b"x" * 40000)
    with pytest.raises(UsageError, match=fix):
        InstallImage(tmp_path / name)


def test_an_install_image_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"install80\.iso: cannot be read: No such file"):
        InstallImage(tmp_path / "install80.iso")


def test_missing_tools_are_installed_after_saying_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "install80.iso"
    image.write_bytes(b"\0" * 0x8001 + b"CD001")
    installed: list[str] = []

    def install(packages: list[str], why: str, print_line: Callable[[str], None], log: Path) -> None:
        assert why
        assert log.parent == tmp_path
        assert print_line is ignore_report
        installed.extend(packages)

    monkeypatch.setattr(apt, "install", install)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    need_tools(Mirror("https://mirror.example"), ignore_report, tmp_path / "log")
    assert installed == ["signify-openbsd", "signify-openbsd-keys"]
    need_tools(InstallImage(image), ignore_report, tmp_path / "log")
    assert installed[2:] == ["signify-openbsd", "signify-openbsd-keys", "libarchive-tools"]


def test_a_spoilt_file_in_the_cache_is_found_out(tmp_path: Path) -> None:
    store = FileCache(tmp_path)
    incoming = store.incoming("8.0/amd64/bsd")
    incoming.write_bytes(b"kernel")
    digest = digest_of(incoming)
    kept = store.keep(incoming, digest)
    assert store.find(digest) == kept
    kept.write_bytes(b"spoilt")
    assert store.find(digest) is None
    assert not kept.exists()


def test_a_full_disk_is_reported_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "8.0/amd64").mkdir(parents=True)
    (tmp_path / "8.0/amd64/bsd").write_bytes(b"kernel")
    target = FileCache(tmp_path / "cache").incoming("8.0/amd64/bsd")
    target.symlink_to("/dev/full")
    with pytest.raises(TestbedError, match="no space left on the disk; free some"):
        Directory(tmp_path).take("8.0/amd64/bsd", target, ignore_report)
