"""Single members of OpenBSD's archives, read without unpacking anything."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path

from testbed.errors import TestbedError

_BIGGEST = 64 << 20  # bytes; what is read are keys, packing-lists and a boot loader


def members(archive: Path, names: Collection[str], where: str) -> dict[str, bytes]:
    """Return some regular files of a gzipped tar; reading stops when all have been found.

    Args:
        archive: a set or a package. It may consist of several gzip members, and have a signature in its header.
        names: theirs, without a leading ``./``.
        where: what the user knows the archive by.

    Returns:
        Those that are in it.

    Raises:
        TestbedError: it is not such an archive.
    """
    found: dict[str, bytes] = {}
    try:
        with gzip.open(archive) as unzipped, tarfile.open(fileobj=unzipped, mode="r|") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name not in names or not member.isfile() or member.size > _BIGGEST:
                    continue
                content = tar.extractfile(member)
                found[name] = content.read() if content else b""
                if len(found) == len(names):
                    break
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise TestbedError(f"is not a gzipped tar ({error})", where=where) from error
    return found
