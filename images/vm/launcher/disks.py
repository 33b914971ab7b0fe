"""The guest's disks: the node's own overlays over the image's files, and its configuration.

An overlay outlives its container, as a disk outlives a power cut. It is worthless over another
image's files than those it was made for, so the image's checksums are kept beside it.
"""

from __future__ import annotations

import io
import os
import secrets
import subprocess
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

from launcher.network import Nic
from launcher.settings import LauncherError, Settings

CONFIGURATION = Path("/tmp/configuration.tar")  # noqa: S108 - the container is the launcher's alone
SECRETS = Path("/etc/testbed/secrets.env")
FILES = Path("/etc/testbed/guest")
# The drive's size is a multiple of it, bytes.
DRIVE_UNIT = 1 << 20


def image_identity(settings: Settings) -> str:
    """Return the checksums of the image's files; empty when the image names none."""
    identity = settings.images / "identity"
    return identity.read_text() if identity.exists() else ""


def are_new(settings: Settings) -> bool:
    """Return whether the node has none of its overlays yet: its disks are as in the image."""
    return not any((settings.overlays / disk).exists() for disk in settings.disks)


def overlays(settings: Settings) -> list[Path]:
    """Make the node's overlays if this is its first boot.

    Args:
        settings: the machine's settings.

    Returns:
        The overlays, in the order of the disks.

    Raises:
        LauncherError: an overlay cannot be made, or belongs to another image.
    """
    identity = settings.overlays / "identity"
    if identity.exists() and identity.read_text() != image_identity(settings):
        raise LauncherError(f"{settings.overlays} holds the disks of another image; remove the volume (testbed down)")
    made = []
    for disk in settings.disks:
        overlay, backing = settings.overlays / disk, settings.images / disk
        made.append(overlay)
        if overlay.exists():
            continue
        unfinished = overlay.with_suffix(".new")
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(backing), str(unfinished)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LauncherError(done.stderr.strip().splitlines()[-1])
        unfinished.rename(overlay)
    identity.write_text(image_identity(settings))
    return made


def configuration(environment: Mapping[str, str], nics: list[Nic]) -> Path:
    """Write the drive with the guest's identity: a tar archive, read as a raw disk.

    It holds ``node.env`` (the container's environment, random bytes, and a MAC and a prefix for each card) and,
    where the node has them, ``secrets.env`` and every file below ``/etc/testbed/guest``, with its mode.

    All members have the time of this start. OpenBSD's resolver reads ``/etc/resolv.conf`` when its time differs from
    the one it knows, which is 0 at first (``asr_check_reload`` in ``lib/libc/asr/asr.c``): with a time of 0 it never
    does.

    Args:
        environment: the container's environment.
        nics: the guest's cards.

    Returns:
        The archive.
    """
    values = {**environment, "ENTROPY": secrets.token_hex(32)}
    for nic in nics:
        values[f"{nic.name.upper()}_MAC"] = nic.mac
        values[f"{nic.name.upper()}_PREFIX"] = str(nic.prefix)
    lines = "".join(f"{key}='{_quoted(value)}'\n" for key, value in sorted(values.items()))
    contents = {"node.env": (lines.encode(), 0o600)}
    if SECRETS.exists():
        contents["secrets.env"] = (SECRETS.read_bytes(), 0o600)
    for path in sorted(FILES.rglob("*")):
        if path.is_file():
            contents[path.relative_to(FILES).as_posix()] = (path.read_bytes(), path.stat().st_mode & 0o777)
    now = int(time.time())
    with tarfile.open(CONFIGURATION, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (content, mode) in contents.items():
            member = tarfile.TarInfo(name)  # its owner is number 0, root everywhere
            member.size, member.mode, member.mtime = len(content), mode, now
            archive.addfile(member, io.BytesIO(content))
    # A guest that continues from a saved state knows the drive's size from then.
    os.truncate(CONFIGURATION, -(-CONFIGURATION.stat().st_size // DRIVE_UNIT) * DRIVE_UNIT)
    return CONFIGURATION


def _quoted(value: str) -> str:
    """Return the value as it must stand between single quotes for a shell."""
    return value.replace("'", "'\\''")
