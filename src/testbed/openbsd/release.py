"""An OpenBSD release: which there are, and what its files, folders and keys are called.

Supported are the newest release and the one before it, as OpenBSD itself does (its FAQ, "OpenBSD's flavors": patches
are made for the two newest). A release comes each spring and autumn; 7.9 was published on 19 May 2026 (its release
page), 8.0 on 20 October 2026 (release notes of projects that built images of it that day: of openbsd-builder v2.1.1
and openbsd-vm v1.4.9; openbsd/src had the keys of 8.0, and those of 8.1, before). So 8.0 is the default. A new release
is added when its keys are: see ``media/keys/README.md``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from testbed.errors import UsageError

DEFAULT = "8.0"
SUPPORTED = (DEFAULT, "7.9")
ARCH = "amd64"


@dataclass(frozen=True)
class Release:
    """One release for amd64.

    Args:
        version: such as ``8.0``.
    """

    version: str

    @property
    def number(self) -> str:
        """The version as names of files have it: ``80``."""
        return self.version.replace(".", "")

    @property
    def previous(self) -> Release:
        """The release before: OpenBSD counts 7.8, 7.9, 8.0."""
        return self._neighbour(-1)

    @property
    def following(self) -> Release:
        """The release after."""
        return self._neighbour(1)

    @property
    def path(self) -> str:
        """The release's folder on a mirror."""
        return f"{self.version}/{ARCH}"

    @property
    def packages_path(self) -> str:
        """The packages' folder on a mirror, as the release came out; here each package is found first."""
        return f"{self.version}/packages/{ARCH}"

    @property
    def stable_packages_path(self) -> str:
        """The folder of packages that were fixed since; pkg_add(1) looks there too (its ``%m``)."""
        return f"{self.version}/packages-stable/{ARCH}"

    @property
    def base_set(self) -> str:
        """The set that holds the system, ``base80.tgz``."""
        return f"base{self.number}.tgz"

    @property
    def sets(self) -> tuple[str, ...]:
        """What a balancer is installed from.

        Both kernels, because the installer picks ``bsd.mp`` by itself where it sees two processors. The base set has
        pkg_add(1), and the objects, linker and make(1) that relink the kernel; the compiler is not needed.
        """
        return ("bsd", "bsd.mp", "bsd.rd", self.base_set)

    @property
    def base_key(self) -> str:
        """File name of the public key that the sets are signed with."""
        return f"openbsd-{self.number}-base.pub"

    @property
    def pkg_key(self) -> str:
        """File name of the public key that the packages are signed with."""
        return f"openbsd-{self.number}-pkg.pub"

    def _neighbour(self, step: int) -> Release:
        major, minor = divmod(int(self.number) + step, 10)
        return Release(f"{major}.{minor}")


def parse(text: str | None = None) -> Release:
    """Return the release a user named.

    Args:
        text: such as ``8.0``; nothing means the default.

    Raises:
        UsageError: it is not a release, or not supported.
    """
    version = (text or DEFAULT).strip()
    if version in SUPPORTED:
        return Release(version)
    known = " or ".join(SUPPORTED)
    if not re.fullmatch(r"[0-9]{1,2}\.[0-9]", version):
        raise UsageError(f"{version!r} is not an OpenBSD release", fix=f"use {known}")
    raise UsageError(f"OpenBSD {version} is not supported", fix=f"use {known}")
