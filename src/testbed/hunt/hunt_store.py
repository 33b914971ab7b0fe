"""The folder of a hunt: what is looked for, every play on a line of its own, and every kind of failure that was shrunk.

A hunt that was killed goes on from there. A play is on the disk before the next one begins.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

from testbed.designs.database_design import DatabaseDesign
from testbed.designs.design_registry import design_named
from testbed.errors import UsageError
from testbed.hunt.failure_kinds import FailureKind
from testbed.hunt.sequence import Steps, tidy_steps
from testbed.incidents.incident_model import Step
from testbed.record_file import Record, append_record, folders_by_age, read_record, read_records, replace_file

SETTINGS, PLAYS, FINDINGS, INCIDENTS, PAGE = "hunt.json", "plays.jsonl", "findings.jsonl", "incidents", "hunt.html"
# What it took to make the cluster healthy again when healing the faults was not enough, the mildest first.
REMEDIES, SPLIT_BRAIN = "remedies at the end of the run", "resolving a split brain"
FRESH = "a fresh cluster"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")

R = TypeVar("R", bound=Record)


class HuntSettings(Record):
    """What a hunt is.

    Attributes:
        seed: of the sequences.
        platform: the cluster it is played on: profile, balancers and the rest.
        first: number of the first sequence.
        runs: how many sequences are to be played; 0 without such a limit.
        started: Unix seconds.
    """

    seed: int
    platform: dict[str, str]
    first: int = 1
    runs: int = 0
    started: float = 0.0

    @property
    def profile(self) -> str:
        """The profile of the cluster."""
        return self.platform.get("profile", "reference")

    @property
    def design(self) -> DatabaseDesign[Any]:
        """The design of the cluster's database."""
        return design_named(self.platform.get("design"))


class PlayFailure(Record):
    """A failure of a play.

    Attributes:
        check: the check that failed.
        cause: what was wrong, normalised.
        text: the check's own.
    """

    check: str
    cause: str
    text: str = ""

    @property
    def kind(self) -> FailureKind:
        """Its kind."""
        return FailureKind(self.check, self.cause)


class Play(Record):
    """A sequence that was played.

    Attributes:
        number: of the drawn sequence that it is, or that it was made from.
        drawn: whether it was played as drawn; otherwise the shrinking made it.
        steps: what was played.
        refused: places of the steps that could not be taken; they changed nothing.
        failures: what failed.
        unknown: the checks without a judgement.
        run: the run's folder name.
        kept: whether that folder is still there.
        seconds: how long it took, with the cluster made healthy again.
        repair: what it took to make the cluster healthy again; empty when healing the faults was enough.
        wall: when it began, Unix seconds.
    """

    number: int
    drawn: bool
    steps: tuple[Step, ...]
    refused: tuple[int, ...] = ()
    failures: tuple[PlayFailure, ...] = ()
    unknown: tuple[str, ...] = ()
    run: str = ""
    kept: bool = False
    seconds: float = 0.0
    repair: str = ""
    wall: float = 0.0

    @property
    def kinds(self) -> list[FailureKind]:
        """The kinds of its failures."""
        return [failure.kind for failure in self.failures]

    @property
    def is_unknown(self) -> bool:
        """Whether a check has no judgement and none failed."""
        return bool(self.unknown) and not self.failures

    @property
    def taken(self) -> Steps:
        """The steps that were not refused: only these can explain a failure."""
        return tidy_steps(step for place, step in enumerate(self.steps) if place not in self.refused)


class HuntFinding(Record):
    """A kind of failure that was not known, with the smallest sequence that shows it.

    Attributes:
        check, cause: its kind.
        text: the check's own, of the first play.
        number: of the sequence that showed it first.
        steps: the smallest sequence.
        failed, played: how often that one showed it, of how many plays.
        plays: how many plays the shrinking took.
        complete: whether the shrinking came to its end.
        incident: name of its file in the folder ``incidents``.
        run: a run that shows it.
    """

    check: str
    cause: str
    text: str = ""
    number: int
    steps: tuple[Step, ...]
    failed: int = 1
    played: int = 1
    plays: int = 0
    complete: bool = False
    incident: str = ""
    run: str = ""

    @property
    def kind(self) -> FailureKind:
        """Its kind."""
        return FailureKind(self.check, self.cause)


class HuntStore:
    """A hunt's folder.

    Args:
        folder: where it is; it holds ``hunt.json``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = read_record(
            folder / SETTINGS, HuntSettings, "not a hunt's settings", "begin another hunt; this folder can be deleted"
        )
        self.plays: list[Play] = _read(folder / PLAYS, Play)
        self.findings: list[HuntFinding] = _read(folder / FINDINGS, HuntFinding)

    @classmethod
    def create(cls, folder: Path, settings: HuntSettings) -> HuntStore:
        """Make the folder of a new hunt.

        Raises:
            UsageError: there is one already.
        """
        if (folder / SETTINGS).exists():
            raise UsageError(f"there is a hunt {folder.name!r}", fix=f"go on with --resume {folder.name}")
        (folder / INCIDENTS).mkdir(parents=True, exist_ok=True)
        replace_file(folder / SETTINGS, settings.model_dump_json(indent=2) + "\n")
        return cls(folder)

    def aim(self, runs: int) -> None:
        """Change how many sequences are to be played."""
        self.settings = self.settings.model_copy(update={"runs": runs})
        replace_file(self.folder / SETTINGS, self.settings.model_dump_json(indent=2) + "\n")

    def add(self, play: Play) -> None:
        """Keep a play; when this returns, it is on the disk."""
        append_record(self.folder / PLAYS, play)
        self.plays.append(play)

    def find(self, finding: HuntFinding) -> None:
        """Keep a finding; when this returns, it is on the disk."""
        append_record(self.folder / FINDINGS, finding)
        self.findings.append(finding)

    def drawn(self) -> dict[int, Play]:
        """The sequences that were played as drawn, by number."""
        return {play.number: play for play in self.plays if play.drawn}


def find_hunt(name: str, parent: Path) -> Path:
    """The folder of the hunt called ``name``.

    Args:
        name: its name.
        parent: the folder that holds all hunts.

    Raises:
        UsageError: there is none.
    """
    known = hunts(parent)
    if name in known:
        return parent / name
    listed = f"there are {', '.join(known)}" if known else "there is none: `testbed hunt` begins one"
    raise UsageError(f"no hunt {name!r} in {parent}", fix=listed)


def hunts(parent: Path) -> list[str]:
    """The names of all hunts, oldest first."""
    return folders_by_age(parent, SETTINGS)


def _read(path: Path, kind: type[R]) -> list[R]:
    """The records of a file.

    Raises:
        UsageError: a line is damaged that is not the last.
    """

    def refuse_first_format(text: bytes) -> None:
        if _is_first_format(text):
            what = "this hunt was played in the first format of incident files"
            raise UsageError(what, where=str(path), fix="begin another hunt")

    return read_records(path, kind, "remove that line: its sequence is played again", refuse_first_format)


def _is_first_format(text: bytes) -> bool:
    """Whether a line holds steps of the first format."""
    try:
        data = json.loads(text)
        return any({"fault", "for", "when"} & step.keys() for step in data["steps"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
