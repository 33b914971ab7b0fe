"""The engine's process where no service manager runs it: started by us, recorded, and ended by us alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from testbed.errors import TestbedError
from testbed.host import apt
from testbed.host.command import host_environment, run
from testbed.host.process_identity import started_at
from testbed.progress import PrintLine
from testbed.settings import Settings
from testbed.wait import wait_until

PID_FILE = Path("/run/docker.pid")
_BRIDGE = Path("/sys/class/net/docker0")
_STOP_SECONDS = 60.0


@dataclass(frozen=True)
class EngineRecord:
    """The engine that testbed started.

    Args:
        pid: its process.
        started: when that process started, in clock ticks since boot: a pid alone may be another's by now.
        had_bridge: whether ``docker0`` was there before, and so is not ours to delete.
    """

    pid: int
    started: int
    had_bridge: bool


def start(settings: Settings, print_line: PrintLine) -> None:
    """Start the engine: by systemd where it runs, else as a process of its own.

    Raises:
        UsageError: this process is not root.
        TestbedError: systemd refused, or there is no ``dockerd``.
    """
    apt.need_root("starting the Docker engine")
    if _by_systemd():
        print_line("Starting the Docker engine (systemctl start docker)")
        run(["systemctl", "start", "docker"], "starting the Docker engine", fix="see `journalctl -u docker`")
        return
    print_line("Starting the Docker engine (dockerd; `testbed down` stops it again)")
    settings.logs_dir.mkdir(parents=True, exist_ok=True)
    dockerd = shutil.which("dockerd", path=host_environment()["PATH"])
    if dockerd is None:
        raise TestbedError("no dockerd on this host", fix="apt-get install docker.io")
    with (settings.logs_dir / "dockerd.log").open("ab") as log:
        process = subprocess.Popen(
            [dockerd],
            env=host_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _write(settings, process.pid)


def note_host(settings: Settings) -> None:
    """Remember, before an engine is installed or started, what it would leave behind."""
    path = _note_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"had_bridge": _BRIDGE.exists()}))


def adopt(settings: Settings) -> None:
    """Record the engine that a package's init script started while we installed it; systemd keeps its own."""
    if recorded(settings) is None and not _by_systemd():
        try:
            _write(settings, int(PID_FILE.read_text()))
        except (OSError, ValueError):
            return


def recorded(settings: Settings) -> EngineRecord | None:
    """Return the engine that we started and that still runs, else None."""
    try:
        record = EngineRecord(**json.loads(_path(settings).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    if started_at(record.pid) != record.started:
        _path(settings).unlink(missing_ok=True)
        return None
    return record


def died(settings: Settings) -> bool:
    """Return whether the engine that we started has ended already."""
    return not _by_systemd() and recorded(settings) is None


def stop(settings: Settings) -> bool:
    """End the engine that we started, and delete the bridge it made.

    Returns:
        False when there was none.

    Raises:
        TestbedError: it does not end.
    """
    record = recorded(settings)
    if record is None:
        return False
    os.kill(record.pid, signal.SIGTERM)
    wait_until(
        lambda: _ended(record),
        _STOP_SECONDS,
        "the Docker engine to stop",
        hint=f"see {settings.logs_dir / 'dockerd.log'}",
    )
    if not record.had_bridge and _BRIDGE.exists():
        run(["ip", "link", "delete", "docker0"], "deleting the engine's bridge")
    _path(settings).unlink(missing_ok=True)
    _note_path(settings).unlink(missing_ok=True)
    return True


def _ended(record: EngineRecord) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(record.pid, os.WNOHANG)  # when it is this very process's child
    return started_at(record.pid) != record.started


def _by_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _write(settings: Settings, pid: int) -> None:
    started = started_at(pid)
    if started is None:
        raise TestbedError("dockerd ended at once", fix=f"see {settings.logs_dir / 'dockerd.log'}")
    try:
        had_bridge = bool(json.loads(_note_path(settings).read_text())["had_bridge"])
    except (OSError, ValueError, KeyError):
        had_bridge = True
    _path(settings).write_text(json.dumps(asdict(EngineRecord(pid, started, had_bridge))))


def _path(settings: Settings) -> Path:
    return settings.state_dir / "engine.json"


def _note_path(settings: Settings) -> Path:
    return settings.state_dir / "before-engine.json"
