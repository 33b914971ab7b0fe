"""A release gathered with the real signify, from each kind of source; whatever is wrong stops it with one line."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from release_forge import PACKAGES, Forge, Package, need_tools, tgz

from testbed.errors import TestbedError
from testbed.openbsd.media import Directory, FileSource, InstallImage, Media, Mirror, gather, keyring, signify
from testbed.openbsd.release import Release

RELEASE = Release("8.0")
OLDER = RELEASE.previous
NEEDED = {"quirks-7.200", "apache-httpd-2.4.66", "apr-util-1.6.3p2", "apr-1.7.6", "pcre2-10.44", "libxml-2.14.1p0"}


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One forged release: copied for each test, as making it takes longer."""
    folder = tmp_path_factory.mktemp("pattern")
    need_tools(folder / "apt.log", iso=True)
    forge = Forge(folder)
    forge.make(RELEASE)
    return folder


@pytest.fixture
def forge(pattern: Path, tmp_path: Path) -> Forge:
    folder = tmp_path / "forge"
    shutil.copytree(pattern, folder)
    return Forge(folder)


class Gatherer:
    """Gathers into one cache, and keeps the reports."""

    def __init__(self, forge: Forge, cache: Path) -> None:
        self.forge = forge
        self.cache = cache
        self.reports: list[str] = []

    def __call__(self, source: FileSource | None = None, *, release: Release = RELEASE) -> Media:
        self.reports.clear()
        source = source or Directory(self.forge.root)
        return gather(release, source, self.cache, self.reports.append, keys=self.forge.keys)

    def refused(self, source: FileSource | None = None) -> str:
        """Gather what must be refused; return the one line that says why. No half file is kept."""
        with pytest.raises(TestbedError) as refusal:
            self(source)
        for kept in (self.cache / "sha256").glob("*"):
            assert kept.name == subprocess.check_output(["sha256sum", kept], text=True).split()[0]
        line = str(refusal.value)
        assert "\n" not in line
        return line


@pytest.fixture
def gathered(forge: Forge, tmp_path: Path) -> Gatherer:
    return Gatherer(forge, tmp_path / "cache")


def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, quietly."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def mirror(forge: Forge) -> Iterator[str]:
    yield from served(forge.root)


def check_whole(media: Media, forge: Forge) -> None:
    """All that an installation needs is there, and is what the release has."""
    folder = forge.root / RELEASE.path
    assert set(media.files) == {*RELEASE.sets, "pxeboot", "SHA256.sig", "BUILDINFO"}
    for name, path in media.files.items():
        assert path.read_bytes() == (folder / name).read_bytes(), name
    assert {name.removesuffix(".tgz") for name in media.packages} == NEEDED
    for name, path in media.packages.items():
        assert path.read_bytes() == (forge.root / RELEASE.packages_path / name).read_bytes(), name
    assert set(media.digests) == {*media.files, *media.packages}


def test_from_a_folder(gathered: Gatherer, forge: Forge) -> None:
    check_whole(gathered(), forge)


