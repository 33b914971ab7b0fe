"""What was gathered of a release: files that are verified, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed.openbsd.release import Release

SIGNATURE = "SHA256.sig"


@dataclass(frozen=True)
class Media:
    """A release's verified files. They lie in the cache under their hashes: link or copy them under their names.

    Args:
        files: name to path: the sets, ``pxeboot``, ``SHA256.sig``, and ``BUILDINFO`` where it is
            signed.
        packages: file name to path of each package and of all it needs.
        key: the public key that ``SHA256.sig`` was verified with.
        digests: SHA-256 (hexadecimal) of each of the files and packages, by name: what an image is made of.
    """

    release: Release
    files: Mapping[str, Path]
    packages: Mapping[str, Path]
    key: Path
    digests: Mapping[str, str]
