"""Where testbed's files lie and what the environment sets: read once, never changed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import UsageError

TOPOLOGY = Path("compose/cluster.yaml")
# The longest path that a socket may have (unix(7), sun_path).
SOCKET_PATH_BYTES = 107
_LONGEST_SOCKET = f"{'node':-<32}/console.sock"
# Compose puts it on everything it makes; its value is the project.
PROJECT_LABEL = "com.docker.compose.project"
# testbed puts it on everything of a cluster; its value is the cluster's identity (host/identity.py).
CLUSTER_LABEL = "org.testbed.cluster"
ONEOFF_LABEL = "com.docker.compose.oneoff"
# No leading zeros: some programs take such a number for octal.
_WHOLE = r"0|[1-9][0-9]{0,5}"
_OCTET = r"(0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])"


@dataclass(frozen=True)
class Settings:
    """One checkout's settings.

    Args:
        root: the checkout: the folder that holds ``compose/cluster.yaml``.
        project: Compose project name; containers and networks begin with it.
        state_dir: secrets, logs, manifests, records; may be deleted when no cluster runs.
        run_dir: sockets of the VMs, one folder a project.
        accel: how VMs run: ``kvm`` or ``tcg``; by default, testbed tries whether KVM works.
        site_port: loopback port of the site.
        locust_port: loopback port of Locust's web UI.
        debian_archive: mirror of the releases that the host's mirror no longer has.
        images: the beginning of the images' names.
        network_prefix: the first two numbers of all the cluster's addresses; two clusters need two of them.
        openbsd_release: the OpenBSD release of balancers, such as ``8.0``, by default the newest that is supported.
        openbsd_mirror: address of OpenBSD's mirror: the folder with one folder for each release.
        sessions: where the webmail keeps its sessions, ``files`` or ``database``; by default as the cluster has it.
        session_padding: KiB added to each session; by default as the cluster has it.
        filesystem: of the replicated volume; by default as the cluster has it, and ext3 for a new cluster.
    """

    __test__ = False

    root: Path
    project: str
    state_dir: Path
    run_dir: Path
    accel: str | None = None
    site_port: int = 8443
    locust_port: int = 8089
    debian_archive: str = "http://archive.debian.org/debian"
    openbsd_release: str | None = None
    images: str = "testbed"
    network_prefix: str = "198.18"
    openbsd_mirror: str = "https://cdn.openbsd.org/pub/OpenBSD"
    sessions: str | None = None
    session_padding: int | None = None
    filesystem: str | None = None

    @property
    def topology(self) -> Path:
        """The cluster's Compose file."""
        return self.root / TOPOLOGY

    @property
    def openbsd_dir(self) -> Path:
        """Where OpenBSD's files are kept: what was fetched, and the disks that were installed."""
        return self.state_dir / "openbsd"

    @property
    def logs_dir(self) -> Path:
        """Where the logs of builds and of our own engine go."""
        return self.state_dir / "logs"

    @property
    def vm_states_dir(self) -> Path:
        """Where the states of booted guests are kept (images/vm/launcher/saved_state.py)."""
        return self.state_dir / "vm-states"

    @property
    def group(self) -> int:
        """The group that shares secrets and sockets with nodes: that of the state folder, for any user."""
        return self.state_dir.stat().st_gid if self.state_dir.is_dir() else os.getegid()

    def compose_environment(self, accel: str) -> dict[str, str]:
        """Return the variables ``compose/cluster.yaml`` is interpolated with.

        Args:
            accel: ``kvm`` or ``tcg``, what the VMs are to use.
        """
        return {
            "COMPOSE_PROJECT_NAME": self.project,
            "TESTBED_STATE": str(self.state_dir),
            "TESTBED_RUN": str(self.run_dir),
            "TESTBED_GID": str(self.group),
            "TESTBED_ACCEL": accel,
            "TESTBED_SITE_PORT": str(self.site_port),
            "TESTBED_LOCUST_PORT": str(self.locust_port),
            "TESTBED_IMAGES": self.images,
            "TESTBED_PREFIX": self.network_prefix,
        }