def test_from_a_folder_of_loose_files(gathered: Gatherer, forge: Forge, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in forge.root.rglob("*"):
        if file.is_file() and file.name != "index.txt":
            shutil.copyfile(file, flat / file.name)
    check_whole(gathered(Directory(flat)), forge)


def test_from_a_mirror_and_then_out_of_the_cache(gathered: Gatherer, forge: Forge, mirror: str) -> None:
    media = gathered(Mirror(mirror))
    check_whole(media, forge)
    for name in (*RELEASE.sets, "pxeboot"):
        (forge.root / RELEASE.path / name).unlink()
    for name in media.packages:
        (forge.root / RELEASE.packages_path / name).unlink()
    assert gathered(Mirror(mirror)) == media


def test_from_an_install_image_with_what_it_lacks_beside_it(gathered: Gatherer, forge: Forge, tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    image = forge.iso(RELEASE, beside / "install80.iso")
    lacked = gathered.refused(InstallImage(image))
    assert "SHA256.sig" in lacked
    assert f"put the mirror's 8.0/amd64/SHA256.sig into {beside}" in lacked
    for name in ("SHA256.sig", "BUILDINFO"):
        shutil.copyfile(forge.root / RELEASE.path / name, beside / name)
    for package in (forge.root / RELEASE.packages_path).glob("*.tgz"):
        shutil.copyfile(package, beside / package.name)
    media = gathered(InstallImage(image))
    check_whole(media, forge)
    assert "taken from base80.tgz" in " ".join(gathered.reports)  # the image has no pxeboot, nor has the folder


def test_from_an_install_image_and_a_mirror(gathered: Gatherer, forge: Forge, mirror: str, tmp_path: Path) -> None:
    image = forge.iso(RELEASE, tmp_path / "install80.iso")
    for name in RELEASE.sets:
        (forge.root / RELEASE.path / name).rename(tmp_path / name)
    assert set(RELEASE.sets) < set(gathered(InstallImage(image, Mirror(mirror))).files)
    (forge.root / RELEASE.path / "SHA256.sig").unlink()
    assert f"{mirror}/8.0/amd64/SHA256.sig: the server does not have it" in gathered.refused(
        InstallImage(image, Mirror(mirror))
    )


def test_an_install_image_of_another_release_is_refused(gathered: Gatherer, forge: Forge, tmp_path: Path) -> None:
    forge.make(OLDER, packages=())
    image = forge.iso(OLDER, tmp_path / "install79.iso")
    shutil.copyfile(forge.root / RELEASE.path / "SHA256.sig", tmp_path / "SHA256.sig")
    assert "install79.iso: holds 7.9/amd64, not 8.0/amd64" in gathered.refused(InstallImage(image))


def test_a_damaged_install_image_is_refused(gathered: Gatherer, forge: Forge, tmp_path: Path) -> None:
    image = forge.iso(RELEASE, tmp_path / "install80.iso")
    shutil.copyfile(forge.root / RELEASE.path / "SHA256.sig", tmp_path / "SHA256.sig")
    content = bytearray(image.read_bytes())
    at = content.index(b"bsd.mp of 8.0")
    content[at + 100] ^= 1
    image.write_bytes(content)
    line = gathered.refused(InstallImage(image))
    assert "bsd.mp: does not match its signed checksum" in line


def test_a_list_that_was_changed_after_signing_is_refused(gathered: Gatherer, forge: Forge) -> None:
    signed = forge.root / RELEASE.path / "SHA256.sig"
    text = signed.read_text()
    signed.write_text(text.replace("(bsd)", "(bsx)"))
    assert "SHA256.sig: not signed by OpenBSD" in gathered.refused()


def test_a_list_signed_with_another_key_is_refused(gathered: Gatherer, forge: Forge) -> None:
    forge.sign(RELEASE, key="openbsd-66-base.pub")
    line = gathered.refused()
    assert "does not verify with openbsd-80-base.pub (verification failed: checked against wrong key)" in line


def test_a_page_in_place_of_the_list_is_refused(gathered: Gatherer, forge: Forge) -> None:
    (forge.root / RELEASE.path / "SHA256.sig").write_text("<html>not here\n")
    assert "not signed by OpenBSD" in gathered.refused()


def test_without_its_signature_nothing_is_taken(gathered: Gatherer, forge: Forge) -> None:
    (forge.root / RELEASE.path / "SHA256.sig").unlink()
    assert "no 8.0/amd64/SHA256.sig; put it there" in gathered.refused()
    assert not list((gathered.cache / "sha256").iterdir())


def test_a_set_that_was_changed_is_refused(gathered: Gatherer, forge: Forge) -> None:
    base = forge.root / RELEASE.path / RELEASE.base_set
    base.write_bytes(tgz({"etc/passwd": b"root::0:0\n"}))
    assert "base80.tgz: does not match its signed checksum" in gathered.refused()


def test_a_set_that_is_cut_off_is_refused_and_then_taken_whole(gathered: Gatherer, forge: Forge) -> None:
    kernel = forge.root / RELEASE.path / "bsd"
    content = kernel.read_bytes()
    kernel.write_bytes(content[:-7])
    assert f"truncated or changed ({len(content) - 7} bytes came)" in gathered.refused()
    kernel.write_bytes(content)
    check_whole(gathered(), forge)


def test_a_missing_set_is_named(gathered: Gatherer, forge: Forge) -> None:
    (forge.root / RELEASE.path / "bsd.rd").unlink()
    assert "no 8.0/amd64/bsd.rd; put it there" in gathered.refused()


def test_a_set_missing_at_a_mirror_is_named(gathered: Gatherer, forge: Forge, mirror: str) -> None:
    (forge.root / RELEASE.path / "bsd.rd").unlink()
    assert f"{mirror}/8.0/amd64/bsd.rd: the server does not have it (404)" in gathered.refused(Mirror(mirror))


def test_a_set_that_the_list_does_not_know_is_refused(gathered: Gatherer, forge: Forge) -> None:
    kernel = forge.root / RELEASE.path / "bsd.mp"
    content = kernel.read_bytes()
    kernel.unlink()
    forge.sign(RELEASE)
    kernel.write_bytes(content)
    assert "8.0/amd64/SHA256.sig: lists no bsd.mp" in gathered.refused()


def test_without_a_signed_buildinfo_none_is_asked_for(gathered: Gatherer, forge: Forge) -> None:
    (forge.root / RELEASE.path / "BUILDINFO").unlink()
    forge.sign(RELEASE)
    assert "BUILDINFO" not in gathered().files


def test_a_full_disk_leaves_nothing_that_a_later_run_takes_for_whole(gathered: Gatherer, forge: Forge) -> None:
    target = gathered.cache / "partial" / "8.0%2Famd64%2Fbase80.tgz"
    target.parent.mkdir(parents=True)
    target.symlink_to("/dev/full")
    assert "no space left on the disk" in gathered.refused()
    target.unlink()
    check_whole(gathered(), forge)


def package(name: str) -> Package:
    return next(package for package in PACKAGES if package.name == name)


def test_a_package_that_was_changed_after_signing_is_refused(gathered: Gatherer, forge: Forge) -> None:
    file = forge.root / RELEASE.packages_path / "apr-1.7.6.tgz"
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    assert "apr-1.7.6.tgz: not signed by OpenBSD" in gathered.refused()


def test_a_package_that_is_cut_off_is_refused(gathered: Gatherer, forge: Forge) -> None:
    file = forge.root / RELEASE.packages_path / "apr-1.7.6.tgz"
    file.write_bytes(file.read_bytes()[:-9])
    assert "apr-1.7.6.tgz: not signed by OpenBSD" in gathered.refused()


def test_a_package_without_a_signature_is_refused(gathered: Gatherer, forge: Forge) -> None:
    file = forge.root / RELEASE.packages_path / "apr-1.7.6.tgz"
    file.write_bytes(tgz({"+CONTENTS": b"@name apr-1.7.6\n@arch amd64\n"}))
    assert "(unsigned gzip archive)" in gathered.refused()


def test_a_package_signed_with_another_key_is_refused(gathered: Gatherer, forge: Forge) -> None:
    forge.add_package(RELEASE, package("apr-1.7.6"), key="openbsd-66-pkg.pub")
    assert "does not verify with openbsd-80-pkg.pub" in gathered.refused()


def test_a_signed_package_under_anothers_name_is_refused(gathered: Gatherer, forge: Forge) -> None:
    folder = forge.root / RELEASE.packages_path
    shutil.copyfile(folder / "zsh-5.9.tgz", folder / "apr-1.7.9.tgz")
    (folder / "index.txt").write_text((folder / "index.txt").read_text() + "- apr-1.7.9.tgz\n")
    assert "apr-1.7.9.tgz: is zsh-5.9 under another name" in gathered.refused()


def test_a_package_for_another_machine_is_refused(gathered: Gatherer, forge: Forge) -> None:
    forge.add_package(RELEASE, Package("apr-1.7.6", arch="arm64"))
    assert "apr-1.7.6.tgz: is for arm64, not amd64" in gathered.refused()


def test_a_missing_dependency_is_named_with_who_needs_it(gathered: Gatherer, forge: Forge) -> None:
    (forge.root / RELEASE.packages_path / "pcre2-10.44.tgz").unlink()
    assert "no package pcre2-*, which apache-httpd-2.4.66 needs" in gathered.refused()


def test_without_packages_the_folder_to_fill_is_named(gathered: Gatherer, forge: Forge) -> None:
    shutil.rmtree(forge.root / RELEASE.packages_path)
    line = gathered.refused()
    assert "8.0/packages/amd64: no package quirks, which pkg_add asks for before any other; put it there" in line


def test_a_package_that_was_fixed_since_the_release_is_taken(gathered: Gatherer, forge: Forge, mirror: str) -> None:
    newer = Package("apache-httpd-2.4.66p1", package("apache-httpd-2.4.66").depends)
    forge.add_package(RELEASE, newer, stable=True)
    for source in (Mirror(mirror), Directory(forge.root)):
        packages = gathered(source).packages
        assert "apache-httpd-2.4.66p1.tgz" in packages
        assert "apache-httpd-2.4.66.tgz" not in packages


def test_a_package_kept_under_another_key_is_fetched_again(gathered: Gatherer, tmp_path: Path) -> None:
    gathered()
    other = Forge(tmp_path / "other")
    other.make(RELEASE)
    check_whole(Gatherer(other, gathered.cache)(), other)


def test_the_key_is_compared_with_the_one_in_the_release_before(gathered: Gatherer, forge: Forge) -> None:
    gathered()
    assert "key chain: openbsd-80-base.pub not compared: no base set of OpenBSD 7.9 at hand" in gathered.reports
    forge.make(OLDER)
    gathered()
    assert "key chain: openbsd-80-base.pub is the key in the verified base79.tgz" in gathered.reports


def test_the_release_before_is_found_in_the_cache(gathered: Gatherer, forge: Forge, mirror: str) -> None:
    forge.make(OLDER)
    gathered(release=OLDER)
    gathered(Mirror(mirror))
    assert "key chain: openbsd-80-base.pub is the key in the verified base79.tgz" in gathered.reports


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("set", "base79.tgz: does not match its signed checksum"),
        ("signature", "SHA256.sig: not signed by OpenBSD"),
        ("key", "no key openbsd-79-base.pub"),
    ],
)
def test_a_release_before_that_does_not_verify_proves_nothing(
    gathered: Gatherer, forge: Forge, spoil: str, why: str
) -> None:
    folder = forge.make(OLDER)
    if spoil == "set":
        (folder / OLDER.base_set).write_bytes(tgz({}))
    elif spoil == "signature":
        (folder / "SHA256.sig").write_text("none\n")
    else:
        (forge.keys / OLDER.base_key).unlink()
    check_whole(gathered(), forge)
    report = next(line for line in gathered.reports if line.startswith("key chain: "))
    assert report.startswith("key chain: openbsd-80-base.pub not compared: ")
    assert why in report


def test_a_key_that_the_release_before_does_not_know_is_refused(gathered: Gatherer, forge: Forge) -> None:
    stranger = {"etc/signify/openbsd-80-base.pub": forge.key("openbsd-66-base.pub").read_bytes()}
    forge.make(OLDER, base=stranger)
    assert "openbsd-80-base.pub is not the key in the verified base79.tgz" in gathered.refused()


def test_a_package_key_that_the_base_set_does_not_know_is_refused(gathered: Gatherer, forge: Forge) -> None:
    stranger = {"etc/signify/openbsd-80-pkg.pub": forge.key("openbsd-66-pkg.pub").read_bytes()}
    forge.make(RELEASE, base=stranger)
    assert "openbsd-80-pkg.pub is not the key in the verified base80.tgz" in gathered.refused()


def test_openbsds_own_keys_do_not_verify_a_forgery(forge: Forge) -> None:
    key = keyring.find(RELEASE.base_key)
    with pytest.raises(TestbedError, match="checked against wrong key"):
        signify.verify_list(forge.root / RELEASE.path / "SHA256.sig", key, "forged")
