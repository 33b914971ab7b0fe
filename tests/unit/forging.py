"""Forges the journal of a run: the database's primary loses power, and then an app node, under load.

Each number of it can be made as large as wanted: `python tests/unit/forging.py FILE 1000000` writes a journal of a
million events.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import Any

from testbed.journal.events import (
    HEADER,
    VERSION,
    Event,
    FaultStep,
    Mark,
    Outcome,
    ProbeSample,
    RequestSample,
    RunPlan,
    Scan,
    Settled,
    StateChange,
    to_fields,
)

BEGIN = 5000.0
WALL_OFFSET = 1_795_000_000.0
# Seconds after the run's begin.
STEADY, DB_LOSS, BACK, APP_LOSS, APP_HEAL, DB_HEAL, REJOINED = 10.0, 20.0, 25.0, 40.0, 48.0, 52.0, 64.0
EXPECT: dict[str, Any] = {
    "max_outage": {"tcp": "0s", "https": "5s", "webmail": "10s", "sql-read": "10s", "sql-write": "10s"},
    "must_notice": ["sql-read", "sql-write"],
    "address_owner": {"site": "unchanged", "database": "moved"},
    "must_affect_sessions": True,
    "max_failed_logins": 0,
    "max_recovery": "60s",
    "isolation": True,
}
Line = tuple[float, Event]


@dataclass(frozen=True)
class Story:
    """A run to be forged.

    Args:
        seconds: from the run's begin until its timeline is done.
        users: each with a session.
        think: seconds between two requests of a user.
        fast: seconds between two samples of the fast probes.
        writes: seconds between two writes.
        slow: seconds between two samples of the webmail probe.
    """

    seconds: float = 80.0
    users: int = 6
    think: float = 1.0
    fast: float = 0.1
    writes: float = 0.1
    slow: float = 1.0


def lines(story: Story) -> Iterator[Line]:
    """The events of the run with the moments at which they were recorded, in order."""
    return merge(_stages(story), _states(), *_probes(story), *_load(story), _settled(story), key=lambda line: line[0])


def write(path: Path, events: Iterable[Line]) -> None:
    """Write a journal as its writers would have."""
    header = {"kind": HEADER, "version": VERSION, "source": "host", "pid": 1, "attrs": {}}
    with path.open("w") as file:
        file.write(_line(header, BEGIN))
        for at, event in events:
            file.write(_line(to_fields(event), at))


def _line(fields: dict[str, Any], at: float) -> str:
    stamped = {**fields, "wall": round(at + WALL_OFFSET, 6), "mono": round(at, 6)}
    return json.dumps(stamped, separators=(",", ":")) + "\n"


def _stages(story: Story) -> Iterator[Line]:
    incident = {"name": "forged", "load": {"users": story.users}, "expect": EXPECT}
    db, app = ("k-db", "power-loss", "db1", "db:primary"), ("k-app", "power-loss", "app-1", "app:any")
    end = story.seconds
    timed: list[tuple[float, Event]] = [
        (0.0, RunPlan("forged", incident, seed=7)),
        (0.0, Mark("run-begins")),
        (STEADY, Mark("steady")),
        (DB_LOSS, _step("inject", db)),
        (DB_LOSS + 0.3, _step("injected", db)),
        (APP_LOSS, _step("inject", app)),
        (APP_LOSS + 0.3, _step("injected", app)),
        (APP_HEAL, _step("heal", app)),
        (APP_HEAL + 1.0, _step("healed", app)),
        (DB_HEAL, _step("heal", db)),
        (DB_HEAL + 1.0, _step("healed", db)),
        (end, Mark("timeline-done")),
        (end + 0.5, Mark("load-ends")),
        (end + 1.0, Mark("probes-end")),
        (end + 2.0, Scan("public", "site", "198.18.0.20", 65535, (80, 443), (80, 443))),
        (end + 2.0, Scan("public", "db1", "198.18.1.21", 65535, (), ())),
        (end + 4.0, Mark("settled")),
        (end + 5.0, Mark("run-ends", attrs={"error": ""})),
    ]
    return ((BEGIN + after, event) for after, event in timed)


def _step(step: str, fault: tuple[str, str, str, str]) -> FaultStep:
    key, name, node, target = fault
    return FaultStep(key, step, name, node, target)


def _states() -> Iterator[Line]:
    first = [
        ("lb1", "site-address", "held"), ("lb2", "site-address", "none"), ("lb1", "carp", "master"),
        ("db1", "database-address", "held"), ("db2", "database-address", "none"),
        ("db1", "drbd-role", "Primary"), ("db2", "drbd-role", "Secondary"),
        ("db1", "mount", "mounted"), ("db1", "postgres", "accepting"),
        *((db, "drbd-connection", "Connected") for db in ("db1", "db2")),
        *((db, "drbd-disk", "UpToDate") for db in ("db1", "db2")),
        *((lb, f"member:app-{number}", "ok") for lb in ("lb1", "lb2") for number in (1, 2)),
    ]  # fmt: skip
    for node in ("lb1", "lb2", "db1", "db2", "app-1", "app-2"):
        yield _change(0.1, node, "power", "on", "snapshot")
    for node, aspect, value in first:
        yield _change(0.2, node, aspect, value, "snapshot")
    later = [
        (DB_LOSS + 0.2, "db1", "power", "off"), (DB_LOSS + 0.6, "db2", "drbd-connection", "WFConnection"),
        (DB_LOSS + 3.2, "db2", "carp", "master"), (DB_LOSS + 3.3, "db2", "database-address", "held"),
        (DB_LOSS + 3.6, "db2", "drbd-role", "Primary"), (DB_LOSS + 3.9, "db2", "mount", "mounted"),
        (DB_LOSS + 4.6, "db2", "postgres", "accepting"),
        (APP_LOSS + 0.2, "app-1", "power", "off"), (APP_LOSS + 3.0, "lb1", "member:app-1", "error"),
        (APP_HEAL + 0.9, "app-1", "power", "on"), (APP_HEAL + 4.0, "lb1", "member:app-1", "ok"),
        (DB_HEAL + 0.9, "db1", "power", "on"), (DB_HEAL + 8.0, "db1", "drbd-role", "Secondary"),
        (DB_HEAL + 8.0, "db1", "database-address", "none"), (DB_HEAL + 9.0, "db1", "drbd-connection", "SyncTarget"),
        (DB_HEAL + 9.0, "db2", "drbd-connection", "SyncSource"), (DB_HEAL + 9.0, "db1", "drbd-disk", "Inconsistent"),
        *((REJOINED, db, "drbd-connection", "Connected") for db in ("db1", "db2")),
        (REJOINED, "db1", "drbd-disk", "UpToDate"),
    ]  # fmt: skip
    for after, node, aspect, value in sorted(later):
        yield _change(after, node, aspect, value, "node")


def _change(after: float, node: str, aspect: str, value: str, source: str) -> Line:
    return BEGIN + after + 0.05, StateChange(node, aspect, value, BEGIN + after, 0.02, source)


def _probes(story: Story) -> Iterator[Iterator[Line]]:
    for probe, interval in (("tcp", story.fast), ("https", story.fast), ("sql-read", story.fast)):
        yield _samples(probe, interval, story)
    yield _samples("sql-write", story.writes, story)
    yield _samples("webmail", story.slow, story)


def _samples(probe: str, interval: float, story: Story) -> Iterator[Line]:
    for number in range(int((story.seconds - 1) / interval)):
        after = 1.0 + number * interval
        outcome, detail, token, attrs = Outcome.OK, "", "", {}
        if probe.startswith("sql"):
            away = DB_LOSS <= after < BACK
            outcome = Outcome.OK if not away else Outcome.UNKNOWN if after < DB_LOSS + 0.3 else Outcome.FAILED
            detail = "" if outcome is Outcome.OK else "connection refused"
            attrs = {"database": "db1" if after < DB_LOSS else "db2"} if outcome is Outcome.OK else {}
            token = _token(number) if probe == "sql-write" else ""
        elif probe != "tcp":
            attrs = {"balancer": "lb1", "app": "app-2"}
        due = BEGIN + after
        yield due + 0.01, ProbeSample(probe, due, due, due + 0.01, outcome, detail, token, attrs)


def _token(number: int) -> str:
    return f"c0ffee-{number:06d}"


def _settled(story: Story) -> Iterator[Line]:
    for _, sample in _samples("sql-write", story.writes, story):
        assert isinstance(sample, ProbeSample)
        yield BEGIN + story.seconds + 3.0, Settled(sample.token, int(sample.outcome is Outcome.OK))


def _load(story: Story) -> Iterator[Iterator[Line]]:
    return (_user(number, story) for number in range(story.users))


def _user(number: int, story: Story) -> Iterator[Line]:
    """One user's requests; half of the users live on app-1, until it dies."""
    user, app = f"user{number + 1:02d}", f"app-{1 + number % 2}"
    session, start = f"{number:04x}aaaa", 1.5 + 0.3 * number
    yield from _login(start, session, user, app)
    after, turn = start + 1.0, 0
    while after < story.seconds:
        if app == "app-1" and APP_LOSS <= after < APP_LOSS + 3:
            yield _asked(after, session, user, "inbox", "", Outcome.FAILED, "http-503")
        elif app == "app-1" and after >= APP_LOSS:
            app = "app-2"
            yield _asked(after, session, user, "read", app, Outcome.OK, "redirect")
            yield _asked(after + 0.1, session, user, "read", app, Outcome.FAILED, "session-lost")
            session = f"{number:04x}bbbb"
            yield from _login(after + 0.3, session, user, app)
            after += 0.6
        else:
            yield _asked(after, session, user, ("inbox", "read", "read", "compose")[turn % 4], app)
        turn += 1
        after += story.think


def _login(after: float, session: str, user: str, app: str) -> Iterator[Line]:
    yield _asked(after, session, user, "log in", app, Outcome.OK, "redirect")
    yield _asked(after + 0.1, session, user, "log in", app, Outcome.OK, "unfinished")
    yield _asked(after + 0.2, session, user, "log in", app)


def _asked(
    after: float, session: str, user: str, action: str, app: str, outcome: Outcome = Outcome.OK, cause: str = ""
) -> Line:
    sample = RequestSample(session, user, action, "lb1", app, BEGIN + after, 0.08, outcome, cause)
    return sample.finished, sample


def large(events: int) -> Story:
    """A run of so many events: a fifth of them requests, the others samples of probes at their usual rates."""
    seconds = events / 245
    return Story(seconds, users=60, think=60 * seconds / (events * 0.2), fast=0.02, writes=0.05)


if __name__ == "__main__":
    write(Path(sys.argv[1]), lines(large(int(sys.argv[2]))))
