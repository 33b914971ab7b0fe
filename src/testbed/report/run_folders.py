"""Finding runs by what people call them."""

from __future__ import annotations

import re
from pathlib import Path

from testbed.errors import UsageError

JOURNAL = "journal.jsonl"
PAGE = "report.html"
_STAMP = re.compile(r"^\d{8}-\d{6}-")
EXAMPLES = 4


def list_runs(parent: Path) -> list[Path]:
    """The folders that hold a run, oldest first."""
    if not parent.is_dir():
        return []
    return sorted(folder for folder in parent.iterdir() if (folder / JOURNAL).is_file())


def latest_run(parent: Path) -> Path:
    """Return the run that began last among those that have a report: a run that goes on has none yet.

    Without any report it is the run that began last.

    Args:
        parent: where runs lie.

    Raises:
        UsageError: there is none.
    """
    found = list_runs(parent)
    if not found:
        raise UsageError("there are no runs", where=str(parent), fix="start one with `testbed run FILE`")
    return next((folder for folder in reversed(found) if (folder / PAGE).is_file()), found[-1])


def find_run(text: str, parent: Path) -> Path:
    """The run that is meant.

    Args:
        text: a folder; or a run's name below ``parent``, or how it begins; or an incident's name: its latest run.
        parent: where runs lie.

    Raises:
        UsageError: there is none, or several.
    """
    folder = Path(text).expanduser()
    if folder.name == JOURNAL:
        folder = folder.parent
    if folder.is_dir() and (folder / JOURNAL).is_file():
        return folder
    known = list_runs(parent)
    exact = [each for each in known if each.name == text]
    begins = [each for each in known if text and each.name.startswith(text)]
    named = [each for each in known if text and re.sub(r"-\d+$", "", _STAMP.sub("", each.name)) == text]
    named = named or [each for each in known if _STAMP.sub("", each.name) == text]
    for found in (exact, begins, named[-1:]):
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(each.name for each in found[:EXAMPLES]) + (", ..." if len(found) > EXAMPLES else "")
            raise UsageError(
                f"{len(found)} runs begin with {text!r}", where=str(parent), fix=f"name one of them: {some}"
            )
    if text and folder.is_dir():
        raise UsageError(f"no {JOURNAL} in it", where=text, fix="name a run's folder; `testbed runs` lists them")
    raise UsageError(f"no run {text!r}", where=str(parent), fix="`testbed runs` lists them")
