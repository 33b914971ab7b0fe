"""A small OpenBSD release, signed with keys of the test's own: laid out as a mirror has it, and as an install image.

The signatures are real signify's, the archives real tar and gzip; only what is in them is small. What a stand-in
installation needs (pxeboot, bsd.rd, sets) comes from the caller.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools import need

from testbed.openbsd.release import ARCH, Release

SIGNIFY = "signify-openbsd"
Content = bytes | Path


@dataclass(frozen=True)
class Package:
    """A package to be made.

    Args:
        name: with its version, such as ``apr-1.7.6``.
        depends: ``pkgpath:pkgspec:default`` of each package it needs.
        files: path below /usr/local to content.
        arch: what it is for.
    """

    name: str
    depends: Sequence[str] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    arch: str = ARCH


# Dependencies in the shape of the port's (openbsd/ports www/apache-httpd); versions are made up.
PACKAGES = (
    Package("quirks-7.200"),
    Package(
        "apache-httpd-2.4.66",
        ("devel/apr-util:apr-util-*-!ldap:apr-util-1.6.3", "devel/pcre2:pcre2-*:pcre2-10.44"),
        {"sbin/httpd2": b"httpd\n"},
    ),
    Package("apr-util-1.6.3p2", ("devel/apr:apr->=1.7:apr-1.7.6", "textproc/libxml:libxml-*:libxml-2.14.1")),
    Package("apr-util-1.6.3p2-ldap", ("devel/apr:apr->=1.7:apr-1.7.6", "databases/openldap:openldap-*:openldap-2.6")),
    Package("apr-1.7.6"),
    Package("pcre2-10.44"),
    Package("libxml-2.14.1p0"),
    Package("zsh-5.9"),
)


def need_tools(log: Path, *, iso: bool = False) -> None:
    """Install what forging takes, as the product installs what it needs."""
    tools = {SIGNIFY: "signify-openbsd", **({"xorriso": "xorriso"} if iso else {})}
    need(tools, "tests forge a release", log)


def tgz(members: Mapping[str, bytes]) -> bytes:
    """Return a set: a gzipped tar whose members begin with ``./``, as release(8) makes them."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w|") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(f"./{name}" if not name.startswith("+") else name)
            member.size = len(content)
            member.mode = 0o755 if "bin/" in name else 0o644
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


