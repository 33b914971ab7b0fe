"""Folders of applications outside the checkout: a Compose overlay, code, and what else the user keeps there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from testbed.errors import UsageError
from testbed.yaml_source import COMPOSE

# The Compose overlay of such a folder, and the folder of its code.
OVERLAY = "application.yaml"
CODE = "code"
KEYS = "x-testbed-"
# No file of these is code; editors and Python leave them behind.
_IGNORED = ("__pycache__", ".git")


def application_folder(text: str) -> Path:
    """Return the folder of an application.

    Args:
        text: its path, as the user wrote it.

    Raises:
        UsageError: it is not such a folder.
    """
    folder = Path(text).expanduser().resolve()
    if not (folder / OVERLAY).is_file():
        raise UsageError(f"{text!r} has no {OVERLAY}", where="--app", fix="`testbed app new NAME` writes such a folder")
    return folder


def applications_of(folder: Path) -> list[str]:
    """Return the names of the applications that a folder's overlay has.

    Raises:
        UsageError: the overlay is not YAML.
    """
    from testbed.yaml_source import Source  # noqa: PLC0415 - the parser takes 10 ms to import; `status` needs none

    data = Source.read(folder / OVERLAY, COMPOSE).data
    blocks = [block for name, block in data.items() if name.startswith(KEYS)] if isinstance(data, dict) else []
    tables = [block.get("applications") for block in blocks if isinstance(block, dict)]
    return [name for table in tables if isinstance(table, dict) for name in table]


def copy_code(folders: Sequence[Path], target: Path) -> dict[str, str]:
    """Copy the code of applications to where app nodes see it; files of applications that are gone are deleted.

    Args:
        folders: of the applications.
        target: the folder that gets one folder for each application.

    Returns:
        A digest of the code of each application.
    """
    sources = {name: folder / CODE for folder in folders for name in applications_of(folder)}
    files = {f"{name}/{path}": content for name, code in sources.items() for path, content in _files(code)}
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(target).as_posix() not in files:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for path_text, (content, mode) in files.items():
        path = target / path_text
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != content:
            draft = path.with_name(f".{path.name}.new")  # a node may be reading the old one
            draft.write_bytes(content)
            draft.replace(path)
        path.chmod(mode)
    _open(target)
    return {name: _digest(files, f"{name}/") for name in sources}


def _files(code: Path) -> Iterator[tuple[str, tuple[bytes, int]]]:
    """The files of a folder of code, with the permissions that nodes need: their servers are not root."""
    for path in sorted(code.rglob("*")):
        inside = path.relative_to(code)
        if path.is_file() and not any(part in _IGNORED for part in inside.parts):
            yield inside.as_posix(), (path.read_bytes(), 0o755 if path.stat().st_mode & 0o100 else 0o644)


def _digest(files: Mapping[str, tuple[bytes, int]], begin: str) -> str:
    digest = hashlib.sha256()
    for name, (content, mode) in files.items():
        if name.startswith(begin):
            digest.update(f"{name} {mode} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _open(target: Path) -> None:
    """Let all users of the nodes enter; the folders above are closed to others on the host."""
    for folder in [target.parent, target, *(path for path in target.rglob("*") if path.is_dir())]:
        if folder.is_dir():
            folder.chmod(0o755)
