"""Playing a sequence: steps that cannot be taken are passed over; the mildest means repairs a damaged cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Self, cast

import pytest
from rich.console import Console

from testbed import recorder
from testbed.checks import Status, Verdict
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.mildest_repair import HEAL, UP
from testbed.errors import TestbedError, UsageError
from testbed.hunt import play as playing
from testbed.hunt.failure_kinds import failure_kinds
from testbed.hunt.hunt_store import FRESH, REMEDIES, SPLIT_BRAIN
from testbed.hunt.play import ClusterPlayer, PlayedRun
from testbed.hunt.sequence import Steps, as_incident, heal_step, inject_step, sleep_step
from testbed.incidents.run import Run
from testbed.journal import Mark, RunPlan, Writer
from testbed.progress import Progress

STEPS: Steps = (
    inject_step("power-loss", "db:primary", {}, "first"),
    inject_step("freeze", "db:standby", {}, "second"),
    heal_step("second"),
    sleep_step(1),
)


class FakeRun:
    """A run that refuses or fails some steps."""

    def __init__(self, refuses: Sequence[str] = (), breaks: Sequence[str] = ()) -> None:
        self.refuses, self.breaks = refuses, breaks
        self.done: list[str] = []
        self.marks: list[tuple[str, dict[str, str]]] = []

    def _do(self, what: str) -> None:
        if what in self.refuses:
            raise UsageError(f"no machine for {what}")
        if what in self.breaks:
            raise TestbedError(f"{what} does not work")
        self.done.append(what)

    def inject(self, fault: str, target: str, *_: object) -> SimpleNamespace:
        self._do(f"{fault} {target}")
        return SimpleNamespace(node=target)

    def heal(self, name: str) -> None:
        self._do(f"heal {name}")

    def wait(self, condition: str, **_: object) -> None:
        self._do(condition)

    def elapse(self, _: float) -> None:
        self._do("wait")

    def mark(self, name: str, **attrs: str) -> None:
        self.marks.append((name, attrs))

    def probe(self, _: object) -> None: ...
    def load(self, _: object) -> None: ...
    def steady(self, *_: float) -> None: ...


def timeline(run: FakeRun) -> list[int]:
    refused: list[int] = []
    playing._timeline(cast("Run", run), as_incident(STEPS, "x", "It was drawn.", 1), refused)
    return refused


def test_a_fault_that_no_machine_can_suffer_now_is_passed_over_with_its_heal() -> None:
    run = FakeRun(refuses=["freeze db:standby", "heal second"])
    assert timeline(run) == [1, 2]
    assert run.done == ["power-loss db:primary", "wait", "heal all", "healthy", "service"]
    assert [attrs["number"] for name, attrs in run.marks if name == "step-refused"] == ["2", "3"]


def test_a_single_heal_may_fail_and_the_heal_of_all_may_not() -> None:
    assert timeline(FakeRun(breaks=["heal second"])) == [2]
    with pytest.raises(TestbedError, match="heal all does not work"):
        timeline(FakeRun(breaks=["heal all"]))
    with pytest.raises(TestbedError, match="power-loss db:primary does not work"):
        timeline(FakeRun(breaks=["power-loss db:primary"]))


@pytest.fixture
def repairs(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often each means of repair fails before it works; and, under ``done``, what was called."""
    fails = {"look": 0, "heal": 0, "up": 0}

    def means(name: str) -> Callable[..., str]:
        def call(*_: object) -> str:
            if fails[name]:
                fails[name] -= 1
                raise TestbedError(f"{name} fails")
            return ""

        return call

    monkeypatch.setattr(lifecycle, "wait_healthy", means("look"))
    monkeypatch.setattr(lifecycle, "heal", means("heal"))
    monkeypatch.setattr(lifecycle, "make_healthy", lambda *_: "")
    monkeypatch.setattr(lifecycle, "up", means("up"))
    monkeypatch.setattr(lifecycle, "down", lambda _: None)
    return fails


