"""Runs an installation: a container without a network, in it a web server and the VM, booted twice.

The container's image is ``images/openbsd``. Each step is a container of its own, which ends with it: the first boot
comes from the network and ends when the installer restarts the VM, the second comes from the disk and ends when
the sealed system switches itself off; then the disk is packed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import docker
import requests
from docker.errors import DockerException, NotFound
from docker.models.containers import Container

from testbed.errors import TestbedError
from testbed.host.acceleration import KVM, Kind
from testbed.openbsd.install import install_stages
from testbed.openbsd.install.install_console import (
    LIMITS,
    InstallConsole,
    InstallLimits,
    Report,
    StuckAtFirstQuestionError,
)
from testbed.openbsd.install.netboot import Tree
from testbed.output_line import last_line
from testbed.wait import wait_until

LABEL = "org.testbed.install"
DISK = "disk.qcow2"
DISK_MIB = 8192
MEMORY_MIB = 1024
_PACK_SECONDS = 1800
_MARGIN_SECONDS = 60  # the container ends a boot by itself so much later than we would, in case we were killed


def requests_log(log: Path) -> Path:
    """Return the file beside a console's log that keeps what the VM asked the web server for.

    Args:
        log: the console's log.
    """
    return log.with_name(f"{log.stem}-requests{log.suffix}")


def install(
    engine: docker.DockerClient,
    image: str,
    tree: Tree,
    out: Path,
    accel: Kind,
    log: Path,
    report: Report,
    *,
    disk_mib: int = DISK_MIB,
    memory_mib: int = MEMORY_MIB,
    pace: InstallLimits | None = None,
) -> Path:
    """Install and seal a VM.

    Args:
        engine: runs the containers.
        image: the installer's image.
        tree: what is served to the VM.
        out: a folder for the disk.
        accel: how the VM runs.
        log: keeps the console of both boots; what was asked for goes beside it (``requests_log``).
        report: called with each stage.
        disk_mib: size of the disk, MiB; unwritten blocks take no room.
        memory_mib: the VM's memory, MiB.
        pace: how long it may take, by default as long as the acceleration lets expect.

    Returns:
        The disk, a compressed qcow2 file.

    Raises:
        InstallError: the installation stopped, stalled, or took too long.
        TestbedError: the container did not run, or the disk could not be packed.
    """
    out = out.resolve()
    room = _Containers(engine, image, tree, out, accel, log.resolve())
    room.prepare()
    pace = pace or LIMITS[accel]
    options = ["--memory", str(memory_mib), "--disk", str(disk_mib), "--seconds", str(pace.total + _MARGIN_SECONDS)]
    until: float | None = None
    try:
        for step, boot in (("network", install_stages.NETWORK), ("disk", install_stages.DISK)):
            until = follow(room, [step, "--accel", accel, *options], boot, pace, report, until)
        report("packing the disk")
        room.pack()
        return (out / "packed.qcow2").replace(out / DISK)
    finally:
        for name in ("unfinished.qcow2", "packed.qcow2"):
            (out / name).unlink(missing_ok=True)


class BootHost(Protocol):
    """Where a VM is booted.

    Attributes:
        log: the console's log.
    """

    log: Path

    def boot(self, command: Sequence[str], console: InstallConsole, pace: InstallLimits) -> None:
        """Boot the VM and follow its console until the VM is off."""
        ...


def follow(
    room: BootHost,
    command: Sequence[str],
    boot: install_stages.Boot,
    pace: InstallLimits,
    report: Report,
    until: float | None,
) -> float:
    """Boot, and boot once more when the installer waits at its first question for ever.

    Args:
        room: where.
        command: the container's.
        boot: what is expected.
        pace: how long it may take.
        report: called with each stage.
        until: when the installation has to be done, on the console's clock; None: this boot begins it.

    Returns:
        When the installation has to be done.

    Raises:
        InstallError: the installation stopped, stalled, or took too long.
        TestbedError: the container did not run.
    """
    console = InstallConsole(boot, pace, room.log, report, until=until)
    try:
        room.boot(command, console, pace)
    except StuckAtFirstQuestionError:
        report("the installer waits at its first question: booting again")
        room.boot(command, InstallConsole(boot, pace, room.log, report, until=console.until), pace)
    return console.until


class _Containers:
    """The containers of one installation.

    Args:
        engine: runs them.
        image: the installer's image.
        tree: what is served.
        out: folder of the disk.
        accel: how the VM runs.
        log: the console's log.
    """

    def __init__(self, engine: docker.DockerClient, image: str, tree: Tree, out: Path, accel: Kind, log: Path) -> None:
        self.log = log
        self._engine = engine
        self._image = image
        self._out = out
        self._accel = accel
        self._mounts = {
            str(tree.tftp.resolve()): {"bind": "/tree/tftp", "mode": "ro"},
            str(tree.http.resolve()): {"bind": "/tree/http", "mode": "ro"},
            str(out): {"bind": "/work", "mode": "rw"},
            str(log): {"bind": "/log/console", "mode": "rw"},
            str(requests_log(log)): {"bind": "/log/requests", "mode": "rw"},
        }

    def prepare(self) -> None:
        """Make the folders and empty logs; remove what a killed installation into this folder left."""
        self._out.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        for path in (self.log, requests_log(self.log)):
            path.unlink(missing_ok=True)
            path.touch()
        with _engine_errors("the engine refused"):
            for left in self._engine.containers.list(all=True, filters={"label": f"{LABEL}={self._out}"}):
                left.remove(force=True)

    def boot(self, command: Sequence[str], console: InstallConsole, pace: InstallLimits) -> None:
        """Boot the VM and follow its console until the VM is off.

        Args:
            command: the container's.
            console: of this boot.
            pace: how long it may take.

        Raises:
            InstallError: the installation will not come to its end.
            TestbedError: the container failed.
        """
        with self._running(command) as container, self.log.open("rb") as console_log:
            console_log.seek(0, 2)

            def over() -> bool:
                ended = _is_over(container)  # asked first: what it wrote before its end is then there to read
                console.feed(console_log.read())
                if not ended:
                    console.check()
                return ended

            limit = pace.total + 2 * _MARGIN_SECONDS  # the console's own comes first
            wait_until(over, limit, f"the {console.boot.name}", hint=f"see {self.log}", interval=0.3)
            self._succeeded(container)
        console.ended()

    def pack(self) -> None:
        """Compress the disk.

        Raises:
            TestbedError: it failed.
        """
        with self._running(["pack"]) as container:
            container.wait(timeout=_PACK_SECONDS)
            self._succeeded(container)

    @contextmanager
    def _running(self, command: Sequence[str]) -> Iterator[Container]:
        options: dict[str, Any] = {"devices": [str(KVM)]} if self._accel == "kvm" else {}
        with _engine_errors("the installer's container failed"):
            container = self._engine.containers.create(
                self._image,
                list(command),
                network_mode="none",
                cap_drop=["ALL"],
                # Port 80, and folders that may be a plain user's.
                cap_add=["NET_BIND_SERVICE", "DAC_OVERRIDE"],
                security_opt=["no-new-privileges"],
                volumes=self._mounts,
                labels={LABEL: str(self._out)},
                init=True,
                **options,
            )
            try:
                container.start()
                yield container
            finally:
                with suppress(DockerException, requests.RequestException):
                    container.remove(force=True)

    def _succeeded(self, container: Container) -> None:
        status = container.wait(timeout=60)["StatusCode"]
        if status != 0:
            reason = last_line(container.logs())
            raise TestbedError(f"the installer's VM failed: {reason}", where=self._image, fix=f"see {self.log}")


def _is_over(container: Container) -> bool:
    """Whether it has ended; an engine that is late to answer proves nothing, the console's clock goes on."""
    try:
        container.reload()
    except NotFound:
        return True
    except requests.RequestException:
        return False
    return str(container.status) in ("exited", "dead")


@contextmanager
def _engine_errors(what: str) -> Iterator[None]:
    """Raise errors of the engine as a TestbedError."""
    try:
        yield
    except (DockerException, requests.RequestException) as error:
        reason = getattr(error, "explanation", None) or error
        raise TestbedError(f"{what}: {reason}", where="the Docker engine") from error
