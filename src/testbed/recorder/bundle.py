"""A file for a bug report: everything that may explain a problem, without secrets."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from docker.errors import DockerException
from requests import RequestException

from testbed.cluster import Cluster, complaints
from testbed.cluster.lock import holders
from testbed.errors import TestbedError
from testbed.host.doctor import examine
from testbed.machines import Machine
from testbed.progress import PrintLine
from testbed.recorder.redaction import Redaction, secrets_of
from testbed.recorder.run_artifacts import collect_versions
from testbed.settings import Settings
from testbed.topology.compose import compose_config

LOG_LINES = 2000
LOG_BYTES = 2_000_000
RUN_FILE_BYTES = 20_000_000
# Of a run's folder; its journal has more than any of the others.
RUN_FILES = ("summary.json", "versions.json", "junit.xml", "report.html", "journal.jsonl")
TROUBLE = (TestbedError, DockerException, RequestException, OSError, ValueError, KeyError)
# Of the environment; its other variables are the user's own.
PREFIXES = ("TESTBED_", "COMPOSE_", "DOCKER_")


def write_bundle(settings: Settings, target: Path, run: Path | None, print_line: PrintLine) -> list[str]:
    """Write a compressed tar archive; what cannot be had is named in it, and keeps nothing else out.

    Args:
        settings: of the checkout.
        target: the file; it is readable by its owner only.
        run: a run to put into it.
        print_line: called with each part that could not be had.

    Returns:
        The names of the files in it.
    """
    redaction = Redaction(secrets_of(settings.state_dir))
    top, names = target.name.partition(".")[0], []
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        unfinished.touch(mode=0o600)
        with tarfile.open(unfinished, "w:gz") as archive:
            for name, text in _parts(settings, run, print_line):
                content = redaction.text(text).encode(errors="replace")
                member = tarfile.TarInfo(f"{top}/{name}")
                member.size, member.mtime, member.mode = len(content), int(time.time()), 0o600
                archive.addfile(member, io.BytesIO(content))
                names.append(name)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return names


def _parts(settings: Settings, run: Path | None, print_line: PrintLine) -> Iterator[tuple[str, str]]:
    """Each file of the bundle, with its content."""
    makers: dict[str, Callable[[], str]] = {
        "environment.json": lambda: _json(_environment(settings)),
        "doctor.json": lambda: _json([asdict(finding) for finding in examine(settings)]),
        "state-folder.txt": lambda: _listing(settings.state_dir),
        "holders.json": lambda: _json([str(holder) for holder in holders(settings)]),
    }
    yield from _made(makers, print_line)
    cluster = Cluster(settings)
    makers = {
        "compose.yaml": lambda: compose_config(cluster.shape.files(settings), cluster.shape.environment(settings)),
        "shape.json": lambda: _json(asdict(cluster.shape)),
        "faults.json": lambda: _json([asdict(entry) for entry in cluster.ledger.readable_entries()]),
        "status.json": lambda: _json(_status(cluster)),
        "versions.json": lambda: _json(collect_versions(cluster, cluster.fleet.machines())),
    }
    yield from _made(makers, print_line)
    yield from _node_logs(cluster, print_line)
    yield from _files(settings.logs_dir, "logs", print_line)
    if run is not None:
        for name in RUN_FILES:
            yield from _whole(run / name, f"run/{name}", print_line)


def _made(makers: Mapping[str, Callable[[], str]], print_line: PrintLine) -> Iterator[tuple[str, str]]:
    for name, make in makers.items():
        try:
            yield name, make()
        except TROUBLE as error:
            print_line(f"{name}: {error}")
            yield f"{name}.missing", f"{type(error).__name__}: {error}\n"


def _json(document: object) -> str:
    return json.dumps(document, indent=2, default=str) + "\n"


def _environment(settings: Settings) -> dict[str, Any]:
    given = {name: value for name, value in os.environ.items() if name.startswith(PREFIXES)}
    given.pop("TESTBED_LOCK_TOKENS", None)
    return {"settings": {name: str(value) for name, value in asdict(settings).items()}, "environment": given}


def _listing(folder: Path) -> str:
    """The names and sizes of files, and nothing of their content."""
    lines = []
    for path in sorted(folder.rglob("*")):
        try:
            kind = "folder" if path.is_dir() else str(path.lstat().st_size)
        except OSError as error:
            kind = str(error.strerror)
        lines.append(f"{kind:>12} {path.relative_to(folder)}")
    return "\n".join(lines) + "\n"


def _status(cluster: Cluster) -> dict[str, Any]:
    state = cluster.state()
    return {"complaints": complaints(state, cluster.topology), **asdict(state)}


def _node_logs(cluster: Cluster, print_line: PrintLine) -> Iterator[tuple[str, str]]:
    try:
        machines = cluster.fleet.machines()
    except TROUBLE as error:
        print_line(f"nodes: {error}")
        return
    with ThreadPoolExecutor(max_workers=8) as pool:
        for machine, text in zip(machines, pool.map(_log, machines), strict=True):
            yield f"nodes/{machine.name}.log", text
    for machine in machines:
        if console := machine.console():
            yield from _file(
                console.with_name("console.log"), f"nodes/{machine.name}-console.log", LOG_BYTES, print_line
            )


def _log(machine: Machine) -> str:
    try:
        return "".join(f"{line.wall:.6f} {line.text}\n" for line in machine.logs(tail=LOG_LINES))
    except TROUBLE as error:
        return f"{error}\n"


def _files(folder: Path, name: str, print_line: PrintLine) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.log")):
        yield from _file(path, f"{name}/{path.name}", LOG_BYTES, print_line)


def _whole(path: Path, name: str, print_line: PrintLine) -> Iterator[tuple[str, str]]:
    """A file of a run, unless it is too large to send: half a journal cannot be read."""
    if path.is_file() and path.stat().st_size > RUN_FILE_BYTES:
        print_line(f"{name}: {path.stat().st_size / 1e6:.0f} MB is too large; send {path} separately")
        return
    yield from _file(path, name, RUN_FILE_BYTES, print_line)


def _file(path: Path, name: str, most: int, print_line: PrintLine) -> Iterator[tuple[str, str]]:
    """The end of a file, where there is one."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            text = file.read(most).decode(errors="replace")
    except FileNotFoundError:
        return
    except OSError as error:
        print_line(f"{name}: {error.strerror}")
        return
    yield name, text
