"""The page of a hunt: what was tried, what failed, and how to play it again. One file, from the hunt's folder alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from statistics import median

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from testbed.cluster.mildest_repair import HEAL, UP
from testbed.designs.known_failure import KnownFailure
from testbed.faults import ACTIONS
from testbed.hunt.draw import TARGETS
from testbed.hunt.failure_kinds import FailureKind
from testbed.hunt.hunt_store import (
    FRESH,
    INCIDENTS,
    PAGE,
    REMEDIES,
    SPLIT_BRAIN,
    HuntFinding,
    HuntSettings,
    HuntStore,
    Play,
)
from testbed.hunt.known_failures import find_known_failure
from testbed.hunt.search import format_outcome
from testbed.hunt.sequence import brief, format_steps
from testbed.record_file import replace_file
from testbed.report import PAGE as REPORT

# A hunt's folder is .testbed/hunts/NAME, a run's is .testbed/runs/NAME.
RUNS = "../../runs"


@dataclass
class FailureGroup:
    """The sequences that show one kind of failure, or one entry of the catalogue of known ones.

    Attributes:
        title: what failed.
        entry: the entry of the catalogue, None for a failure that is not known.
        finding: the smallest sequence that shows it, where it was shrunk.
        kinds: the kinds of failure in it, with how many sequences show each.
        numbers: the sequences as drawn.
        smallest: the sequence with the fewest steps that shows it.
        run: a run that shows it, whose folder is still there.
        text: the check's own.
    """

    title: str
    entry: KnownFailure | None = None
    finding: HuntFinding | None = None
    kinds: Counter[FailureKind] = field(default_factory=Counter)
    numbers: list[int] = field(default_factory=list)
    smallest: str = ""
    run: str = ""
    text: str = ""
    _least: int = 1000

    def take(self, play: Play, kind: FailureKind, text: str) -> None:
        """Count a play that shows it."""
        if play.drawn:
            self.kinds[kind] += 1
            if play.number not in self.numbers:
                self.numbers.append(play.number)
        if len(play.taken) < self._least:
            self._least, self.smallest, self.text = len(play.taken), format_steps(play.taken), text
            self.run = play.run if play.kept else self.run
        elif not self.run and play.kept:
            self.run = play.run


def write(store: HuntStore, verification: str = "") -> Path:
    """Write the page of a hunt into its folder, and return its path.

    Args:
        store: the hunt.
        verification: what a comparison of the two copies of the data found at the end; empty if there was none.
    """
    path = store.folder / PAGE
    replace_file(path, render(store, verification))
    return path


def render(store: HuntStore, verification: str = "") -> str:
    """Return the page."""
    settings = store.settings
    drawn = [play for play in store.plays if play.drawn]
    groups = group_failures(store)
    new = [group for group in groups if group.entry is None]
    return _environment().get_template("hunt.html.j2").render(
        settings=settings,
        name=store.folder.name,
        started=datetime.fromtimestamp(store.settings.started).astimezone().strftime("%Y-%m-%d %H:%M:%S %z"),
        tone="fail" if new else "pass" if drawn and not _unknown(drawn) else "unknown",
        headline=_headline(drawn, new),
        facts=_facts(store, drawn, groups),
        new=new,
        known=[group for group in groups if group.entry is not None],
        coverage=coverage(drawn),
        targets=[*TARGETS, *sorted({s.target for p in drawn for s in p.steps if s.target} - TARGETS.keys())],
        pairs=overlapping_pairs(drawn),
        plays=[(each, format_steps(each.steps), format_outcome(each, settings), _tone(each, settings))
               for each in drawn],
        repairs=_repairs(store.plays),
        plays_healthy=sum(not play.repair for play in store.plays),
        verification=verification,
        runs=RUNS, report=REPORT, incidents=INCIDENTS, brief=brief,
        # The style of report pages is laid out with the heights of their plots.
        heights=(0, 0, 0),
    )  # fmt: skip


def group_failures(store: HuntStore) -> list[FailureGroup]:
    """The kinds of failure of a hunt: those not known first, then the known ones; the most frequent first."""
    found: dict[object, FailureGroup] = {}
    for play in store.plays:
        for failure in play.failures:
            entry = find_known_failure(failure.kind, play.taken, store.settings.profile, store.settings.design)
            name = entry.title if entry else failure.kind
            group = found.setdefault(name, FailureGroup(entry.title if entry else str(failure.kind), entry))
            group.take(play, failure.kind, failure.text)
    for finding in store.findings:
        if shown := found.get(finding.kind):
            shown.finding = finding
            shown.run = finding.run or shown.run
    return sorted(found.values(), key=lambda each: (each.entry is not None, -len(each.numbers)))


def coverage(plays: Sequence[Play]) -> dict[str, Counter[str]]:
    """How often each fault struck each part of the cluster, refused ones left out; the most frequent fault first."""
    found: dict[str, Counter[str]] = {fault: Counter() for fault in ACTIONS}
    for play in plays:
        for place, step in enumerate(play.steps):
            if step.action and place not in play.refused:
                found.setdefault(step.action, Counter())[step.where or ""] += 1
    return dict(sorted(found.items(), key=lambda item: -item[1].total()))


def overlapping_pairs(plays: Sequence[Play]) -> int:
    """How many different pairs of a fault at a part were in force together."""
    return len({pair for play in plays for pair in _pairs(play)})


def _pairs(play: Play) -> Iterator[frozenset[str]]:
    active: dict[str, str] = {}
    for place, step in enumerate(play.steps):
        if place in play.refused:
            continue
        if step.action:
            mine = f"{step.action} {step.where}"
            yield from (frozenset((mine, other)) for other in active.values())
            if step.known_as:
                active[step.known_as] = mine
        elif step.ends:
            active.pop(step.ends, None)


def _headline(drawn: Sequence[Play], new: Sequence[FailureGroup]) -> str:
    if not drawn:
        return "Nothing was played"
    found = (
        f"{len(new)} kind{_s(len(new))} of failure found, not known before" if new else "No failure that is not known"
    )
    unknown = _unknown(drawn)
    return found + (f"; {unknown} of {len(drawn)} sequences could not be judged" if unknown else "")


def _unknown(drawn: Sequence[Play]) -> int:
    return sum(play.is_unknown for play in drawn)


def _facts(store: HuntStore, drawn: Sequence[Play], groups: Sequence[FailureGroup]) -> list[tuple[str, str, str]]:
    failed, unknown = sum(bool(play.failures) for play in drawn), _unknown(drawn)
    new = sum(group.entry is None for group in groups)
    injected = sum(struck.total() for struck in coverage(drawn).values())
    repaired = [play for play in store.plays if play.repair]
    seconds = median(play.seconds for play in drawn) if drawn else 0
    made = len(store.plays) - len(drawn)
    written = len({finding.incident for finding in store.findings})
    return [
        ("sequences", str(len(drawn)), f"of {store.settings.runs}" if store.settings.runs else "played as drawn"),
        ("faults injected", str(injected), f"{overlapping_pairs(drawn)} pairs overlapped"),
        ("sequences that failed", str(failed), f"{len(drawn) - failed - unknown} passed, {unknown} unknown"),
        ("kinds of failure", str(len(groups)), f"{new} not known"),
        ("ended healthy", str(len(store.plays) - len(repaired)), f"of {len(store.plays)} plays, without a repair"),
        ("plays to shrink", str(made), f"{written} incident{_s(written)} written"),
        ("a sequence takes", f"{seconds:.0f} s", "median"),
    ]


def _repairs(plays: Sequence[Play]) -> list[tuple[str, int]]:
    counted = Counter(play.repair for play in plays if play.repair)
    return [(means, counted[means]) for means in (REMEDIES, SPLIT_BRAIN, HEAL, UP, FRESH) if counted[means]]


def _tone(play: Play, settings: HuntSettings) -> str:
    if not play.failures:
        return "unknown" if play.unknown else "pass"
    every = all(find_known_failure(kind, play.taken, settings.profile, settings.design) for kind in play.kinds)
    return "documented" if every else "fail"


def _s(number: int) -> str:
    return "" if number == 1 else "s"


@cache
def _environment() -> Environment:
    return Environment(
        loader=ChoiceLoader([PackageLoader("testbed.hunt"), PackageLoader("testbed.report")]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
