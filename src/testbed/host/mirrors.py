"""The Debian mirrors that the host's own apt uses, whatever names its sources give to the releases."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import TestbedError
from testbed.host.command import run

DEFAULT = "http://deb.debian.org/debian"
# What Debian calls its releases besides their code names (Debian's archive, README in dists/).
ALIASES = frozenset({"stable", "oldstable", "oldoldstable", "testing", "unstable", "sid"})
_SECURITY = "-security"
_RELEASE_FILE = re.compile(r"^'(\S+?)/+dists/(\S+)/InRelease' ")
_ORIGIN = re.compile(r"^Origin: *(.*?) *$", re.MULTILINE)
_APT_HELPER = ("/usr/lib/apt/apt-helper", "-oAcquire::Retries=1", "-oAcquire::http::Timeout=10", "download-file")

Origin = Callable[[str, str], str | None]
"""Returns the origin of a suite of an archive, as its release file gives it; None when the file cannot be fetched."""


@dataclass(frozen=True)
class Mirrors:
    """Where the host gets Debian from.

    Args:
        main: address of the main archive, None when the host is not Debian or has no such source.
        security: address of the security archive, likewise.
    """

    main: str | None = None
    security: str | None = None


def host_codename(os_release: Path = Path("/etc/os-release")) -> str | None:
    """Return the host's Debian release (``bookworm``), or None when the host is not Debian."""
    try:
        lines = os_release.read_text().splitlines()
    except OSError:
        return None
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    if values.get("ID", "").strip('"') != "debian":
        return None
    return values.get("VERSION_CODENAME", "").strip('"') or None


def host_mirrors() -> Mirrors:
    """Return the mirrors in the sources of the host's apt; empty when there is no apt or no Debian.

    apt itself reads the sources, so that both of their forms (sources.list(5)) are understood. It is asked for what an
    update would fetch: that needs neither root nor lists of an earlier update.
    """
    codename = host_codename()
    if codename is None or shutil.which("apt-get") is None:
        return Mirrors()
    try:
        printed = run(["apt-get", "update", "--print-uris"], "asking apt")
    except TestbedError:
        return Mirrors()
    with tempfile.TemporaryDirectory() as scratch:
        return choose_mirrors(
            parse_sources(printed), codename, lambda archive, suite: release_origin(archive, suite, Path(scratch))
        )


def parse_sources(printed: str) -> list[tuple[str, str]]:
    """Return archive and suite of each source that ``apt-get update --print-uris`` names."""
    found = [match.groups() for line in printed.splitlines() if (match := _RELEASE_FILE.match(line))]
    return [(archive, suite) for archive, suite in found]


def choose_mirrors(sources: Sequence[tuple[str, str]], codename: str, origin: Origin) -> Mirrors:
    """Choose Debian's own archives among all sources: any of their releases will do, a mirror has them all.

    Args:
        sources: archive and suite of each source; archives of other projects are among them.
        codename: the host's release, such as ``bookworm``.
        origin: distinguishes an archive of Debian from another project's with the same suite names.
    """
    names = {codename, *ALIASES}
    # The host's own release first, and addresses that look like Debian's: then fewer files are fetched.
    ordered = sorted(sources, key=lambda source: (codename not in source[1], not _looks_like_debian(source[0])))

    def first(suites: set[str]) -> str | None:
        return next((archive for archive, suite in ordered if suite in suites and is_debian(archive, suite)), None)

    def is_debian(archive: str, suite: str) -> bool:
        found = origin(archive, suite)
        return found == "Debian" or (found is None and _looks_like_debian(archive))

    return Mirrors(first(names), first({f"{name}{_SECURITY}" for name in names}))


def serves(archive: str, suite: str, scratch: Path) -> bool:
    """Return whether an archive of Debian has a suite.

    Args:
        archive: address of the archive.
        suite: such as ``bullseye-updates``.
        scratch: a folder to fetch into.
    """
    return release_origin(archive, suite, scratch) == "Debian"


def release_origin(archive: str, suite: str, scratch: Path) -> str | None:
    """Return who publishes a suite of an archive, fetched with apt's own proxy and certificate settings.

    Args:
        archive: address of the archive.
        suite: such as ``bullseye-updates``.
        scratch: a folder to fetch into.

    Returns:
        The release file's origin; None when the file cannot be fetched or names none.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    target = scratch / "InRelease"
    try:
        run([*_APT_HELPER, f"{archive}/dists/{suite}/InRelease", target], "asking the archive", seconds=60)
        found = _ORIGIN.search(target.read_text(errors="replace"))
    except (TestbedError, OSError):
        return None
    finally:
        target.unlink(missing_ok=True)
    return found[1] if found else None


def _looks_like_debian(archive: str) -> bool:
    return archive.rpartition("/")[2] in ("debian", f"debian{_SECURITY}")
