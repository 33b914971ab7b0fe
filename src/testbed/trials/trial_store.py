"""The folder of a series of trials: what is played, and one line for each trial that has ended.

A series that was interrupted or killed goes on from there. A trial is on the disk before the next one begins.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from testbed.errors import UsageError
from testbed.incidents.incident_model import Incident
from testbed.record_file import Record, append_record, folders_by_age, read_record, read_records, replace_file
from testbed.report import Summary

SETTINGS, TRIALS, PAGE, JUNIT, SUMMARY = "series.json", "trials.jsonl", "series.html", "junit.xml", "summary.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
LATEST = "latest"
ERROR = "error"

TrialVerdict = Literal["pass", "fail", "unknown", "error"]


class SeriesSettings(Record):
    """What a series is.

    Attributes:
        incident: as the file had it when the series began.
        seed: of the random choices.
        platform: the cluster it is played on: profile, balancers and the rest.
        trials: how many are to be played.
        started: Unix seconds.
        drop_passing: whether the run folders of trials that pass are deleted.
        fresh: whether the cluster is reset before each trial.
    """

    incident: dict[str, Any]
    seed: int
    platform: dict[str, str]
    trials: int
    started: float = 0.0
    drop_passing: bool = False
    fresh: bool = False


class Trial(Record):
    """A trial that has ended.

    Attributes:
        number: from 1.
        verdict: ``error`` when testbed itself could not finish it.
        run: its run's folder name; empty when the run did not begin.
        kept: whether that folder is still there.
        summary: the run in figures; None when it has no readable journal.
        error: why testbed could not finish it.
        repair: what it took to make the cluster healthy again after an error.
        seconds: how long it took.
        size: bytes of its folder.
        wall: when it began, Unix seconds.
    """

    number: int
    verdict: TrialVerdict
    run: str = ""
    kept: bool = False
    summary: Summary | None = None
    error: str = ""
    repair: str = ""
    seconds: float = 0.0
    size: int = 0
    wall: float = 0.0

    @property
    def failed_checks(self) -> list[str]:
        """The checks that failed and are not known to fail."""
        checks = self.summary.checks if self.summary else []
        return [check.name for check in checks if check.status == "fail" and not check.documented]

    @property
    def reason(self) -> str:
        """Why it did not pass, in few words."""
        if self.error:
            return self.error
        unknown = [each.name for each in (self.summary.checks if self.summary else ()) if each.status == "unknown"]
        return ", ".join(dict.fromkeys(self.failed_checks or unknown))


class TrialStore:
    """The folder of a series.

    Args:
        folder: where it is; it holds ``series.json``.

    Raises:
        UsageError: the folder holds no series, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        fix = "begin another series; this folder can be deleted"
        self.settings = read_record(folder / SETTINGS, SeriesSettings, "not the settings of a series", fix)
        self.incident = _incident(folder, self.settings)
        played = read_records(folder / TRIALS, Trial, "remove that line: its trial is played again")
        self._trials = {trial.number: trial for trial in played}

    @classmethod
    def create(cls, folder: Path, settings: SeriesSettings) -> TrialStore:
        """Make the folder of a new series.

        Raises:
            UsageError: there is one already.
        """
        if (folder / SETTINGS).exists():
            raise UsageError(f"there is a series {folder.name!r}", fix=f"go on with --resume {folder.name}")
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / SETTINGS, settings.model_dump_json(indent=2) + "\n")
        return cls(folder)

    @property
    def name(self) -> str:
        """Name of the series."""
        return self.folder.name

    @property
    def trials(self) -> list[Trial]:
        """The trials that have ended, by number; of one that was played again, the last play."""
        return [self._trials[number] for number in sorted(self._trials)]

    def missing(self) -> list[int]:
        """Numbers of the trials that are to be played: those without a result."""
        played = {number for number, trial in self._trials.items() if trial.verdict != ERROR}
        return [number for number in range(1, self.settings.trials + 1) if number not in played]

    def add(self, trial: Trial) -> None:
        """Keep a trial; when this returns, it is on the disk."""
        append_record(self.folder / TRIALS, trial)
        self._trials[trial.number] = trial

    def aim(self, trials: int) -> None:
        """Change how many trials are to be played."""
        self.settings = self.settings.model_copy(update={"trials": trials})
        replace_file(self.folder / SETTINGS, self.settings.model_dump_json(indent=2) + "\n")


def find_series(name: str, parent: Path) -> Path:
    """Return the folder of a series.

    Args:
        name: its name, a unique prefix of it, or ``latest``.
        parent: the folder that holds all series.

    Raises:
        UsageError: there is none, or several.
    """
    known = list_series(parent)
    if name == LATEST and known:
        return parent / known[-1]
    found = [name] if name in known else [each for each in known if name and each.startswith(name)]
    if len(found) == 1:
        return parent / found[0]
    if found:
        raise UsageError(f"{len(found)} series begin with {name!r}", fix=f"say which: {', '.join(found[:4])}")
    listed = f"there are {', '.join(known[-4:])}" if known else "`testbed run FILE --repeat 100` begins one"
    raise UsageError(f"no series {name!r} in {parent}", fix=listed)


def list_series(parent: Path) -> list[str]:
    """Return the names of all series, oldest first."""
    return folders_by_age(parent, SETTINGS)


def _incident(folder: Path, settings: SeriesSettings) -> Incident:
    try:
        return Incident.model_validate(settings.incident)
    except ValidationError:
        raise UsageError(
            "the series has an incident that this version of testbed does not read",
            where=str(folder / SETTINGS),
            fix="begin another series",
        ) from None
