"""Forged journals: whatever is forged into a run that passes, the check that it concerns fails, and no other.

The runs are one that is made up, and all that were recorded on a real cluster and are kept in `recordings`, made
small by the script beside them.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from forging import Story, lines, write

from testbed.checks import Status, first_format, judge, overall_status
from testbed.journal import parse

PASSED = ("app-power-loss", "balancer-power-loss", "database-power-loss")
FOLDER = Path(__file__).parent / "recordings"
RECORDINGS = sorted(FOLDER.glob("*.jsonl.gz"))
Fields = dict[str, Any]
Lines = list[Fields]
# A login's steps, and the marks of a lost session.
STEPS = ("redirect", "unfinished", "session-lost")


@pytest.fixture(scope="module", params=["made up", *(path.name.removesuffix(".jsonl.gz") for path in RECORDINGS)])
def raw(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    if request.param != "made up":
        return gzip.decompress((FOLDER / f"{request.param}.jsonl.gz").read_bytes())
    path = tmp_path_factory.mktemp("forged") / "journal.jsonl"
    write(path, lines(Story()))
    return path.read_bytes()


@pytest.fixture
def run(raw: bytes) -> Lines:
    return [json.loads(line) for line in raw.splitlines()]


def statuses(run: Lines) -> dict[str, Status]:
    journal = parse([json.dumps(fields).encode() + b"\n" for fields in run])
    assert not journal.damage
    return {verdict.check: verdict.status for verdict in judge(journal)}


def failing(run: Lines) -> set[str]:
    return {name for name, status in statuses(run).items() if status is Status.FAIL}


def of(run: Lines, kind: str, **wanted: object) -> list[Fields]:
    return [each for each in run if each["kind"] == kind and all(each[name] == value for name, value in wanted.items())]


def moment(run: Lines, mark: str) -> float:
    return float(of(run, "mark", name=mark)[0]["mono"])


def first_fault(run: Lines) -> float:
    return min((each["mono"] for each in of(run, "fault", step="inject")), default=moment(run, "timeline-done"))


def expect(run: Lines, **expected: object) -> None:
    plan = of(run, "plan")[0]
    plan["scenario"] = first_format.to_second_format(plan["scenario"])
    plan["scenario"].setdefault("expect", {}).update(expected)


def add(run: Lines, kind: str, **fields: object) -> None:
    # Before the last line, which ends the run.
    run.insert(-1, {"kind": kind, **fields, "wall": run[-1]["wall"], "mono": run[-1]["mono"]})


def undisturbed(run: Lines, events: list[Fields], time: str) -> list[Fields]:
    # Far enough from the fault that it cannot be the cause of anything.
    return [each for each in events if each[time] < first_fault(run) - 1.0]


def lost_write(run: Lines) -> None:
    acknowledged = {each["token"] for each in of(run, "probe", probe="sql-write", outcome="ok")}
    token = sorted(acknowledged)[len(acknowledged) // 2]
    for each in of(run, "settled", token=token):
        each["copies"] = 0


def write_that_came_twice(run: Lines) -> None:
    for each in of(run, "settled", token=of(run, "probe", probe="sql-write", outcome="ok")[0]["token"]):
        each["copies"] = 2


def moved_session(run: Lines) -> None:
    requests = [each for each in of(run, "request", outcome="ok") if each["app"] and not each["cause"]]
    apps = sorted({each["app"] for each in requests})
    calm = undisturbed(run, requests, "started")
    one = next(each for each in calm if sum(it["session"] == each["session"] for it in calm) > 2)
    same = [each for each in calm if each["session"] == one["session"]]
    same[1]["app"] = next(app for app in [*apps, "app-9"] if app != one["app"])


def lost_session(run: Lines) -> None:
    requests = [each for each in of(run, "request", outcome="ok") if each["app"] and each["cause"] not in STEPS]
    lost = {each["session"] for each in of(run, "request", cause="session-lost")}
    kept = [each for each in requests if each["action"] != "log in" and each["session"] not in lost]
    one = undisturbed(run, kept, "started")[-1]
    one |= {"outcome": "failed", "cause": "session-lost"}


def two_owners(aspect: str, value: str, other: str) -> Callable[[Lines], None]:
    def forge(run: Lines) -> None:
        begin = moment(run, "steady") + 0.05
        known = [each for each in of(run, "state", aspect=aspect) if each["at"] <= begin]
        peer = next(each["node"] for each in reversed(known) if each["value"] != value)
        for at, state in ((begin, value), (begin + 1.5, other)):
            add(run, "state", node=peer, aspect=aspect, value=state, at=at, error=0.01, source="node")

    return forge


def two_writers(run: Lines) -> None:
    calm = undisturbed(run, of(run, "probe", probe="sql-write", outcome="ok"), "scheduled")
    peers = {each["node"] for each in of(run, "state", aspect="drbd-role")} - {calm[1]["attrs"]["database"]}
    calm[len(calm) // 2]["attrs"]["database"] = peers.pop()


def split_brain(run: Lines) -> None:
    at = moment(run, "steady")
    one, two = sorted({each["node"] for each in of(run, "state", aspect="drbd-role")})
    primary = next(e["node"] for e in of(run, "state", aspect="drbd-role", value="Primary"))
    spare = two if primary == one else one
    story = [
        (0.1, primary, "drbd-connection", "WFConnection"), (0.1, spare, "drbd-connection", "WFConnection"),
        # Too short for two owners, but written apart.
        (0.2, spare, "drbd-role", "Primary"), (0.3, spare, "drbd-role", "Secondary"),
        (0.4, spare, "drbd-connection", "StandAlone"), (0.6, spare, "drbd-connection", "Connected"),
        (0.6, primary, "drbd-connection", "Connected"),
    ]  # fmt: skip
    for after, node, aspect, value in story:
        add(run, "state", node=node, aspect=aspect, value=value, at=at + after, error=0.0, source="node")


def open_port(run: Lines) -> None:
    of(run, "scan")[-1]["open"] += [22]


def alarm(run: Lines) -> None:
    add(run, "alarm", node="app-1", pattern="crash", text="segfault at 0", at=first_fault(run))


def leftover(run: Lines) -> None:
    add(run, "leftover", what="core", where="app-1", detail="/core.17")


def repaired(run: Lines) -> None:
    add(run, "mark", name="repaired", node="", attrs={"what": "lb2: Apache does not run: lb2: restarting it"})


def not_healthy(run: Lines) -> None:
    add(run, "mark", name="not-healthy", node="", attrs={"reason": "the cluster does not become healthy: db2 is off"})


def failed_login(run: Lines) -> None:
    expect(run, max_failed_logins=sum(each["outcome"] != "ok" for each in of(run, "request", action="log in")))
    for number in range(1 + len(of(run, "request", action="log in"))):
        add(
            run, "request", session=f"none-{number}", user="user99", action="log in", balancer="lb1", app="app-1",
            started=first_fault(run), latency=0.1, outcome="failed", cause="login-failed",
        )  # fmt: skip


def outage(run: Lines) -> None:
    expect(run, max_outage={"tcp": "0s"})
    end = moment(run, "timeline-done")
    for each in [each for each in of(run, "probe", probe="tcp") if each["scheduled"] < end][-5:-3]:
        each |= {"outcome": "failed", "detail": "refused"}


def fault_without_effect(run: Lines) -> None:
    expect(run, must_notice=["tcp"])
    for each in of(run, "probe", probe="tcp"):
        each |= {"outcome": "ok", "finished": each["scheduled"] + 0.01}


def service_that_goes_on(run: Lines) -> None:
    expect(run, no_service_until_heal=["tcp"])


def wrong_owner(run: Lines) -> None:
    begin = moment(run, "steady")
    holder = [e["node"] for e in of(run, "state", aspect="site-address", value="held") if e["at"] <= begin][-1]
    stayed = not [e for e in of(run, "state", aspect="site-address", value="held") if e["node"] != holder]
    expect(run, address_owner={"site": "moved" if stayed else "unchanged"})


def late_recovery(run: Lines) -> None:
    expect(run, max_recovery="100ms")


def outage_after_heal(run: Lines) -> None:
    heals = [each["mono"] for each in of(run, "fault", step="heal")]
    assert min(heals) < moment(run, "timeline-done") - 1.0
    outage(run)
    expect(run, max_outage={}, max_outage_after_heal={"tcp": "0s"}, no_failback=True)


def disorder(run: Lines) -> None:
    mounted = [each for each in of(run, "state", aspect="mount", value="mounted") if each["at"] > first_fault(run)]
    primary = [each for each in of(run, "state", aspect="drbd-role", value="Primary") if each["at"] > first_fault(run)]
    mounted[0]["at"] = primary[0]["at"] - 1.5


def broken_run(run: Lines) -> None:
    of(run, "mark", name="run-ends")[0]["attrs"] = {"error": "the recorder died"}


FORGERIES: list[tuple[str, Callable[[Lines], None], str]] = [
    ("lost_write", lost_write, "durability"),
    ("write_that_came_twice", write_that_came_twice, "durability"),
    ("moved_session", moved_session, "stickiness"),
    ("lost_session", lost_session, "stickiness"),
    ("two_site_addresses", two_owners("site-address", "held", "none"), "ownership"),
    ("two_database_addresses", two_owners("database-address", "held", "none"), "ownership"),
    ("two_primaries", two_owners("drbd-role", "Primary", "Secondary"), "ownership"),
    ("two_writers", two_writers, "ownership"),
    ("split_brain", split_brain, "ownership"),
    ("open_port", open_port, "isolation"),
    ("alarm", alarm, "alarms"),
    ("leftover", leftover, "leftovers"),
    ("repaired", repaired, "healthy"),
    ("not_healthy", not_healthy, "healthy"),
    ("failed_login", failed_login, "logins"),
    ("outage", outage, "outage"),
    ("fault_without_effect", fault_without_effect, "outage"),
    ("service_that_goes_on", service_that_goes_on, "no-service"),
    ("wrong_owner", wrong_owner, "address-owner"),
    ("late_recovery", late_recovery, "recovery"),
    ("outage_after_heal", outage_after_heal, "failback"),
    ("disorder", disorder, "phases"),
    ("broken_run", broken_run, "run"),
]


MADE_UP = "made up"
# What cannot be forged into a recorded run, and why not. Everything can be forged into the one that is made up.
NO_SCAN, NO_FAILOVER, FAILS_ALREADY = "no scan was made", "the database did not fail over", "the check fails already"
IMPOSSIBLE: dict[str, dict[str, str]] = {
    "app-power-loss": {"open_port": NO_SCAN, "disorder": NO_FAILOVER},
    "balancer-power-loss": {"open_port": NO_SCAN, "disorder": NO_FAILOVER},
    "database-power-loss": {"open_port": NO_SCAN},
    "database-frozen": {
        "open_port": NO_SCAN,
        **dict.fromkeys(("lost_write", "write_that_came_twice"), FAILS_ALREADY),
        **dict.fromkeys(("two_site_addresses", "two_database_addresses", "two_primaries"), FAILS_ALREADY),
        **dict.fromkeys(("two_writers", "split_brain"), FAILS_ALREADY),
    },
}
BY_NAME = {name: (forge, check) for name, forge, check in FORGERIES}
RUNS = [MADE_UP, *(path.name.removesuffix(".jsonl.gz") for path in RECORDINGS)]
PAIRS = [(run, name) for run in RUNS for name in BY_NAME if name not in IMPOSSIBLE.get(run, {})]


def test_each_forgery_is_tried_on_the_run_that_is_made_up_and_on_most_recordings() -> None:
    assert {name for run, name in PAIRS if run == MADE_UP} == set(BY_NAME)
    assert set(IMPOSSIBLE) <= set(RUNS)
    assert all(set(names) <= set(BY_NAME) for names in IMPOSSIBLE.values())
    assert len(PAIRS) >= 0.8 * len(RUNS) * len(BY_NAME)


@pytest.mark.parametrize(("raw", "name"), PAIRS, indirect=["raw"])
def test_only_the_check_that_it_concerns_fails(run: Lines, name: str) -> None:
    forge, check = BY_NAME[name]
    honest = failing(run)
    assert check not in honest
    forged = deepcopy(run)
    forge(forged)
    assert failing(forged) - honest == {check}


@pytest.mark.parametrize(
    ("raw", "name", "reason"),
    [(run, name, reason) for run, names in IMPOSSIBLE.items() for name, reason in names.items()],
    indirect=["raw"],
)
def test_what_cannot_be_forged_into_a_recording_indeed_cannot(run: Lines, name: str, reason: str) -> None:
    forge, check = BY_NAME[name]
    if reason == FAILS_ALREADY:
        assert check in failing(run)
        return
    with pytest.raises((IndexError, KeyError)):
        forge(run)


@pytest.mark.parametrize("name", PASSED)
def test_a_recorded_run_that_passed_passes(name: str) -> None:
    path = Path(__file__).parent / "recordings" / f"{name}.jsonl.gz"
    journal = parse(gzip.decompress(path.read_bytes()).splitlines())
    verdicts = judge(journal)
    assert len(verdicts) >= 8
    assert {verdict.status for verdict in verdicts} == {Status.PASS}, verdicts
    assert journal.plan is not None
    assert journal.plan.name == name


def test_the_recorded_split_brain_is_a_known_failure() -> None:
    path = Path(__file__).parent / "recordings" / "database-frozen.jsonl.gz"
    verdicts = judge(parse(gzip.decompress(path.read_bytes()).splitlines()))
    failed = {verdict.check: verdict for verdict in verdicts if verdict.status is Status.FAIL}
    assert sorted(failed) == ["durability", "ownership"]
    assert all(verdict.documented and verdict.holds for verdict in failed.values())
    evidence = "\n".join(fact.text for fact in failed["ownership"].evidence)
    for text in ("database-address held on db1 and db2", "Primary on db1 and db2", "split brain: db1 and db2"):
        assert text in evidence
    assert overall_status(verdicts) is Status.PASS


def test_what_is_made_up_is_a_run_that_passes(tmp_path: Path) -> None:
    write(tmp_path / "journal.jsonl", lines(Story()))
    verdicts = judge(parse((tmp_path / "journal.jsonl").read_bytes().splitlines()))
    assert {verdict.status for verdict in verdicts} == {Status.PASS}, verdicts
    assert len(verdicts) == 12


def test_a_known_failure_has_its_reason_and_only_a_failure_has(run: Lines) -> None:
    expect(run)
    known = {"leftovers": "cores are kept", "alarms": "never seen"}
    of(run, "plan")[0]["scenario"]["profiles"] = {"reference": {"known_failures": known}}
    leftover(run)
    by_check = {verdict.check: verdict for verdict in judge(parse([json.dumps(each).encode() for each in run]))}
    assert by_check["leftovers"].documented == "cores are kept"
    assert by_check["leftovers"].holds
    assert by_check["alarms"].documented == ""


def cuts(raw: bytes) -> Iterator[int]:
    chance = random.Random(1)  # noqa: S311 - nothing is secret here
    # The whole of it is read again for each, so few of a large one.
    return (chance.randrange(1, len(raw)) for _ in range(60 if len(raw) < 2_000_000 else 8))


def test_a_journal_cut_off_anywhere_is_judged_and_proves_nothing_new(raw: bytes) -> None:
    def failed(data: bytes) -> set[str]:
        return {verdict.check for verdict in judge(parse(data.splitlines())) if verdict.status is Status.FAIL}

    honest = failed(raw)
    for cut in cuts(raw):
        verdicts = {verdict.check: verdict.status for verdict in judge(parse(raw[:cut].splitlines()))}
        assert verdicts["run"] is Status.UNKNOWN
        assert failed(raw[:cut]) <= honest, cut


def test_damage_in_a_journal_leaves_it_in_doubt(raw: bytes) -> None:
    chance = random.Random(2)  # noqa: S311 - nothing is secret here
    for cut in cuts(raw):
        data = bytearray(raw)
        data[cut : cut + 40] = chance.randbytes(40)
        verdicts = {verdict.check: verdict.status for verdict in judge(parse(bytes(data).splitlines()))}
        assert verdicts["journal"] is Status.UNKNOWN, cut
