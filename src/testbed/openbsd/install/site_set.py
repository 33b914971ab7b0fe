"""``siteXX.tgz``: what a balancer has on top of OpenBSD, as the installer's last set (install.site(5)).

The installer unpacks it over the system with ``tar -zxph`` and then runs its ``install.site``. It holds

- the tree images/openbsd/site, as it is;
- programs that both platforms share, out of images/lb (the server's configuration comes with each node's own files);
- ``usr/local/share/testbed/image``, generated: the release, the packages and where they are, for its scripts.

The same sources make the same bytes: one time for all, no names of users, members in order. There are no folders in
it, for the installer would give those of the system, such as ``/root``, the modes of ours.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.balancers.balancer_registry import SERVER
from testbed.errors import TestbedError
from testbed.openbsd.install.response_file import InstallPlan
from testbed.openbsd.release import Release

# Shared with the Debian balancer: a file below images/lb, and where it goes.
SHARED: Mapping[str, str] = {
    "bin/balancer-manager": "usr/local/bin/balancer-manager",
    "bin/forget-member": "usr/local/bin/forget-member",
    "bin/member-watch": "usr/local/bin/member-watch",
    "bin/pool-decisions": "usr/local/bin/pool-decisions",
    "bin/pool-discovery": "usr/local/bin/pool-discovery",
    "bin/pool-member": "usr/local/bin/pool-member",
}
IMAGE = "usr/local/share/testbed/image"
_IGNORED = {"__pycache__", ".gitkeep"}
# The members' time, 1 January 2006. Not 0, which programs of OpenBSD take for "never seen" (asr.c of its libc).
_TIME = 1136073600


def write(
    target: Path, release: Release, site: Path, balancer: Path, packages: Sequence[str] = SERVER.openbsd_packages
) -> None:
    """Write the set.

    Args:
        target: the file, such as ``site80.tgz``; replaced.
        release: the OpenBSD release it is for.
        site: images/openbsd/site.
        balancer: images/lb.
        packages: stems of the packages that are added at first boot.

    Raises:
        TestbedError: a file is missing, or there twice.
    """
    members = {IMAGE: image_facts(release, packages)}
    sources = {path.relative_to(site).as_posix(): path for path in sorted(site.rglob("*")) if _is_member(path)}
    for name in SHARED:
        if not (balancer / name).is_file():
            raise TestbedError("is missing: both platforms' balancers need it", where=str(balancer / name))
    for name, path in [*sources.items(), *((SHARED[name], balancer / name) for name in SHARED)]:
        if name in members:
            raise TestbedError(f"{name} is in the set twice", where=str(path))
        members[name] = path.read_bytes()
    if "install.site" not in members:
        raise TestbedError("is missing: the installer would run nothing", where=str(site / "install.site"))
    _pack(target, members)


def image_facts(release: Release, packages: Sequence[str]) -> bytes:
    """Return the facts that the set's scripts read, as lines of a shell.

    Args:
        release: the OpenBSD release.
        packages: stems of packages.
    """
    mirror = InstallPlan(release).mirror
    facts = {
        "release": release.version,
        "packages": " ".join(packages),
        "PKG_PATH": f"{mirror}/{release.packages_path}/",
    }
    return "".join(f"{name}='{value}'\n" for name, value in facts.items()).encode()


def _is_member(path: Path) -> bool:
    if path.is_symlink():
        raise TestbedError("is a symbolic link: the set holds files", where=str(path))
    return path.is_file() and not _IGNORED.intersection(path.parts)


def _pack(target: Path, members: Mapping[str, bytes]) -> None:
    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(members):
            member = tarfile.TarInfo(name)
            # By content, not by the file's mode: a checkout need not keep it.
            member.mode = 0o755 if members[name].startswith(b"#!") else 0o644
            member.size, member.mtime = len(members[name]), _TIME
            member.uname, member.gname = "root", "wheel"
            tar.addfile(member, io.BytesIO(members[name]))
