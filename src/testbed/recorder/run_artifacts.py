"""Everything that may explain a run, copied into its folder: logs, consoles, and the versions of all that ran."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from docker.errors import DockerException

from testbed.cluster import Cluster
from testbed.designs.layout_registry import LAYOUTS
from testbed.errors import TestbedError
from testbed.host import engine
from testbed.journal import Journal, JournalError, read
from testbed.machines import Machine
from testbed.topology import Role

# A log of the whole life of a cluster is not wanted: as much as a run of an hour writes.
GUEST_LOG_BYTES = 4_000_000


def collect_artifacts(cluster: Cluster, folder: Path) -> None:
    """Copy logs and consoles of all nodes, and record versions.

    Args:
        cluster: the cluster, in whatever state.
        folder: the run's. Logs are copied from the start of its journal on, without a journal completely.
    """
    nodes = folder / "nodes"
    nodes.mkdir(parents=True, exist_ok=True)
    since, offset = _begin(folder / "journal.jsonl")
    machines = cluster.fleet.machines()
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda machine: _node(machine, nodes, since, offset), machines))
    (folder / "versions.json").write_text(json.dumps(collect_versions(cluster, machines), indent=2) + "\n")


def collect_versions(cluster: Cluster, machines: list[Machine]) -> dict[str, Any]:
    """What ran: testbed, the host, the engine, each guest's kernel, and each image's packages."""
    images = {path.stem: _manifest(path) for path in sorted((cluster.settings.state_dir / "manifests").glob("*.json"))}
    client = engine.client()
    docker = client.version()
    client.close()
    return {
        "testbed": {"version": _own_version(), "commit": _commit(cluster.settings.root)},
        "host": {
            "kernel": platform.release(),
            "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
            "python": sys.version.split()[0],
            "processors": os.cpu_count(),
            "docker": docker.get("Version", ""),
            "compose": engine.compose_version(),
        },
        "accel": cluster.shape.accel,
        "overlays": list(cluster.shape.overlays),
        "qemu": images.get("vm", {}).get("packages", {}).get("qemu-system-x86", ""),
        "guests": {machine.name: _kernel(machine) for machine in machines if machine.console()},
        "images": images,
    }


def _begin(path: Path) -> tuple[float | None, float]:
    """When the run began, Unix seconds, and what to take from Unix time to get the journal's monotonic time."""
    offset = time.time() - time.monotonic()
    with suppress(JournalError, OSError, ValueError):
        journal: Journal = read(path)
        return min(opening.wall for opening in journal.openings), journal.wall_offset
    return None, offset


def _node(machine: Machine, folder: Path, since: float | None, offset: float) -> None:
    with (folder / f"{machine.name}.log").open("w") as log:
        try:
            for line in machine.logs(since=since):
                stamp = datetime.fromtimestamp(line.wall, UTC).strftime("%H:%M:%S.%f")
                log.write(f"{line.wall - offset:.6f} {stamp} {line.text}\n")
        except (TestbedError, DockerException) as error:
            log.write(f"{error}\n")
    if console := machine.console():
        for name in ("console.log", "console.log.1"):  # of this boot, and of the one before
            with suppress(OSError):
                shutil.copy(console.with_name(name), folder / f"{machine.name}-{name}")
    # What a node writes to files, and not to the log of its container.
    is_database = machine.node.role is Role.DATABASE
    for name in LAYOUTS[machine.node.design].logs if is_database else machine.system.logs if console else ():
        with suppress(TestbedError):  # it is off or frozen
            text = machine.exec(["tail", "-c", str(GUEST_LOG_BYTES), f"/var/log/{name}"], timeout=20).stdout
            (folder / f"{machine.name}-{Path(name).name}").write_text(text)


def _manifest(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(path.read_text())
    return {key: manifest.get(key) for key in ("image", "id", "inputs", "written_at", "packages")}


def _kernel(machine: Machine) -> str:
    with suppress(TestbedError):
        return machine.exec(["uname", "-r"], timeout=5).stdout.strip()
    return ""


def _own_version() -> str:
    with suppress(PackageNotFoundError):
        return version("testbed")
    return ""


def _commit(root: Path) -> str:
    """The checkout's commit and whether it was changed since, empty where git does not know it."""
    with suppress(OSError):
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--tags"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return ""
