"""What an image is made of, as one hash: the image carries it as a label, and is built again only when it differs."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from testbed.images.image_catalogue import Image

LABEL = "org.testbed.inputs"
BASE_RECIPE = "2"  # counted up when base images are made differently

_MADE = "build"  # holds the build inputs, which have keys of their own
_IGNORED = {"__pycache__", ".mypy_cache", ".ruff_cache", "build.new"}


def files_of(folder: Path, *, made: bool) -> Iterator[tuple[str, Path]]:
    """Yield relative name and path of a build context's files, in order.

    Args:
        folder: the image's folder.
        made: also those that were prepared in ``build/``.
    """
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if _IGNORED.intersection(parts) or (parts[0] == _MADE and not made):
            continue
        if path.is_symlink() or path.is_file():
            yield "/".join(parts), path


def inputs_of(image: Image, bases: Mapping[str, str]) -> str:
    """Return the hash of all an image is made of.

    Args:
        image: the image; its folder is read.
        bases: hash of each image it is built on, by tag.
    """
    digest = hashlib.sha256()

    def add(*values: str) -> None:
        for value in values:
            digest.update(value.encode() + b"\0")

    if image.folder is None:
        add("base", BASE_RECIPE, image.release)
        return digest.hexdigest()
    for argument, tag in sorted(image.bases.items()):
        add("on", argument, bases[tag])
    for argument, value in sorted(image.args.items()):
        add("arg", argument, value)
    for build_input in image.build_inputs:
        add("piece", build_input.what, build_input.key)
    for name, path in files_of(image.folder, made=False):
        if path.is_symlink():
            add("link", name, str(path.readlink()))
        else:
            add("file", name, "x" if path.stat().st_mode & 0o100 else "-")
            add(hashlib.sha256(path.read_bytes()).hexdigest())
    return digest.hexdigest()


def write_context(folder: Path, target: IO[bytes]) -> None:
    """Write a build context as a tar archive that depends on content alone: no times, no owners.

    Args:
        folder: the image's folder.
        target: rewound afterwards.
    """
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, path in files_of(folder, made=True):
            member = tarfile.TarInfo(name)
            if path.is_symlink():
                member.type, member.linkname = tarfile.SYMTYPE, str(path.readlink())
                tar.addfile(member)
                continue
            executable = path.stat().st_mode & 0o100
            member.size, member.mode = path.stat().st_size, 0o755 if executable else 0o644
            with path.open("rb") as content:
                tar.addfile(member, content)
    target.seek(0, io.SEEK_SET)
