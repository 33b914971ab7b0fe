"""Debian's packages: what the host's own mirror is, and installing without touching the user's sources."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import TestbedError, UsageError
from testbed.host.command import Say, run

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_APT_HELPER = ("/usr/lib/apt/apt-helper", "-oAcquire::Retries=1", "-oAcquire::http::Timeout=10", "download-file")


@dataclass(frozen=True)
class Mirrors:
    """Where the host gets Debian from.

    Args:
        main: address of the main archive, None when the host is no Debian or hides it.
        security: address of the security archive, likewise.
    """

    main: str | None = None
    security: str | None = None


def parse_mirrors(indextargets: str, codename: str) -> Mirrors:
    """Pick Debian's own archives out of ``apt-get indextargets`` lines of ``URI RELEASE COMPONENT``.

    Args:
        indextargets: one target a line; third parties' sources are among them.
        codename: the host's release, such as ``bookworm``.
    """
    main: list[str] = []
    security: list[str] = []
    for line in indextargets.splitlines():
        words = line.split()
        if len(words) != 3 or words[2] != "main":
            continue
        uri, release = words[0].rstrip("/"), words[1]
        if release == f"{codename}-security":
            security.append(uri)
        elif release == codename and "debian" in uri:
            main.append(uri)
    return Mirrors(main[0] if main else None, security[0] if security else None)


def host_codename(os_release: Path = Path("/etc/os-release")) -> str | None:
    """Return the host's Debian release (``bookworm``), or None when the host is no Debian."""
    try:
        lines = os_release.read_text().splitlines()
    except OSError:
        return None
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    if values.get("ID", "").strip('"') != "debian":
        return None
    return values.get("VERSION_CODENAME", "").strip('"') or None


def host_mirrors() -> Mirrors:
    """Ask the host's apt for its mirrors; empty when there is no apt or no Debian."""
    codename = host_codename()
    if codename is None or shutil.which("apt-get") is None:
        return Mirrors()
    try:
        targets = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"], "asking apt")
    except TestbedError:
        return Mirrors()
    return parse_mirrors(targets, codename)


def serves(archive: str, suite: str, scratch: Path) -> bool:
    """Tell whether an archive has a suite, asked with apt's own proxy and certificate settings.

    Args:
        archive: address of the archive.
        suite: such as ``bullseye-updates``.
        scratch: a folder to fetch into.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    target = scratch / "InRelease"
    try:
        run(
            [*_APT_HELPER, f"{archive}/dists/{suite}/InRelease", target],
            "asking the archive",
            seconds=60,
        )
    except TestbedError:
        return False
    finally:
        target.unlink(missing_ok=True)
    return True


def need_root(what: str) -> None:
    """Refuse to go on without root.

    Raises:
        UsageError: this process is not root.
    """
    if os.geteuid() != 0:
        raise UsageError(f"{what} needs root", mend="run the same command as root")


def install(packages: Iterable[str], why: str, say: Say, log: Path) -> None:
    """Install Debian packages, saying so first.

    Args:
        packages: package names, or paths of ``.deb`` files.
        why: what they are for.
        say: told before anything is done.
        log: keeps apt's output.

    Raises:
        UsageError: not root, or the host has no apt.
        TestbedError: apt failed.
    """
    wanted = list(packages)
    names = ", ".join(Path(name).name for name in wanted)
    need_root(f"installing {names}")
    if shutil.which("apt-get") is None:
        raise UsageError(f"{names} missing and the host has no apt", mend=f"install {names} by your system's means")
    say(f"Installing {names} from Debian ({why})")
    if not all(name.endswith(".deb") for name in wanted):
        run(["apt-get", "update"], "apt-get update", log=log, mend="mend the host's apt sources")
    command = ["apt-get", "install", "-y", "--no-install-recommends", "-oDpkg::Options::=--force-confold"]
    run([*command, *wanted], f"installing {names}", log=log)


def candidate(package: str) -> str | None:
    """Return the version apt would install, None when it knows no such package."""
    try:
        policy = run(["apt-cache", "policy", package], "asking apt")
    except TestbedError:
        return None
    for line in policy.splitlines():
        word, _, version = line.strip().partition(": ")
        if word == "Candidate":
            return None if version == "(none)" else version
    return None


def fetch_from_release(package: str, release: str, mirror: str, state: Path, say: Say, log: Path) -> Path:
    """Fetch one package of another Debian release, with an apt configuration of its own.

    The user's sources, lists and cache are neither read nor changed; proxies and certificates are the user's.

    Args:
        package: its name.
        release: such as ``trixie``.
        mirror: address of the archive.
        state: a folder for the lists and the cache; the package is left in it.
        say: told before anything is fetched.
        log: keeps apt's output.

    Raises:
        TestbedError: it could not be fetched or its signature does not verify.
    """
    say(f"Fetching {package} of Debian {release}")
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
