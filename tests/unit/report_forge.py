"""Forges the journal of a run: the primary database loses power under load, and what a run looks like then.

The journal's lines are made of the real events; only their stamps are invented, so that a ten-minute run takes no
ten minutes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
    Settled,
    StateChange,
    to_fields,
)

BASE = 5000.0
WALL = 1_764_000_000.0
APPS = ("app-1", "app-2")
INCIDENT = {
    "name": "db-power-loss",
    "title": "The <primary> loses power",
    "why": "The <primary> database host loses power under load: the standby must take over within seconds.",
    "steps": [
        {"sleep": "5s"},
        {"inject": "power-loss", "target": "db:primary", "id": "loss"},
        {"wait_for": "service", "stable_for": "2s"},
        {"heal": "loss"},
        {"wait_for": "healthy", "timeout": "2m"},
    ],
    "expect": {"max_outage": {"sql-write": "15s", "https": "15s"}, "address_owner": {"database": "moved"}},
}


@dataclass
class Forge:
    """A run to be forged.

    Args:
        seconds: how long the probes ran.
        fault_at: seconds after the run's begin.
        outage: seconds without a good answer from the database.
        users: of the load.
        interval: seconds between samples of the fast probes.
        lost: acknowledged writes that are not there afterwards.
        two_owners: seconds for which both hosts hold the database's address.
        moved: whether a session changes its app node without a cause.
        app_dies: when app-2 loses power for twenty seconds, in seconds after the begin; 0 for never.
        expect: replaces the plan's expectations.
        known: the failures that are known with the profile reference.
        name, series, repeat, repeats: of the plan.
        error: why the run itself broke.
    """

    seconds: float = 60.0
    fault_at: float = 20.0
    outage: float = 5.2
    users: int = 6
    interval: float = 0.02
    lost: int = 0
    two_owners: float = 0.0
    moved: bool = False
    app_dies: float = 0.0
    expect: Mapping[str, object] | None = None
    known: Mapping[str, str] = field(default_factory=dict)
    name: str = "db-power-loss"
    series: str = "db-power-loss-1"
    repeat: int = 1
    repeats: int = 1
    error: str = ""
    seed: int = 1
    lines: list[tuple[float, Event]] = field(default_factory=list)

    def write(self, folder: Path) -> Path:
        """Write the journal into ``folder``, and return the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.lines = []
        self._rng = random.Random(self.seed)  # noqa: S311
        self._stages()
        self._states()
        self._probes()
        self._load()
        header = {"kind": HEADER, "version": VERSION, "source": "forge", "pid": 1, "attrs": {}}
        with (folder / "journal.jsonl").open("w") as file:
            file.write(json.dumps({**header, "wall": WALL + BASE, "mono": BASE}) + "\n")
            for mono, event in sorted(self.lines, key=lambda line: line[0]):
                fields = {**to_fields(event), "wall": round(WALL + mono, 6), "mono": round(mono, 6)}
                file.write(json.dumps(fields, separators=(",", ":")) + "\n")
        return folder

    def _add(self, at: float, event: Event) -> None:
        self.lines.append((BASE + at, event))

    def _stages(self) -> None:
        incident = {**INCIDENT, "name": self.name, "expect": INCIDENT["expect"] if self.expect is None else self.expect}
        incident["profiles"] = {"reference": {"known_failures": dict(self.known)}}
        plan = RunPlan(
            self.name, incident, seed=2006, repeat=self.repeat, repeats=self.repeats, series=self.series,
            platform={"balancer": "debian", "accel": "tcg"},
        )  # fmt: skip
        fault, heal = self.fault_at, self.fault_at + 15
        self._add(0, plan)
        self._add(0.01, Mark("run-begins"))
        self._add(fault - 5, Mark("steady"))
        self._step(1, "power-loss on db:primary", fault, fault + 0.4)
        self._step(2, "when served for 2s", fault + 0.5, heal - 0.1)
        self._step(3, "heal loss", heal, heal + 4)
        self._step(4, "when healthy", heal + 4.1, heal + 14)
        for step, at in (("inject", fault), ("injected", fault + 0.3), ("heal", heal), ("healed", heal + 4)):
            self._add(at, FaultStep("power-loss-db1", step, "power-loss", "db1", "db:primary"))
        self._add(self.seconds - 2, Mark("timeline-done"))
        self._add(self.seconds - 1, Mark("load-ends"))
        self._add(self.seconds, Mark("probes-end"))
        self._add(self.seconds + 1, Mark("settled"))
        self._add(self.seconds + 2, Mark("run-ends", attrs={"error": self.error}))

    def _step(self, number: int, text: str, begin: float, end: float) -> None:
        self._add(begin, Mark("step", attrs={"number": str(number), "text": text}))
        self._add(end, Mark("step-done", attrs={"number": str(number), "text": text}))

    def _state(self, at: float, node: str, error: float = 0.0, source: str = "node", **aspects: str) -> None:
        for aspect, value in aspects.items():
            name = aspect.replace("__", ":").replace("_", "-")
            self._add(at + self._rng.random() * 0.002, StateChange(node, name, value, BASE + at, error, source))

    def _states(self) -> None:
        for node in ("lb1", "lb2", *APPS, "db1", "db2", "mail", "client", "observer"):
            self._state(0.1, node, source="snapshot", power="on")
        for lb, held in (("lb1", True), ("lb2", False)):
            carp = "master" if held else "backup"
            self._state(0.2, lb, source="snapshot", site_address="held" if held else "none", carp=carp)
            for app in APPS:
                self._add(0.2, StateChange(lb, f"member:{app}", "ok", BASE + 0.2, 0.0, "snapshot"))
        self._state(
            0.3, "db1", 0.02, "snapshot", database_address="held", carp="master", drbd_role="Primary",
            drbd_connection="Connected", drbd_disk="UpToDate", mount="mounted", postgres="accepting",
        )  # fmt: skip
        self._state(
            0.3, "db2", 0.02, "snapshot", database_address="none", carp="backup", drbd_role="Secondary",
            drbd_connection="Connected", drbd_disk="UpToDate", mount="none", postgres="stopped",
        )  # fmt: skip
        fault = self.fault_at
        if not self.two_owners:
            self._state(fault + 0.3, "db1", source="docker", power="off")
        claimed = fault + 3.1
        self._state(fault + 2.2, "db2", 0.02, drbd_connection="WFConnection")
        self._state(claimed, "db2", 0.02, carp="master", database_address="held")
        if self.two_owners:
            self._state(claimed + self.two_owners, "db1", source="docker", power="off")
        self._state(claimed + 0.4, "db2", 0.02, drbd_role="Primary")
        self._state(claimed + 0.7, "db2", 0.02, mount="mounted")
        self._state(fault + self.outage - 0.2, "db2", 0.02, postgres="accepting")
        if self.app_dies:
            self._app_dies(self.app_dies, self.app_dies + 20)
        heal = fault + 15
        self._state(heal + 0.5, "db1", source="docker", power="on")
        self._state(heal + 4, "db1", 0.02, carp="backup", database_address="none", drbd_role="Secondary")
        self._state(heal + 4, "db1", 0.02, mount="none", postgres="stopped", drbd_connection="WFConnection")
        self._state(heal + 4, "db1", 0.02, drbd_disk="Inconsistent")
        self._state(heal + 6, "db1", 0.02, drbd_connection="SyncTarget")
        self._state(heal + 6, "db2", 0.02, drbd_connection="SyncSource")
        self._state(heal + 9, "db1", 0.02, drbd_connection="Connected", drbd_disk="UpToDate")
        self._state(heal + 9, "db2", 0.02, drbd_connection="Connected")

    def _app_dies(self, begin: float, end: float) -> None:
        for step, at in (("inject", begin), ("injected", begin + 0.2), ("heal", end), ("healed", end + 1)):
            self._add(at, FaultStep("power-loss-app-2", step, "power-loss", "app-2", "app:any"))
        self._state(begin + 0.2, "app-2", source="docker", power="off")
        self._state(end + 0.4, "app-2", source="docker", power="on")
        for value, at in (("error", begin + 2.2), ("ok", end + 3)):
            self._add(at, StateChange("lb1", "member:app-2", value, BASE + at, 0.5))

    def _probes(self) -> None:
        self._probe("tcp", self.interval, 0.002, {"balancer": "lb1"})
        self._probe("https", self.interval, 0.011, {"balancer": "lb1"})
        self._probe("webmail", 1.0, 0.16, {"balancer": "lb1", "app": "app-1"}, blocked=True)
        self._probe("sql-read", self.interval, 0.006, {"database": "db1"}, fails="cannot connect: timed out")
        self._probe("sql-write", 2.5 * self.interval, 0.014, {"database": "db1"}, fails="connection lost")

    def _probe(
        self, name: str, interval: float, usual: float, attrs: dict[str, str], fails: str = "", *, blocked: bool = False
    ) -> None:
        rng, fault = self._rng, self.fault_at
        back = fault + self.outage
        for number in range(int((self.seconds - 1) / interval)):
            due = 1 + number * interval
            latency = usual * rng.lognormvariate(0, 0.35)
            if rng.random() < 0.002:
                latency += rng.random() * 0.2
            outcome, detail = Outcome.OK, ""
            struck = fault + 0.25 <= due < back
            if struck and blocked:
                latency += back - due
            elif struck and fails:
                outcome = Outcome.UNKNOWN if due < fault + 0.5 and name == "sql-write" else Outcome.FAILED
                detail, latency = fails, min(1.0, back - due + 0.1)
            token = f"{name}-{number}" if name == "sql-write" else ""
            sample = ProbeSample(name, BASE + due, BASE + due, BASE + due + latency, outcome, detail, token, attrs)
            self._add(due + latency, sample)
            if token:
                there = outcome is Outcome.OK and not (number < self.lost)
                kept = there or (outcome is Outcome.UNKNOWN and number % 2 == 0)
                self._add(self.seconds + 0.5, Settled(token, int(kept)))

    def _load(self) -> None:
        for number in range(self.users):
            user, at, session = f"user{number + 1:02d}", 2 + number * 0.5, 0
            while at < self.seconds - 2:
                session += 1
                at = self._session(f"{user}-{session}", user, at, moves=self.moved and number == 0 and session == 1)

    def _session(self, session: str, user: str, at: float, *, moves: bool) -> float:
        """One session from its login to its end, which is returned."""
        rng = self._rng
        app = APPS[0] if self._is_dead(at) else rng.choice(APPS)
        for turn in range(rng.randint(10, 60)):
            if at >= self.seconds - 2:
                break
            action = "log in" if turn == 0 else rng.choice(["inbox", "read", "write", "find contact"])
            latency = 0.12 * rng.lognormvariate(0, 0.5)
            outcome, cause, answered = Outcome.OK, "", app
            if self.fault_at + 0.25 <= at < self.fault_at + self.outage:
                latency += self.fault_at + self.outage - at
            if self._is_dead(at) and app == "app-2":
                # The other node knows nothing of this session.
                outcome, cause, answered = Outcome.FAILED, "session-lost", "app-1"
            if moves and turn == 9:
                app = answered = APPS[1 - APPS.index(app)]
            request = RequestSample(session, user, action, "lb1", answered, BASE + at, latency, outcome, cause)
            self._add(at + latency, request)
            at += latency + rng.expovariate(1 / 0.8)
            if cause:
                break
        return at

    def _is_dead(self, at: float) -> bool:
        """Whether app-2 has no power."""
        return bool(self.app_dies) and self.app_dies <= at < self.app_dies + 20
