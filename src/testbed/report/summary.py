"""What a run came to, for machines: ``summary.json``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = "summary.json"
OUTAGE = "outage of "
RunVerdict = Literal["pass", "fail", "unknown", "error"]


class SummaryPart(BaseModel):
    """Base of all parts; a later version may know more than this one."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class CheckResult(SummaryPart):
    """What one check said."""

    name: str
    status: Literal["pass", "fail", "unknown"]
    documented: str = ""
    summary: str = ""


class OutageResult(SummaryPart):
    """What one probe saw.

    Seconds; None where an outage has no end.
    """

    count: int
    each: list[float | None] = Field(default_factory=list, description="Every outage, in order of time.")
    longest: float | None
    total: float | None
    resolution: float
    good: int
    failed: int
    unknown: int


class PhaseResult(SummaryPart):
    """One failover: seconds from its cause to each phase that was seen."""

    resource: str
    source: str
    target: str
    cause: str
    seconds: dict[str, float]
    disorder: list[str] = Field(default_factory=list)


class RequestResult(SummaryPart):
    """What the load asked for."""

    ok: int = 0
    failed: int = 0
    unknown: int = 0


class WriteResult(SummaryPart):
    """What became of the writes."""

    acknowledged: int = 0
    missing: int = 0
    duplicated: int = 0
    unknown: int = 0


class Summary(SummaryPart):
    """A run in figures; recomputed from its journal whenever it is reported."""

    version: Literal[1] = 1
    run: str = Field(description="The run's folder.")
    name: str
    series: str = ""
    repeat: int = 1
    repeats: int = 1
    seed: int = 0
    verdict: RunVerdict
    error: str = Field(default="", description="Why the run itself broke.")
    damage: str = Field(default="", description="What of the journal could not be read.")
    platform: dict[str, str] = Field(default_factory=dict)
    started: float = Field(description="Unix seconds.")
    duration: float = Field(description="Seconds.")
    events: int = 0
    checks: list[CheckResult] = Field(default_factory=list)
    outages: dict[str, OutageResult] = Field(default_factory=dict)
    phases: list[PhaseResult] = Field(default_factory=list)
    requests: RequestResult = Field(default_factory=RequestResult)
    sessions_lost: int = 0
    writes: WriteResult = Field(default_factory=WriteResult)

    @property
    def exit_status(self) -> int:
        """What a command that judges this run ends with."""
        return {"pass": 0, "fail": 1, "error": 4, "unknown": 3}[self.verdict]

    def measures(self) -> dict[str, float]:
        """The figures that a distribution can be made of, in seconds: outages and phases.

        An outage without an end is infinite: it must not vanish from the distribution because it was too bad.
        """
        found = {
            f"{OUTAGE}{probe}": float("inf") if outage.longest is None else outage.longest
            for probe, outage in self.outages.items()
        }
        seen: Counter[str] = Counter()
        for phases in self.phases:
            # Not by the nodes' names: repeats take turns, db1 to db2 and back.
            which = f"{phases.resource} {phases.cause}"
            seen[which] += 1
            again = f" #{seen[which]}" if seen[which] > 1 else ""
            found |= {f"{name}, {which}{again}": seconds for name, seconds in phases.seconds.items()}
        return found


def load_summary(folder: Path) -> Summary | None:
    """The summary in a run's folder; None if there is none, or none that this version understands."""
    try:
        return Summary.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def runs_of_series(folder: Path, summary: Summary) -> list[Summary]:
    """All runs of the same series in the folder's neighbourhood, with this one, in the order they were run.

    A run that broke measured nothing and is left out; without a series each run is alone.
    """
    found = {summary.run: summary}
    if summary.series:
        for other in folder.resolve().parent.iterdir():
            each = load_summary(other) if other.is_dir() and other.name != folder.resolve().name else None
            if each and each.series == summary.series and each.name == summary.name and each.verdict != "error":
                found[each.run] = each
    return sorted(found.values(), key=lambda each: (each.started, each.repeat))