def load(environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Settings:
    """Read the settings from the environment.

    Args:
        environment: by default this process's.
        cwd: where to begin looking for the checkout, by default the current folder.

    Raises:
        UsageError: a value that cannot be, or no checkout in sight.
    """
    env = os.environ if environment is None else environment
    cwd = Path.cwd() if cwd is None else cwd
    root = _named_root(env) or find_root(cwd)
    accel = env.get("TESTBED_ACCEL") or None
    if accel not in (None, "kvm", "tcg"):
        raise UsageError(f"{accel!r} is not an acceleration", where="TESTBED_ACCEL", fix="use kvm or tcg, or unset it")
    sessions = env.get("TESTBED_SESSIONS") or None
    if sessions not in (None, "files", "database"):
        raise UsageError(
            f"sessions are not kept in {sessions!r}",
            where="TESTBED_SESSIONS",
            fix="use files or database, or unset it",
        )
    project = env.get("COMPOSE_PROJECT_NAME") or "testbed"
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,30}", project):
        raise UsageError(
            f"{project!r} is not a project name",
            where="COMPOSE_PROJECT_NAME",
            fix="use at most 31 of a-z, 0-9, - and _, beginning with a letter or digit",
        )
    site_port, locust_port = _port(env, "TESTBED_SITE_PORT", 8443), _port(env, "TESTBED_LOCUST_PORT", 8089)
    if site_port == locust_port:
        raise UsageError(
            f"'{locust_port}' is the site's port, too",
            where="TESTBED_LOCUST_PORT",
            fix="give TESTBED_SITE_PORT and TESTBED_LOCUST_PORT different ports",
        )
    state_dir = _absolute(env.get("TESTBED_STATE") or ".testbed", root)
    return Settings(
        root=root,
        project=project,
        state_dir=state_dir,
        run_dir=_run_dir(env.get("TESTBED_RUN") or "", root, state_dir, project),
        accel=accel,
        site_port=site_port,
        locust_port=locust_port,
        debian_archive=(env.get("TESTBED_DEBIAN_ARCHIVE") or Settings.debian_archive).rstrip("/"),
        openbsd_release=env.get("TESTBED_OPENBSD_RELEASE") or None,
        images=_matching(env, "TESTBED_IMAGES", "testbed", r"[a-z0-9][a-z0-9_-]*", "a-z, 0-9, - and _"),
        network_prefix=_prefix(env),
        openbsd_mirror=(env.get("TESTBED_OPENBSD_MIRROR") or Settings.openbsd_mirror).rstrip("/"),
        sessions=sessions,
        session_padding=_kib(env, "TESTBED_SESSION_PADDING"),
        filesystem=env.get("TESTBED_FILESYSTEM") or None,
    )


def find_root(cwd: Path) -> Path:
    """Return the checkout: the folder around ``cwd``, else the one around this package, that holds the topology.

    Raises:
        UsageError: neither does.
    """
    cwd = cwd.resolve()
    package = Path(__file__).resolve()
    for folder in (cwd, *cwd.parents, *package.parents):
        if (folder / TOPOLOGY).is_file():
            return folder
    raise UsageError(
        f"no {TOPOLOGY} here or above", where=str(cwd), fix="run testbed inside its checkout, or set TESTBED_CHECKOUT"
    )


def _named_root(env: Mapping[str, str]) -> Path | None:
    """Return the checkout that the environment names: a project that only installs testbed has none around it."""
    if not (value := env.get("TESTBED_CHECKOUT")):
        return None
    root = Path(value).expanduser().resolve()
    if not (root / TOPOLOGY).is_file():
        raise UsageError(
            f"{value!r} is not a checkout of testbed: it has no {TOPOLOGY}", where="TESTBED_CHECKOUT",
            fix="name the folder that `git clone` made",
        )  # fmt: skip
    return root


def _absolute(value: str, root: Path) -> Path:
    return (root / Path(value).expanduser()).resolve()


def _run_dir(value: str, root: Path, state_dir: Path, project: str) -> Path:
    """The folder of sockets: root's where the system keeps such, anybody else's in the state folder if that is short.

    Not below XDG_RUNTIME_DIR: that folder goes with the user's last session, and the cluster stays.
    """
    if value:
        return _absolute(value, root)
    if os.geteuid() == 0:
        return Path("/run/testbed")
    own = state_dir / "run"
    return own if socket_room(own, project) >= 0 else Path(f"/tmp/testbed-{os.geteuid()}")  # noqa: S108 - closed to others


def socket_room(run_dir: Path, project: str) -> int:
    """Return how many bytes longer the path of a folder of sockets could be; below zero it is too long."""
    return SOCKET_PATH_BYTES - len(os.fsencode(run_dir / project / _LONGEST_SOCKET))


def _matching(env: Mapping[str, str], name: str, default: str, pattern: str, form: str) -> str:
    value = env.get(name) or default
    if not re.fullmatch(pattern, value):
        raise UsageError(f"{value!r} cannot be used", where=name, fix=f"use {form}")
    return value


def _prefix(env: Mapping[str, str]) -> str:
    """Return the prefix of the cluster's addresses, which must be addresses that computers can have."""
    form = "two numbers from 0 to 255, such as 198.19"
    prefix = _matching(env, "TESTBED_PREFIX", "198.18", rf"{_OCTET}\.{_OCTET}", form)
    first = int(prefix.partition(".")[0])
    # This host, loopback, multicast and reserved addresses, and link-local ones (RFC 6890)
    if first in (0, 127) or first >= 224 or prefix == "169.254":
        raise UsageError(
            f"computers cannot have addresses that begin with {prefix!r}",
            where="TESTBED_PREFIX",
            fix="use a private prefix, such as 198.19 or 10.77",
        )
    return prefix


def _kib(env: Mapping[str, str], name: str) -> int | None:
    value = env.get(name) or ""
    if not value:
        return None
    if not re.fullmatch(_WHOLE, value) or int(value) > 1024:
        raise UsageError(f"{value!r} is not a size in KiB", where=name, fix="use a number from 0 to 1024")
    return int(value)


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    value = env.get(name) or str(default)
    if not re.fullmatch(_WHOLE, value) or not 0 < int(value) < 65536:
        raise UsageError(f"{value!r} is not a port number", where=name, fix="use a number from 1 to 65535")
    return int(value)
