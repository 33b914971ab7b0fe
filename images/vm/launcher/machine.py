"""QEMU's command line, and the two private wires the launcher holds to it."""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from launcher.monitor import Monitor
from launcher.network import Nic
from launcher.settings import Settings


@dataclass
class Machine:
    """A running QEMU.

    Args:
        process: QEMU's process; its standard error is a pipe.
        events: the guest's event lines come out of it, and answers to its questions go in.
        monitor: a QMP monitor of the launcher's own.
    """

    process: subprocess.Popen[str]
    events: socket.socket
    monitor: Monitor

    def send_time(self) -> None:
        """Answer the guest's question for the time: the host's wall clock, in seconds."""
        self.events.sendall(f"{time.time():.6f}\n".encode())

    def cut_power(self) -> None:
        """End QEMU, and wait for it."""
        self.process.kill()
        self.process.wait()
        self.events.close()
        self.monitor.wire.close()


def _make_room(sockets: Path) -> None:
    sockets.mkdir(parents=True, exist_ok=True)
    for name in ("qmp.sock", "power.sock", "watch.sock", "agent.sock", "console.sock"):
        (sockets / name).unlink(missing_ok=True)
    log = sockets / "console.log"
    if log.exists():
        log.rename(sockets / "console.log.1")  # the boot before this one: it may show why it ended


def _console(sockets: Path) -> list[str]:
    return [
        "-chardev", f"socket,id=console,path={sockets}/console.sock,server=on,wait=off,logfile={sockets}/console.log",
        "-serial", "chardev:console",
    ]  # fmt: skip


def _public_sockets(sockets: Path) -> list[str]:
    return [
        "-chardev", f"socket,id=qmp,path={sockets}/qmp.sock,server=on,wait=off",
        "-mon", "chardev=qmp,mode=control",
        # A second monitor switches the power, because a monitor serves one client at a time.
        "-chardev", f"socket,id=power,path={sockets}/power.sock,server=on,wait=off",
        "-mon", "chardev=power,mode=control",
        # Nothing is said here: that it closes says that the power is off.
        "-chardev", f"socket,id=watch,path={sockets}/watch.sock,server=on,wait=off",
        "-chardev", f"socket,id=agent,path={sockets}/agent.sock,server=on,wait=off",
        "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        *_console(sockets),
    ]  # fmt: skip


def _processor(settings: Settings) -> list[str]:
    if settings.accel == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    # The cache of translated code is bounded: its default is a gigabyte a machine.
    return ["-accel", "tcg,thread=single,tb-size=192", "-cpu", settings.cpu]


def _kernel(settings: Settings) -> list[str]:
    if not settings.kernel:
        return []
    arguments = ["-kernel", str(settings.images / settings.kernel), "-append", settings.append]
    return [*arguments, "-initrd", str(settings.images / settings.initrd)] if settings.initrd else arguments


def _drives(overlays: list[Path], configuration: Path) -> list[str]:
    """Disks have names, so that a fault can be put between a disk and its image while the guest runs."""
    arguments: list[str] = []
    for number, overlay in enumerate(overlays):
        arguments += [
            "-drive",
            f"if=none,id=drive{number},node-name=image{number},file={overlay},format=qcow2,cache=writeback,discard=unmap",
            "-device", f"virtio-blk-pci,id=disk{number},drive=drive{number}",
        ]  # fmt: skip
    return [
        *arguments,
        "-drive", f"if=none,id=configuration,file={configuration},format=raw,readonly=on",
        "-device", "virtio-blk-pci,drive=configuration",
    ]  # fmt: skip


def _cards(nics: list[Nic]) -> list[str]:
    arguments: list[str] = []
    for nic in nics:
        arguments += [
            "-netdev", f"tap,id={nic.name},ifname={nic.tap},script=no,downscript=no",
            # With guest_announce, QEMU 10.0 crashes at the first reset of a VM that continued from a saved state.
            "-device",
            f"virtio-net-pci,id=nic-{nic.name},netdev={nic.name},mac={nic.mac},romfile=,guest_announce=off",
        ]  # fmt: skip
    return arguments


def _event_port(settings: Settings, descriptor: int) -> list[str]:
    chardev = ["-chardev", f"socket,id=events,fd={descriptor}"]
    if settings.events == "serial":
        return [*chardev, "-serial", "chardev:events"]
    return [*chardev, "-device", "virtserialport,chardev=events,name=org.testbed.events"]


@dataclass(frozen=True)
class Parts:
    """What QEMU's command line names.

    Args:
        settings: the machine's settings.
        overlays: its disks.
        configuration: its configuration drive.
        nics: its network cards.
    """

    settings: Settings
    overlays: list[Path]
    configuration: Path
    nics: list[Nic]


def command_line(parts: Parts, events: int, monitor: int) -> list[str]:
    """Return QEMU's command line.

    Args:
        parts: of the machine.
        events: file descriptor of the guest's event lines.
        monitor: file descriptor of the launcher's monitor.
    """
    settings = parts.settings
    return [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-name", settings.node, "-m", str(settings.memory_mib), "-smp", "1",
        # Nothing that ticks: an idle guest costs the host a hundredth of a core.
        "-machine", "q35,hpet=off,usb=off,vmport=off,smbus=off,sata=off,graphics=off",
        "-rtc", "base=utc,clock=host",
        *_processor(settings), *_kernel(settings),
        *_drives(parts.overlays, parts.configuration),
        "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
        *_public_sockets(settings.sockets),
        *_event_port(settings, events),
        "-chardev", f"socket,id=launcher,fd={monitor}", "-mon", "chardev=launcher,mode=control",
        *_cards(parts.nics), *settings.extra,
    ]  # fmt: skip


def start(parts: Parts, *, incoming: bool = False) -> Machine:
    """Switch the machine on.

    Args:
        parts: of the machine.
        incoming: whether it waits for a saved state instead of booting.

    Returns:
        The running machine.
    """
    _make_room(parts.settings.sockets)
    events, guest_events = socket.socketpair()
    monitor, qemu_monitor = socket.socketpair()
    command = command_line(parts, guest_events.fileno(), qemu_monitor.fileno())
    process = subprocess.Popen(
        [*command, *(["-incoming", "defer"] if incoming else [])],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=(guest_events.fileno(), qemu_monitor.fileno()),
        start_new_session=True,  # a signal to the launcher's group must not cut the power
    )
    guest_events.close()
    qemu_monitor.close()
    return Machine(process, events, Monitor(monitor))
