"""What the host itself must have: rights, memory, disk, devices, free ports, kernel networking."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from contextlib import suppress
from pathlib import Path

from testbed.errors import TestbedError
from testbed.host.command import run
from testbed.host.host_check import HostCheck, fail, ok, warn

GIB = 1 << 30
MEMORY_BYTES = 4 * GIB
DISK_TO_RUN_BYTES = 2 * GIB


def rights(uid: int) -> HostCheck:
    """Return whether missing packages could be installed and the engine started: nothing else takes root."""
    return ok("rights", "root" if uid == 0 else "not root: only installing packages and starting the engine take root")


def memory(meminfo: str, *, running: bool) -> HostCheck:
    """Check for free memory.

    Args:
        meminfo: content of ``/proc/meminfo``.
        running: whether the cluster runs, and so has its memory already.
    """
    fields = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    available = int(fields["MemAvailable"].split()[0]) * 1024
    what = f"{available / GIB:.1f} GiB available"
    if running:
        return ok("memory", f"{what}, and the cluster runs already")
    if available >= MEMORY_BYTES:
        return ok("memory", what)
    return fail("memory", f"{what}, the cluster needs {MEMORY_BYTES / GIB:.0f} GiB", "end other programs or add memory")


def disk(folder: Path, needed: int) -> HostCheck:
    """Check for free disk space.

    Args:
        folder: where the space is needed; it may not exist yet.
        needed: bytes.
    """
    free = shutil.disk_usage(nearest(folder)).free
    what = f"{free / GIB:.1f} GiB free at {folder}"
    if free >= needed:
        return ok("disk", what)
    return fail("disk", f"{what}, {needed / GIB:.0f} GiB are needed", f"free some space there, or move {folder}")


def nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists and that this user may look at."""
    for each in (folder, *folder.parents):
        with suppress(OSError):
            each.stat()
            return each
    return Path("/")


def same_filesystem(first: Path, second: Path) -> bool:
    """Return whether two folders, which may not exist yet, share their free space."""
    return nearest(first).stat().st_dev == nearest(second).stat().st_dev


def device(path: Path) -> HostCheck:
    """Check for a device that the kernel's module of that name makes.

    Args:
        path: the device, as ``/dev/fuse``.
    """
    name = path.name
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        return fail(name, f"{path} is missing", f"modprobe {name}")
    except PermissionError:
        return ok(name, f"{path} is there, for the engine")
    except OSError as error:
        return fail(name, f"{path} does not open: {error.strerror}", f"modprobe {name}")
    return ok(name, f"{path} opens")


def port(number: int, variable: str, *, ours: bool) -> HostCheck:
    """Check that a loopback port is free.

    Args:
        number: the port.
        variable: environment variable that chooses another one.
        ours: whether the cluster's own gateway holds it.
    """
    name = f"port {number}"
    if ours:
        return ok(name, "held by this cluster")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return fail(name, f"127.0.0.1:{number} is in use by another program", f"end it, or set {variable}")
            return fail(name, f"127.0.0.1:{number}: {error.strerror}", f"set {variable} to another port")
    return ok(name, "free")


def kernel_networking(uid: int) -> HostCheck:
    """Check that the kernel makes bridges and pairs of virtual interfaces: by making one of each, and deleting them."""
    if uid != 0:
        return ok("kernel", "bridges and interfaces not tried: that takes root")
    if shutil.which("ip") is None:
        return warn("kernel", "bridges and interfaces not tried: no `ip` here", "apt-get install iproute2")
    name = f"tb{os.getpid()}a"  # of this process alone: what a killed one left must not stop the next
    tries = {
        "bridge": (["type", "bridge"], "modprobe bridge"),
        "veth": (["type", "veth", "peer", "name", f"tb{os.getpid()}b"], "modprobe veth"),
    }
    for kind, (arguments, fix) in tries.items():
        try:
            run(["ip", "link", "add", name, *arguments], f"making a {kind}", seconds=10)
            run(["ip", "link", "delete", name], f"deleting a {kind}", seconds=10)
        except TestbedError as error:
            return fail("kernel", error.what, fix)
    return ok("kernel", "makes bridges and veth pairs")
