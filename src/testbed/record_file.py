"""Files of JSON records, one on each line: a record is on the disk before the work that follows it begins."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from testbed.errors import UsageError


class Record(BaseModel):
    """Base of what is kept as JSON; a later version may know more than this one."""

    model_config = ConfigDict(extra="ignore", frozen=True)


R = TypeVar("R", bound=Record)


def folders_by_age(parent: Path, file: str) -> list[str]:
    """Return the names of the folders that hold a file of this name, the oldest file first."""
    found = sorted(parent.glob(f"*/{file}"), key=lambda path: path.stat().st_mtime)
    return [path.parent.name for path in found]


def append_record(path: Path, record: Record) -> None:
    """Append a record to a file; when this returns, it is on the disk."""
    with path.open("ab") as file:
        fields = record.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        file.write(json.dumps(fields, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_record(path: Path, kind: type[R], what: str, fix: str) -> R:
    """Return the record that a file holds.

    Args:
        path: the file.
        kind: the record's class.
        what: what is wrong when it is missing or damaged.
        fix: how to fix it.

    Raises:
        UsageError: it is missing or damaged.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise UsageError(what, where=str(path), fix=fix) from None


def read_records(path: Path, kind: type[R], fix: str, refuse: Callable[[bytes], None] = lambda _: None) -> list[R]:
    """Return the records of a file; a last line that was cut off by a kill is deleted.

    Args:
        path: the file; without it there are no records.
        kind: the records' class.
        fix: how to fix a damaged line.
        refuse: called with a damaged line; may raise an error that says more.

    Raises:
        UsageError: a line is damaged that is not the last.
    """
    if not path.exists():
        return []
    found: list[R] = []
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    for number, text in enumerate(content[:end].splitlines(), 1):
        try:
            found.append(kind.model_validate_json(text))
        except ValidationError:
            refuse(text)
            raise UsageError(f"line {number} is damaged", where=str(path), fix=fix) from None
    if end < len(content):
        os.truncate(path, end)
    return found


def replace_file(path: Path, text: str) -> None:
    """Write a file at once: a reader gets the old content or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(text.encode(errors="replace"))
    draft.replace(path)