def player(tmp_path: Path, *, keep_passing: bool = False) -> ClusterPlayer:
    ledger = SimpleNamespace(entries=list)
    cluster = SimpleNamespace(
        settings=SimpleNamespace(state_dir=tmp_path), shape=None, ledger=ledger, platform={"profile": "reference"}
    )
    progress = Progress(Console(quiet=True))
    return ClusterPlayer(cast("Cluster", cluster), 7, keep_passing=keep_passing, progress=progress)


@pytest.mark.parametrize(
    ("fails", "means"),
    [
        ({}, ""),
        ({"look": 1}, HEAL),
        ({"look": 1, "heal": 1}, UP),
        ({"look": 1, "heal": 1, "up": 1}, FRESH),
    ],
)
def test_the_mildest_repair_that_works_is_reported(
    tmp_path: Path, repairs: dict[str, int], fails: dict[str, int], means: str
) -> None:
    repairs |= fails
    hunting = player(tmp_path)
    before = hunting.cluster
    assert hunting.make_healthy() == means
    assert (hunting.cluster is before) is (means != FRESH)


def test_a_cluster_that_nothing_repairs_ends_the_hunt(tmp_path: Path, repairs: dict[str, int]) -> None:
    repairs |= {"look": 1, "heal": 1, "up": 2}
    with pytest.raises(TestbedError, match="up fails"):
        player(tmp_path).make_healthy()


