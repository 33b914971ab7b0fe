"""Debian's packages: installing them without touching the user's sources."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from testbed.errors import TestbedError, UsageError
from testbed.host.command import run
from testbed.progress import PrintLine

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def need_root(what: str, fix: str = "run the same command as root") -> None:
    """Refuse to go on without root.

    Args:
        what: what needs root.
        fix: what root has to do.

    Raises:
        UsageError: this process is not root.
    """
    if os.geteuid() != 0:
        raise UsageError(f"{what} needs root", fix=fix)


def refresh(log: Path) -> None:
    """Fetch apt's lists of packages: a fresh host has none, and then apt knows no package.

    Args:
        log: keeps apt's output.

    Raises:
        TestbedError: apt failed.
    """
    run(["apt-get", "update"], "apt-get update", log=log, fix="fix the host's apt sources")


def install(packages: Iterable[str], why: str, print_line: PrintLine, log: Path) -> None:
    """Announce and install Debian packages.

    Args:
        packages: package names, or paths of ``.deb`` files.
        why: what they are for.
        print_line: called before anything is done.
        log: keeps apt's output.

    Raises:
        UsageError: not root, or the host has no apt.
        TestbedError: apt failed.
    """
    requested = list(packages)
    names = " ".join(Path(name).name for name in requested)
    need_root(f"installing {names} ({why})", f"run as root: apt-get install {names}")
    if shutil.which("apt-get") is None:
        raise UsageError(f"{names} missing and the host has no apt", fix=f"install {names} by your system's means")
    print_line(f"Installing {names} from Debian ({why})")
    if not all(name.endswith(".deb") for name in requested):
        refresh(log)
    command = ["apt-get", "install", "-y", "--no-install-recommends", "-oDpkg::Options::=--force-confold"]
    run([*command, *requested], f"installing {names}", log=log)


def candidate(package: str) -> str | None:
    """Return the version apt would install, None when its lists have no such package (``refresh`` fetches them)."""
    try:
        policy = run(["apt-cache", "policy", package], "asking apt")
    except TestbedError:
        return None
    for line in policy.splitlines():
        field, _, version = line.strip().partition(": ")
        if field == "Candidate":
            return None if version == "(none)" else version
    return None


def fetch_from_release(package: str, release: str, mirror: str, state: Path, print_line: PrintLine, log: Path) -> Path:
    """Fetch one package of another Debian release, with an apt configuration of its own.

    The user's sources, lists and cache are neither read nor changed; proxies and certificates are the user's.

    Args:
        package: its name.
        release: such as ``trixie``.
        mirror: address of the archive.
        state: a folder for the lists and the cache; the package is left in it.
        print_line: called before anything is fetched.
        log: keeps apt's output.

    Raises:
        TestbedError: it could not be fetched or its signature does not verify.
    """
    print_line(f"Fetching {package} of Debian {release}")
    for folder in ("sources", "lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "sources" / "release.sources").write_text(source_entry(release, mirror))
    own = [
        "-oDir::Etc::sourcelist=/dev/null",
        f"-oDir::Etc::sourceparts={state / 'sources'}",
        f"-oDir::State::lists={state / 'lists'}",
        f"-oDir::Cache={state / 'cache'}",
        "-oAPT::Sandbox::User=root",
        "-oAcquire::Languages=none",
    ]
    run(["apt-get", *own, "update"], f"reading Debian {release}'s package lists", log=log)
    for old in state.glob(f"{package}_*.deb"):
        old.unlink()
    run(["apt-get", *own, "download", package], f"fetching {package}", log=log, cwd=state)
    fetched = sorted(state.glob(f"{package}_*.deb"))
    if not fetched:
        raise TestbedError(f"apt fetched no {package} of Debian {release}", where=str(log))
    return fetched[-1]


def source_entry(release: str, mirror: str) -> str:
    """Return an apt source in deb822 form, tied to Debian's own keys."""
    return f"Types: deb\nURIs: {mirror}\nSuites: {release}\nComponents: main\nSigned-By: {KEYRING}\n"
