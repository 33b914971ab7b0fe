"""What one virtual machine is made of: read from the environment once, never changed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class LauncherError(Exception):
    """The machine cannot run; the message is the one line the user sees."""


@dataclass(frozen=True)
class Settings:
    """One machine's settings (environment variable in brackets).

    Args:
        node: the machine's name [NODE].
        accel: ``tcg`` or ``kvm`` [VM_ACCEL].
        memory_mib: the guest's memory, MiB [VM_MEMORY_MIB].
        cpu: processor model under tcg; kvm always takes the host's [VM_CPU].
        nics: names of the guest's network cards in sequence; ``<NAME>_ADDRESS`` in the environment
            names the container's interface that each one replaces [VM_NICS].
        images: folder of the image's own files: disks, kernel [VM_IMAGES].
        disks: qcow2 files in ``images`` the guest boots from, by way of overlays [VM_DISKS].
        overlays: folder of the node's own writes to these disks [VM_OVERLAYS].
        sockets: folder of the sockets and of the console's log [VM_SOCKETS].
        kernel: kernel in ``images`` to boot directly, empty: the first disk boots [VM_KERNEL].
        initrd: initial ramdisk in ``images``, or empty [VM_INITRD].
        append: the kernel's command line [VM_APPEND].
        control: the container's own address on a network of two that it shares with the guest alone, such as
            ``169.254.77.1/30``; empty: there is none [VM_CONTROL].
        events: how the guest sends its events: ``virtio`` port or second ``serial`` line [VM_EVENTS].
        boot_seconds: the guest must print ``event=booted`` within these, 0: it need not [VM_BOOT_SECONDS].
        stop_seconds: time for an orderly power-down before the power is cut [VM_STOP_SECONDS].
        states: folder of saved states of booted guests, None: none is saved or restored [VM_STATES].
        extra: further QEMU arguments [VM_EXTRA].
    """

    node: str
    accel: str
    memory_mib: int
    cpu: str
    nics: tuple[str, ...]
    images: Path
    disks: tuple[str, ...]
    overlays: Path
    sockets: Path
    kernel: str
    initrd: str
    append: str
    control: str
    events: str
    boot_seconds: float
    stop_seconds: float
    states: Path | None
    extra: tuple[str, ...]


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(environment.get(name) or default)
    except ValueError as error:
        raise LauncherError(f"{name} must be a number, not {environment[name]!r}") from error


def _choice(environment: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = environment.get(name) or choices[0]
    if value not in choices:
        raise LauncherError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Args:
        environment: the container's environment.

    Returns:
        The settings, with defaults filled in.

    Raises:
        LauncherError: a value is not what it must be.
    """
    get = environment.get
    return Settings(
        node=get("NODE", "guest"),
        accel=_choice(environment, "VM_ACCEL", ("tcg", "kvm")),
        memory_mib=int(_number(environment, "VM_MEMORY_MIB", 256)),
        cpu=get("VM_CPU") or "qemu64,+rdrand",
        nics=tuple(get("VM_NICS", "").split()),
        images=Path(get("VM_IMAGES") or "/vm"),
        disks=tuple(get("VM_DISKS", "").split()),
        overlays=Path(get("VM_OVERLAYS") or "/disk"),
        sockets=Path(get("VM_SOCKETS") or "/run/vm"),
        kernel=get("VM_KERNEL", ""),
        initrd=get("VM_INITRD", ""),
        append=get("VM_APPEND", ""),
        control=get("VM_CONTROL", ""),
        events=_choice(environment, "VM_EVENTS", ("virtio", "serial")),
        boot_seconds=_number(environment, "VM_BOOT_SECONDS", 120),
        stop_seconds=_number(environment, "VM_STOP_SECONDS", 15),
        states=Path(get("VM_STATES", "")) if get("VM_STATES") else None,
        extra=tuple(shlex.split(get("VM_EXTRA", ""))),
    )