@pytest.mark.parametrize("keep", [False, True])
def test_runs_that_pass_are_deleted_and_those_that_fail_are_kept(
    tmp_path: Path, repairs: dict[str, int], monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    assert repairs

    def run(verdict: Verdict, refused: tuple[int, ...] = (), *, repair: str = "") -> PlayedRun:
        folder = tmp_path / verdict.status
        folder.mkdir()
        (folder / "journal.jsonl").touch()
        return PlayedRun(folder, [verdict], refused, repair=repair)

    results = iter(
        [
            run(Verdict("alarms", Status.PASS, "0 alarms")),
            run(Verdict("alarms", Status.FAIL, "db1: segfault: x"), refused=(1,), repair=SPLIT_BRAIN),
            run(Verdict("durability", Status.UNKNOWN, "not read back")),
        ]
    )
    monkeypatch.setattr(playing, "play", lambda *_, **__: next(results))
    play = player(tmp_path, keep_passing=keep)
    passed, failed, unknown = (play(number, STEPS, drawn=True) for number in (1, 2, 3))
    assert (passed.kept, failed.kept, unknown.kept) == (keep, True, True)
    assert (tmp_path / "pass").exists() is keep
    assert (tmp_path / "fail").exists()
    assert [str(kind) for kind in failed.kinds] == ["alarms: segfault in the log of db"]
    assert failed.refused == (1,)
    assert failed.repair == SPLIT_BRAIN
    assert unknown.unknown == ("durability",)
    assert not passed.failures


@pytest.mark.parametrize("again", [True, False])
def test_a_cluster_that_is_not_steady_to_begin_with_is_no_failure_of_the_sequence(
    tmp_path: Path, repairs: dict[str, int], monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    assert repairs
    verdict = Verdict("run", Status.FAIL, "the run broke: waited 90 s for a steady state; last seen: nothing")
    results = [
        PlayedRun(tmp_path / "first", [verdict], steady=False, healthy=False),
        PlayedRun(tmp_path / "second", [] if again else [verdict], steady=again),
    ]
    for each in results:
        each.folder.mkdir()
        (each.folder / "journal.jsonl").touch()
    monkeypatch.setattr(playing, "play", lambda *_, **__: results.pop(0))
    play = player(tmp_path)(1, STEPS, drawn=True)
    assert not play.failures
    assert play.run == "second"
    assert play.unknown == (() if again else ("steady state",))
    assert not (tmp_path / "first").exists()


class EndingRun(FakeRun):
    """A run that leaves a mark at its end, after its faults were healed.

    Args:
        folder: where its journal lies.
        last: the mark.
    """

    def __init__(self, folder: Path, last: Mark) -> None:
        super().__init__()
        self.folder, self.last = folder, last

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        with Writer(self.folder / "journal.jsonl", "host", run="x") as out:
            out.write(RunPlan("x", {}, 1))
            for mark in (Mark("timeline-done"), self.last, Mark("run-ends", attrs={"error": ""})):
                out.write(mark)


@pytest.mark.parametrize(
    ("last", "healthy"),
    [
        (Mark("not-healthy", attrs={"reason": "the cluster does not become healthy: db2 is off"}), False),
        (Mark("repaired", attrs={"what": "db2 is off: db2: power-cycling it"}), True),
    ],
    ids=["not healthy", "repaired"],
)
def test_a_cluster_that_did_not_become_healthy_by_itself_is_a_failure_of_its_own_kind(
    last: Mark, healthy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "Run", lambda *_, **__: EndingRun(tmp_path, last))
    monkeypatch.setattr("testbed.recorder.collect_artifacts", lambda *_: None)
    monkeypatch.setattr("testbed.report.write_report", lambda _: None)
    cluster = cast("Cluster", SimpleNamespace(platform={}))
    played = playing.play(cluster, as_incident(STEPS, "x", "It was drawn.", 1))
    assert played.healthy is healthy
    assert [str(kind) for kind in failure_kinds(played.verdicts)] == ["healthy: db is off"]


class EndedRun:
    """A run whose journal has the given marks."""

    marks: tuple[str, ...] = ()

    def __init__(
        self, cluster: Cluster, name: str, *, plan: RunPlan, healthy_within: float, collect: bool = True
    ) -> None:
        assert healthy_within
        if collect:
            recorder.collect_artifacts(cluster, Path(name))
        self.folder = cluster.settings.state_dir / "runs" / name
        self.folder.mkdir(parents=True)
        with Writer(self.folder / "journal.jsonl", "host") as writer:
            writer.write(plan)
            for mark in ("run-begins", "steady", *self.marks, "run-ends"):
                writer.write(Mark(mark))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("marks", "look", "repair"),
    [
        ((), 1, ""),
        (("repaired",), 1, REMEDIES),
        (("repaired", "split-brain-resolved"), 1, SPLIT_BRAIN),
        (("not-healthy",), 0, ""),
        (("not-healthy",), 1, HEAL),
        (("repaired", "not-healthy"), 0, REMEDIES),
        (("repaired", "not-healthy"), 1, HEAL),
    ],
)
def test_a_run_that_ended_with_an_unhealthy_or_repaired_cluster_is_reported(
    tmp_path: Path,
    repairs: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    marks: tuple[str, ...],
    look: int,
    repair: str,
) -> None:
    repairs["look"] = look
    hunting = player(tmp_path)
    monkeypatch.setattr(EndedRun, "marks", marks)
    monkeypatch.setattr(playing, "Run", EndedRun)
    monkeypatch.setattr(playing, "_timeline", lambda *_: None)
    monkeypatch.setattr("testbed.report.write_report", lambda _: None)
    monkeypatch.setattr("testbed.recorder.collect_artifacts", lambda *_: None)
    assert hunting(1, STEPS, drawn=True).repair == repair
    assert repairs["look"] == (0 if "not-healthy" in marks else look)  # a healthy cluster is not asked again


@pytest.mark.parametrize(
    ("status", "keep", "copied"),
    [
        (Status.PASS, False, False),
        (Status.PASS, True, True),
        (Status.FAIL, False, True),
        (Status.UNKNOWN, False, True),
    ],
)
def test_logs_are_copied_before_the_report_and_of_no_run_that_is_deleted(
    tmp_path: Path, repairs: dict[str, int], monkeypatch: pytest.MonkeyPatch, status: Status, keep: bool, copied: bool
) -> None:
    assert repairs
    done: list[str] = []

    def collect(*_: object) -> None:
        done.append("logs")
        raise OSError("a node is gone")  # a report without some logs is better than none

    monkeypatch.setattr(playing, "Run", EndedRun)
    monkeypatch.setattr(playing, "_timeline", lambda *_: None)
    monkeypatch.setattr(playing, "judge", lambda _: [Verdict("durability", status, "x")])
    monkeypatch.setattr("testbed.recorder.collect_artifacts", collect)
    monkeypatch.setattr("testbed.report.write_report", lambda _: done.append("report"))
    played = player(tmp_path, keep_passing=keep)(1, STEPS, drawn=True)
    assert done == (["logs", "report"] if copied else [])
    assert played.kept is copied