class Forge:
    """A folder that looks like a mirror's ``pub/OpenBSD``, and the keys that verify it.

    Args:
        folder: everything is made below it: ``mirror`` and ``keys`` (public), ``secret``.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "mirror"
        self.keys = folder / "keys"
        self._secret = folder / "secret"
        for made in (self.root, self.keys, self._secret):
            made.mkdir(parents=True, exist_ok=True)

    def make(
        self,
        release: Release,
        *,
        files: Mapping[str, Content] | None = None,
        base: Mapping[str, bytes] | None = None,
        packages: Sequence[Package] = PACKAGES,
    ) -> Path:
        """Make a whole release, signed, with its packages.

        Args:
            release: which.
            files: name to content, in place of what is made by default (kernels of a few bytes, pxeboot, base set).
            base: more members of the base set, beside the keys that a real one has and ``usr/mdec/pxeboot``.
            packages: in place of Apache and what it needs.

        Returns:
            The release's folder.
        """
        folder = self.root / release.path
        folder.mkdir(parents=True, exist_ok=True)
        made: dict[str, Content] = {name: f"{name} of {release.version}\n".encode() * 2000 for name in release.sets}
        made["pxeboot"] = f"pxeboot of {release.version}\n".encode() * 300
        made["BUILDINFO"] = b"Build date: 1790000000 - Mon Sep 21 14:13:20 UTC 2026\n"
        made |= files or {}
        if release.base_set not in (files or {}):
            made[release.base_set] = self.base_set(release, made["pxeboot"], base or {})
        for name, content in made.items():
            put(folder / name, content)
        self.sign(release)
        for package in packages:
            self.add_package(release, package)
        return folder

    def base_set(self, release: Release, pxeboot: Content, members: Mapping[str, bytes]) -> bytes:
        """Return a base set: the keys of its release and of the next, pxeboot, and what the caller adds."""
        keys = [self.key(name) for each in (release, release.following) for name in (each.base_key, each.pkg_key)]
        held = {f"etc/signify/{key.name}": key.read_bytes() for key in keys}
        held["usr/mdec/pxeboot"] = pxeboot if isinstance(pxeboot, bytes) else pxeboot.read_bytes()
        return tgz(held | dict(members))

    def key(self, name: str) -> Path:
        """Return a public key, made (with its secret one) when it is asked for first."""
        public = self.keys / name
        if not public.exists():
            secret = self._secret / name.replace(".pub", ".sec")
            run(SIGNIFY, "-G", "-n", "-c", name.removesuffix(".pub"), "-p", public, "-s", secret)
        return public

    def sign(self, release: Release, *, key: str | None = None) -> Path:
        """Write the release's ``SHA256``, ``SHA256.sig`` and ``index.txt`` again, from the files that are there."""
        folder = self.root / release.path
        listed = sorted(p for p in folder.iterdir() if p.name not in ("SHA256", "SHA256.sig", "index.txt"))
        lines = [f"SHA256 ({p.name}) = {hashlib.sha256(p.read_bytes()).hexdigest()}\n" for p in listed]
        (folder / "SHA256").write_text("".join(lines))
        signed = folder / "SHA256.sig"
        run(SIGNIFY, "-S", "-e", "-s", self._secret_of(key or release.base_key), "-m", folder / "SHA256", "-x", signed)
        index(folder)
        return signed

    def add_package(self, release: Release, package: Package, *, key: str | None = None, stable: bool = False) -> Path:
        """Make one package, signed in its gzip header, in the release's package folder."""
        folder = self.root / (release.stable_packages_path if stable else release.packages_path)
        folder.mkdir(parents=True, exist_ok=True)
        plain = put(
            self._secret / "plain.tgz", tgz({"+CONTENTS": contents(package), "+DESC": b"made\n"} | dict(package.files))
        )
        target = folder / f"{package.name}.tgz"
        secret = self._secret_of(key or release.pkg_key)
        run(SIGNIFY, "-S", "-z", "-n", "-s", secret, "-m", plain, "-x", target)
        index(folder)
        return target

    def iso(self, release: Release, target: Path) -> Path:
        """Make an install image as ``distrib/amd64/iso/Makefile`` does: the sets and SHA256, but no SHA256.sig."""
        tree = self._secret / "iso"
        shutil.rmtree(tree, ignore_errors=True)
        inside = tree / release.path
        inside.mkdir(parents=True)
        for name in (*release.sets, "SHA256"):
            shutil.copyfile(self.root / release.path / name, inside / name)
        run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-o", target, tree)
        return target

    def _secret_of(self, public: str) -> Path:
        return self._secret / self.key(public).name.replace(".pub", ".sec")


def contents(package: Package) -> bytes:
    """Return a packing-list as pkg_create(1) writes it, with the lines that testbed and pkg_add(1) go by."""
    lines = [
        f"@name {package.name}",
        "@version 1",
        "@comment pkgpath=made/up ftp=yes",
        f"@arch {package.arch}",
        "+DESC",
    ]
    lines += [f"@depend {depend}" for depend in package.depends]
    lines += ["@cwd /usr/local", *package.files]
    return "".join(f"{line}\n" for line in lines).encode()


def index(folder: Path) -> None:
    """Write ``index.txt`` as mirrors have it: the lines of ``ls -l``."""
    names = sorted(p.name for p in folder.iterdir() if p.name != "index.txt")
    lines = [f"-rw-r--r--  1 1001  0  {(folder / name).stat().st_size} Oct 20 12:00:00 2026 {name}\n" for name in names]
    (folder / "index.txt").write_text("".join(lines))


def put(target: Path, content: Content) -> Path:
    """Write a file of given content."""
    if isinstance(content, Path):
        shutil.copyfile(content, target)
    else:
        target.write_bytes(content)
    return target


def run(*argv: str | Path) -> None:
    """Run a program that has to succeed."""
    subprocess.run([str(word) for word in argv], check=True, stdin=subprocess.DEVNULL, capture_output=True)
