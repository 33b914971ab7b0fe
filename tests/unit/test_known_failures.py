"""Known failures, in the shipped incidents and in a hunt's catalogue, are failures that the checks really report.

Each is forged into the run of `forging.py`, and judged.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path

import pytest
import test_checks_forged as forged
from forging import APP_HEAL, BEGIN, DB_LOSS, Story, lines, write
from test_checks_forged import Lines, add, of
from test_health import TOPOLOGY, with_databases

from testbed.checks import CHECKS, Status, Verdict, judge
from testbed.checks.expectations import Profile
from testbed.checks.healthy import HEALTHY
from testbed.cluster import ClusterState, complaints
from testbed.cluster.cluster_recovery import SplitBrainError
from testbed.designs.design_registry import DEFAULT, DESIGNS
from testbed.designs.known_failure import KnownFailure
from testbed.designs.remedy import RESTART, Remedy
from testbed.hunt.failure_kinds import failure_kinds
from testbed.hunt.known_failures import COMMON, explains, matches
from testbed.hunt.sequence import brief
from testbed.incidents import Incident, load
from testbed.journal import parse
from testbed.recorder.log_patterns import PATTERNS

ROOT = Path(__file__).parents[2]
SHIPPED = {path.stem: load(path) for path in sorted((ROOT / "incidents").glob("*.yaml"))}
KNOWN = [(name, check) for name, incident in SHIPPED.items() for check in incident.expected("reference").known_failures]
LONGEST_LIMIT = max(limit for each in SHIPPED.values() for limit in each.expected("reference").max_outage.values())


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Lines:
    """A run that passes, and that is longer than every outage that an incident allows."""
    path = tmp_path_factory.mktemp("known") / "journal.jsonl"
    write(path, lines(Story(seconds=DB_LOSS + LONGEST_LIMIT + 40, fast=0.5, writes=0.5)))
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def verdicts(run: Lines) -> dict[str, Verdict]:
    return {each.check: each for each in judge(parse([json.dumps(fields).encode() for fields in run]))}


def outage(run: Lines, expect: Profile) -> None:
    probe, limit = max(expect.max_outage.items(), key=lambda item: item[1])
    _fail(run, probe, DB_LOSS, DB_LOSS + limit + 5)


def no_service(run: Lines, _: Profile | None = None) -> None:
    for probe in ("sql-read", "sql-write"):
        _fail(run, probe, DB_LOSS, 1e9)


def _fail(run: Lines, probe: str, begin: float, end: float) -> None:
    for each in of(run, "probe", probe=probe):
        if begin <= each["scheduled"] - BEGIN < end:
            each |= {"outcome": "failed", "detail": "refused", "attrs": {}}


def failback(run: Lines, expect: Profile) -> None:
    assert expect.no_failback
    for node, value in (("lb1", "none"), ("lb2", "held")):
        at = BEGIN + APP_HEAL + 1.0
        add(run, "state", node=node, aspect="site-address", value=value, at=at, error=0.0, source="node")


def alarm(run: Lines, expect: Profile) -> None:
    pattern = next(name for name in PATTERNS if name not in expect.allow_alarms)
    add(run, "alarm", node="db1", pattern=pattern, text="forged", at=BEGIN + DB_LOSS)


def _whatever_is_expected(forge: Callable[[Lines], None]) -> Callable[[Lines, Profile], None]:
    return lambda run, _: forge(run)


FAILING: Mapping[str, Callable[[Lines, Profile], None]] = {
    "outage": outage,
    "failback": failback,
    "alarms": alarm,
    "phases": no_service,
    "healthy": _whatever_is_expected(forged.repaired),
    "durability": _whatever_is_expected(forged.lost_write),
    "stickiness": _whatever_is_expected(forged.moved_session),
    "ownership": _whatever_is_expected(forged.two_owners("drbd-role", "Primary", "Secondary")),
}


def test_each_check_that_is_known_to_fail_exists_and_is_forged() -> None:
    assert {check for _, check in KNOWN} <= set(FAILING) <= set(CHECKS)
    assert len(KNOWN) >= 20


@pytest.mark.parametrize(("name", "check"), KNOWN)
def test_a_known_failure_of_a_shipped_incident_can_fail(made_up: Lines, name: str, check: str) -> None:
    run = deepcopy(made_up)
    of(run, "plan")[0]["scenario"] = SHIPPED[name].model_dump(mode="json")
    expect = SHIPPED[name].expected("reference")
    before = verdicts(run)
    FAILING[check](run, expect)
    after = verdicts(run)[check]
    assert after.status is Status.FAIL
    assert set(after.causes) - set(before[check].causes if check in before else ())
    assert after.documented == expect.known_failures[check]
    assert after.holds


def _of_health(state: ClusterState) -> str:
    return "; ".join(complaints(state, TOPOLOGY))


UNHEALTHY = [
    _of_health(with_databases({"drbd_connection": "StandAlone", "drbd_disks": "UpToDate/DUnknown"}, {})),
    _of_health(with_databases({"postgres": False}, {})),
    _of_health(with_databases({"damaged": True}, {})),
    SplitBrainError("DRBD").what,
]


def _repaired(run: Lines, what: str) -> None:
    add(run, "mark", name="repaired", node="", attrs={"what": f"{what}: {Remedy('db1', RESTART)}"})


def _alarm(run: Lines, pattern: str) -> None:
    add(run, "alarm", node="db1", pattern=pattern, text="forged", at=BEGIN + DB_LOSS)


@pytest.fixture(scope="module")
def causes(made_up: Lines) -> Mapping[str, set[str]]:
    """All causes of failure that the checks report of forged runs, by check."""
    forgeries: list[Callable[[Lines], None]] = [
        *(forge for _, forge, _ in forged.FORGERIES),
        no_service,
        *(partial(_alarm, pattern=pattern) for pattern in PATTERNS),
        *(partial(_repaired, what=what) for what in UNHEALTHY),
    ]
    found = defaultdict(set)
    for forge in forgeries:
        run = deepcopy(made_up)
        forge(run)
        for kind in failure_kinds(verdicts(run).values()):
            found[kind.check].add(kind.cause)
    return found


CATALOGUE = (*COMMON, *DEFAULT.known_failures)
ENTRIES = [pytest.param(entry, id=f"{entry.profile}-{entry.check}-{entry.title}") for entry in CATALOGUE]


@pytest.mark.parametrize("entry", ENTRIES)
def test_each_cause_of_the_catalogue_is_one_that_its_check_reports(
    causes: Mapping[str, set[str]], entry: KnownFailure
) -> None:
    assert entry.check in CHECKS
    assert not matches(entry, "x")
    reported = causes[entry.check]
    assert [text for text in entry.causes if not any(re.fullmatch(text, cause) for cause in reported)] == []


OF_ALL_DESIGNS = (*COMMON, *(entry for design in DESIGNS.values() for entry in design.known_failures))


@pytest.mark.parametrize("entry", OF_ALL_DESIGNS, ids=lambda entry: f"{entry.profile}-{entry.check}-{entry.title}")
def test_what_shows_a_known_failure_exists_and_has_its_faults(entry: KnownFailure) -> None:
    assert entry.shown_by
    for shown in entry.shown_by:
        if "/" in shown:
            assert (ROOT / shown).is_file()
            continue
        incident = SHIPPED[shown]
        assert explains(entry, [brief(step) for step in incident.steps if step.action]), shown
        assert _shows(incident, entry), f"{shown}: {entry.check} is not a known failure"


def _shows(incident: Incident, entry: KnownFailure) -> bool:
    expect = incident.expected(entry.profile)
    if entry.check == "alarms":
        patterns = {text.partition(" ")[0] for text in entry.causes}
        return "alarms" in expect.known_failures or bool(patterns & set(expect.allow_alarms))
    # A run resolves a split brain by itself at its end, which is not a repair.
    return entry.check in expect.known_failures or (entry.check == HEALTHY and "ownership" in expect.known_failures)
