"""What the testbed costs against its size: slopes, larger journals, each subject's figures, and the command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import log
from pathlib import Path
from shutil import rmtree
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from typer.testing import CliRunner

import testbed.cli.bench_scale as command
from testbed.bench import scale as bench
from testbed.bench.idle import Idle
from testbed.bench.scale import journal_cost, node_cost, probe_cost, user_cost
from testbed.bench.scale.journal_cost import RECORDING, run_work
from testbed.bench.scale.node_cost import INCIDENT, count_requests, median_seconds, run_cost, step_seconds
from testbed.bench.scale.repeated_journal import read_recording, repeated, write_repeated
from testbed.bench.scale.scale_model import BUSY, ScaleSubject, scale_result, size_of, variant_names
from testbed.bench.scale.slope import Growth, GrowthKind
from testbed.bench.scale.user_cost import UserCost, container_of, load_of_users, logged_in, values_of_load
from testbed.bench.session.samples import BenchOpening, BenchSession, Failure, Sample
from testbed.bench.session.subject import Measure, Options, Take
from testbed.bench.session.turns import measure
from testbed.checks import Status, judge
from testbed.checks.injected_faults import injected_faults
from testbed.checks.phases import failovers
from testbed.cli.main import app
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.shape import Shape
from testbed.errors import TestbedError, UsageError
from testbed.incidents.locust_command import locust_command
from testbed.journal import Mark, Outcome, ProbeSample, RequestSample, read
from testbed.journal.journal import build_journal
from testbed.machines.fleet import Fleet
from testbed.report.run_folders import JOURNAL

ROOT = Path(__file__).parents[2]
SIZES = (10.0, 20.0, 40.0, 80.0, 160.0)


# --- slopes --------------------------------------------------------------------------------------------------


def test_a_line_has_its_slope_its_fixed_cost_and_no_spread() -> None:
    growth = Growth.of(SIZES, [3 + 0.5 * size for size in SIZES])
    assert growth.slope is not None
    assert growth.slope.value == pytest.approx(0.5)
    assert growth.slope.high - growth.slope.low == pytest.approx(0.0, abs=1e-6)
    assert growth.fixed == pytest.approx(3.0)
    assert growth.kind is GrowthKind.LINEAR


def test_the_interval_is_students() -> None:
    growth = Growth.of([1, 2, 3, 4], [2.1, 3.9, 6.2, 7.8])
    assert growth.slope is not None
    # Slope 1.94, its standard error 0.0762, t with two degrees of freedom 4.303: a table has them.
    assert growth.slope.value == pytest.approx(1.94)
    assert growth.slope.high - growth.slope.value == pytest.approx(4.303 * 0.09055, rel=0.01)


@pytest.mark.parametrize(
    ("costs", "kind"),
    [
        ([size**2 for size in SIZES], GrowthKind.WORSE),
        ([size**1.5 for size in SIZES], GrowthKind.WORSE),
        ([size * log(size) for size in SIZES], GrowthKind.WORSE),
        ([7.0, 7.1, 6.9, 7.0, 7.0], GrowthKind.NONE),
        ([1.0, 2.0, 4.0, 8.0, 16.0], GrowthKind.LINEAR),
        ([1.0, 3.0, 3.5, 9.0, 30.0], GrowthKind.UNDECIDED),
        ([-0.1, 2.0, 4.0, 8.0, 16.0], GrowthKind.UNDECIDED),  # no logarithm, so no exponent
    ],
)
def test_growth_is_judged_by_the_intervals(costs: Sequence[float], kind: GrowthKind) -> None:
    assert Growth.of(SIZES, costs).kind is kind


@pytest.mark.parametrize(("sizes", "costs"), [([], []), ([1, 2], [1, 2]), ([5, 5, 5], [1, 2, 3])])
def test_too_few_measurements_have_no_slope(sizes: Sequence[float], costs: Sequence[float]) -> None:
    assert Growth.of(sizes, costs) == Growth(len(sizes), None, None, None, GrowthKind.TOO_FEW)


# --- larger journals -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recording() -> list[Mapping[str, Any]]:
    return read_recording(ROOT / RECORDING)


def test_a_repeated_run_is_one_run_that_passes(recording: list[Mapping[str, Any]], tmp_path: Path) -> None:
    count = write_repeated(tmp_path / JOURNAL, recording, 3 * len(recording))
    with (tmp_path / JOURNAL).open() as file:
        assert count == sum(1 for _ in file)
    assert count > 2.9 * len(recording)
    journal = read(tmp_path / JOURNAL)
    assert not journal.damage
    assert [each.name for each in journal.of(Mark) if not each.name.startswith("step")] == [
        "run-begins", "steady", "timeline-done", "load-ends", "probes-end", "settled", "run-ends",
    ]  # fmt: skip
    assert {verdict.status for verdict in judge(journal)} == {Status.PASS}


def test_a_repeated_run_has_its_faults_and_failovers_as_often(
    recording: list[Mapping[str, Any]], tmp_path: Path
) -> None:
    once, thrice = tmp_path / "1", tmp_path / "3"
    write_repeated(once, recording, 1)
    write_repeated(thrice, recording, 3 * len(recording))
    for found in (injected_faults, failovers):
        assert len(found(read(thrice))) >= 3 * len(found(read(once))) > 0
    samples = read(thrice).of(ProbeSample)
    assert len(samples) == 3 * len(read(once).of(ProbeSample))
    tokens = [each.token for each in samples if each.token]
    assert len(set(tokens)) == len(tokens)


def test_a_run_that_is_repeated_once_is_the_recorded_one(recording: list[Mapping[str, Any]]) -> None:
    assert list(repeated(recording, 1)) == recording


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(b"no gzip")
    with pytest.raises(UsageError, match=r"x\.gz: the recorded run cannot be read"):
        read_recording(tmp_path / "x.gz")


def test_the_end_of_an_outage_costs_no_search_through_the_run(
    recording: list[Mapping[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each failover once searched all samples from the first, so the cost was faults times samples."""
    write_repeated(tmp_path / JOURNAL, recording, 4 * len(recording))
    journal = read(tmp_path / JOURNAL)
    looked: list[int] = []

    class Counting(list[float]):
        def __getitem__(self, place):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN204
            looked.append(1)
            return super().__getitem__(place)

        def __contains__(self, value: object) -> bool:
            looked.extend([1] * len(self))
            return super().__contains__(value)

    from testbed.checks import phases  # noqa: PLC0415 - a private function

    series = journal.probes["sql-write"]
    came = series.finished[-5]
    monkeypatch.setattr(series, "finished", Counting(series.finished))
    assert phases._answered_by(series, came, "database") in ("db1", "db2", "")
    assert 0 < len(looked) < 20


@pytest.mark.parametrize("work", ["judge", "report"])
def test_work_is_measured_in_a_process_of_its_own(
    work: str, recording: list[Mapping[str, Any]], tmp_path: Path
) -> None:
    write_repeated(tmp_path / JOURNAL, recording, 1)
    found = run_work(work, tmp_path)
    assert set(found) == {"seconds", "cpu", "memory"}
    assert 0 < found["cpu"] < 60
    assert (tmp_path / "report.html").exists() == (work == "report")


def test_work_that_fails_is_named_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match=r"judge of .*: .*No such file"):
        run_work("judge", tmp_path)


def test_journals_are_written_once_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[Path] = []

    def run(work: str, folder: Path) -> dict[str, float]:
        assert (folder / JOURNAL).is_file()
        folders.append(folder)
        return {"seconds": 1.0, "cpu": 0.5, "memory": 2.0 if work == "judge" else 3.0}

    monkeypatch.setattr(journal_cost, "run_work", run)
    subject = journal_cost.JournalCost()
    cluster = cast("Cluster", SimpleNamespace(settings=SimpleNamespace(root=ROOT)))
    with subject.stage(cluster, Options(1, 1, 0), lambda _: None) as take:
        values = take(subject.variants[0])
    assert values["events"] == pytest.approx(subject.sizes[0] / 1000, rel=0.2)
    assert (values["judge-memory"], values["report-memory"]) == (2.0, 3.0)
    assert not any(folder.exists() for folder in folders)


# --- users and probes ------------------------------------------------------------------------------------------


def request(at: float, session: str, action: str = "read", cause: str = "", latency: float = 0.1) -> RequestSample:
    return RequestSample(session, "user01", action, "lb1", "app-1", at - latency, latency, Outcome.OK, cause)


def test_all_loads_have_the_same_rate_and_the_largest_is_possible() -> None:
    loads = [load_of_users(users) for users in UserCost.sizes]
    assert len({round(load.users / load.think_time, 6) for load in loads}) == 1
    line = locust_command(loads[-1], 1, 600, "https://site.test")
    assert line[line.index("--users") + 1] == "500"
    assert float(line[line.index("--think-scale") + 1]) == pytest.approx(11.0)


def test_users_who_share_an_account_are_counted_by_their_sessions() -> None:
    assert logged_in([
        request(1, "a", "log in"), request(2, "b", "log in"), request(3, "c", "log in", "redirect"), request(4, "d"),
    ]) == 2  # fmt: skip


COSTS = (Idle("testbed-client-1", 90.0, 0.4), Idle("testbed-app-1", 50.0, 0.6))


def test_the_cost_of_a_user_is_that_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    counted = [request(10 + number, "a", latency=number / 100) for number in range(1, 21)]
    values = values_of_load(COSTS, "client", [request(1, "a"), *counted, request(99, "a")], 10, 30)
    assert values["rate"] == 1.0
    assert values["cpu"] == 400.0
    assert values["memory"] == 90.0
    assert 190 < values["p95"] <= 200
    assert values[BUSY.key] == pytest.approx(50.0)


def test_a_load_that_is_not_served_fails_its_turn() -> None:
    with pytest.raises(TestbedError, match="hardly a user was served"):
        values_of_load(COSTS, "client", [request(1, "a")], 10, 30)


def test_a_node_without_a_container_fails_its_turn() -> None:
    with pytest.raises(TestbedError, match="observer: it has no container"):
        container_of(COSTS, "observer")


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What a program in the client is started with, and that it was ended."""
    done: list[str] = []
    path = tmp_path / JOURNAL
    path.touch()

    @contextmanager
    def running(cluster: Cluster, name: str, work: object) -> Iterator[tuple[object, Path]]:
        del cluster
        done.append(f"{name} {work if isinstance(work, dict) else ''}".strip())
        try:
            yield SimpleNamespace(ended=lambda: ""), path
        finally:
            done.append("ended")

    monkeypatch.setattr(lifecycle, "wait_healthy", lambda *_: None)
    monkeypatch.setattr(user_cost, "bare_load", running)
    monkeypatch.setattr(probe_cost, "bare_probes", running)
    monkeypatch.setattr(user_cost, "elapse", lambda _: None)
    now = iter([100.0, 110.0])
    clock = SimpleNamespace(monotonic=lambda: next(now))
    monkeypatch.setattr(user_cost, "time", clock)
    monkeypatch.setattr(probe_cost, "time", clock)
    for module in (user_cost, probe_cost):
        monkeypatch.setattr(module, "idle", lambda *_: list(COSTS))
    return done


def a_cluster() -> Cluster:
    fleet = SimpleNamespace(machines=lambda *_: [SimpleNamespace(name="client")])
    return cast("Cluster", SimpleNamespace(fleet=fleet, shape=Shape()))


def test_probes_share_the_samples(program: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [ProbeSample("tcp", at, at, at + 0.01, Outcome.OK) for at in (50.0, 101.0, 105.0, 120.0)]
    monkeypatch.setattr(probe_cost, "read", lambda _: build_journal(samples))
    with probe_cost.ProbeCost().stage(a_cluster(), Options(1, 4, 0), lambda _: None) as take:
        values = take("50 samples/s")
    assert program == ["bench-scale-50-samples {'tcp': 0.04, 'https': 0.04}", "ended"]
    assert (values["rate"], values["cores"], values["memory"]) == (0.2, 0.4, 90.0)


def test_users_are_counted_when_all_are_logged_in(program: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [request(1, str(number), "log in") for number in range(10)] + [request(102 + n, "0") for n in range(5)]
    monkeypatch.setattr(user_cost, "read_requests", lambda _: seen)
    with UserCost().stage(a_cluster(), Options(1, 4, 0), lambda _: None) as take:
        values = take("10 users")
    assert program == ["bench-scale-10-users", "ended"]
    assert values["rate"] == 0.5


def test_a_load_is_ended_when_no_user_is_served(program: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [request(1, str(number), "log in") for number in range(10)]
    monkeypatch.setattr(user_cost, "read_requests", lambda _: seen)
    with (
        UserCost().stage(a_cluster(), Options(1, 4, 0), lambda _: None) as take,
        pytest.raises(TestbedError, match="hardly"),
    ):
        take("10 users")
    assert program[-1] == "ended"


# --- nodes -----------------------------------------------------------------------------------------------------


def test_requests_to_the_engine_are_counted() -> None:
    class Engine(requests.adapters.BaseAdapter):
        def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
            response = requests.Response()
            response.status_code, response.request, response.url = 200, request, str(request.url)
            response.raw = SimpleNamespace(read=lambda *_: b"", close=lambda: None, release_conn=lambda: None)
            return response

        def close(self) -> None:
            """Nothing is open."""

    api = requests.Session()
    api.mount("http://", Engine())
    fleet = cast("Fleet", SimpleNamespace(engine_client=SimpleNamespace(api=api)))

    def work() -> None:
        for _ in range(3):
            api.get("http://engine/containers/json")

    assert count_requests(fleet, work) == 3
    assert count_requests(fleet, lambda: None) == 0
    assert api.hooks["response"] == []


def test_time_beside_the_steps() -> None:
    def mark(name: str, number: int, at: float) -> Mark:
        return Mark(name, attrs={"number": str(number)}, at=at)

    marks = [mark("step", 1, 10), mark("step-done", 1, 12), mark("step", 2, 12), mark("step-failed", 2, 15)]
    assert step_seconds(build_journal([*marks, mark("step", 3, 15)])) == 5.0


def test_the_median_of_some_work() -> None:
    ran: list[int] = []
    assert median_seconds(lambda: ran.append(1), 5) >= 0
    assert len(ran) == 5


def test_a_run_costs_what_its_steps_do_not(
    monkeypatch: pytest.MonkeyPatch, recording: list[Mapping[str, Any]], tmp_path: Path
) -> None:
    write_repeated(tmp_path / JOURNAL, recording, 1)
    clock = iter([0.0, 100.0])
    monkeypatch.setattr(node_cost, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(node_cost, "play_repeats", lambda *_, **__: iter([SimpleNamespace(folder=tmp_path)]))
    found = run_cost(a_cluster())
    assert found["overhead"] == pytest.approx(100 - step_seconds(read(tmp_path / JOURNAL)))
    assert found["overhead"] < 90
    assert found["run-memory"] > 1
    assert found["run-cpu"] >= 0


def test_the_incident_breaks_nothing() -> None:
    assert [step.action for step in INCIDENT.steps] == ["drain", None, None]
    assert {step.undrain for step in INCIDENT.steps} >= {INCIDENT.steps[0].drain}


def test_the_cluster_has_its_shape_back_whatever_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shapes: list[Shape] = []
    before = Shape(("hardened",), scale=(("app", 3),))

    def reshape(cluster: Cluster, shape: Shape) -> Cluster:
        del cluster
        shapes.append(shape)
        return cast("Cluster", SimpleNamespace(shape=shape))

    def fail(*_: object) -> None:
        raise TestbedError("it broke")

    for module in ("testbed.bench.scale.node_cost", "testbed.bench.paper.workload"):
        monkeypatch.setattr(f"{module}.reshape", reshape)
    monkeypatch.setattr(lifecycle, "wait_healthy", fail)
    session = BenchSession.create(tmp_path / "scale-1", opening("nodes"))
    cluster = cast("Cluster", SimpleNamespace(shape=before))
    assert not measure(cluster, session, node_cost.NodeCost(), Options(1, 4, 0), lambda _: None)
    assert [dict(shape.scale)["app"] for shape in shapes] == [2, 4, 3]
    assert shapes[-1] == before
    assert [each.failure for each in session.failures()] == ["it broke", "it broke"]


# --- results, page and command -----------------------------------------------------------------------------------


class ForgedCost(ScaleSubject):
    key = "forged"
    title = "Forged"
    method = "None."
    sizes = (1, 2, 4)
    size_title = "nodes"
    size_unit = "node"
    variants = variant_names(sizes, size_title)
    context = (BUSY.key,)
    measures = (Measure("time", "time", "s"), BUSY)
    rounds = 2
    needs_cluster = False
    broken: tuple[type[Exception], ...] = ()

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: object) -> Iterator[Take]:
        del cluster, options, print_line

        def take(variant: str) -> dict[str, float]:
            if self.broken and size_of(variant) == 2:
                raise self.broken[0]("no reply\nat all")
            return {"time": 1.0 + size_of(variant), "busy": 20.0 * size_of(variant) + 10}

        yield take


def opening(*subjects: str) -> BenchOpening:
    return BenchOpening(started=1_764_500_000, rounds=0, seconds=4, claims=subjects, machine={"processor": "2 Forged"})


def forged_samples() -> list[Sample]:
    return [
        Sample(claim="forged", variant=variant, round=number, started=0, took=1, load=0,
               values={"time": 1.0 + size_of(variant) + 0.02 * number, "busy": 20.0 * size_of(variant) + 10})
        for number in (1, 2)
        for variant in ForgedCost.variants
    ]  # fmt: skip


def test_results_have_a_row_for_each_size_and_a_slope_for_each_cost() -> None:
    stranger = Sample(claim="other", variant="9 nodes", round=1, started=0, took=1, load=0, values={"time": 99})
    found = scale_result(ForgedCost(), [*forged_samples(), stranger])
    assert list(found.rows) == [1, 2, 4]
    assert found.rows[4][BUSY].n == 2
    assert [each.key for each in found.growths] == ["time"]
    [growth] = found.growths.values()
    assert growth.n == 6
    assert growth.slope is not None
    assert growth.slope.value == pytest.approx(1.0)
    assert found.saturated == (4,)


def test_a_size_that_was_measured_is_the_one_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = ForgedCost()
    monkeypatch.setattr(ForgedCost, "measured_size", "busy")
    [growth] = scale_result(subject, forged_samples()).growths.values()
    assert growth.slope is not None
    assert growth.slope.value == pytest.approx(1 / 20)


def test_the_page_has_slopes_sizes_saturation_and_failures() -> None:
    failure = Failure(claim="forged", variant="2 nodes", round=1, failure="it\nfell")
    text = bench.scale_markdown(opening("forged"), [scale_result(ForgedCost(), forged_samples())], [failure])
    lines = text.splitlines()
    row = next(line for line in lines if line.startswith("| time |"))
    assert re.match(r"\| time \| 1\.000? s per node \| 0\.98\d to 1\.01 \| 1\.03 s \|", row)
    assert row.endswith("| 6 | linear or less |")
    assert "| 4 | 5.03 (5.02 to 5.04) | 90.0 | 2 |" in lines
    assert any("more than 85 % of the processors busy at 4 nodes" in line for line in lines)
    assert "- forged, round 1, 2 nodes: it fell" in lines
    tables = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in tables} == {9, 5}


@pytest.mark.parametrize("subject", bench.SUBJECTS.values(), ids=bench.SUBJECTS)
def test_the_parts_of_each_subject_fit_together(subject: ScaleSubject) -> None:
    keys = {each.key for each in subject.measures}
    assert len(keys) == len(subject.measures)
    assert set(subject.context) | ({subject.measured_size} - {""}) <= keys
    assert [size_of(variant) for variant in subject.variants] == list(subject.sizes)
    assert len(subject.costs) > 0
    assert len(subject.sizes) * subject.rounds >= 4  # two degrees of freedom for each interval


@pytest.mark.parametrize("error", [TestbedError, OSError, requests.ConnectionError])
def test_a_turn_that_fails_costs_the_session_this_turn_alone(tmp_path: Path, error: type[Exception]) -> None:
    subject = ForgedCost()
    subject.broken = (error,)
    session = BenchSession.create(tmp_path / "scale-1", opening("forged"))
    assert not measure(cast("Cluster", None), session, subject, Options(0, 4, 0), lambda _: None)
    assert [size_of(each.variant) for each in session.samples()] == [1, 4, 4, 1]
    assert len(session.failures()) == 2


@pytest.fixture
def forged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ForgedCost:
    subject = ForgedCost()
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path))
    monkeypatch.setattr(bench, "SUBJECTS", {"forged": subject})
    return subject


def test_the_command_measures_prints_and_keeps_the_figures(forged: ForgedCost, tmp_path: Path) -> None:
    del forged
    done = CliRunner().invoke(app, ["bench", "scale", "--json"])
    assert done.exit_code == 0, done.output
    [slope] = json.loads(done.stdout)["slopes"]
    assert (slope["size"], slope["cost"], slope["n"], slope["kind"]) == ("forged", "time", 6, "linear or less")
    [page] = tmp_path.glob("bench/scale-*/results.md")
    assert "## Forged" in page.read_text()
    page.unlink()
    again = CliRunner().invoke(app, ["bench", "scale", "--report"])
    assert again.exit_code == 0
    assert "linear or less" in again.stdout
    assert page.is_file()


def test_the_command_goes_on_after_a_failed_turn(forged: ForgedCost, tmp_path: Path) -> None:
    forged.broken = (OSError,)
    done = CliRunner().invoke(app, ["bench", "scale"])
    assert isinstance(done.exception, TestbedError)
    assert "some turns could not be measured" in str(done.exception)
    [page] = tmp_path.glob("bench/scale-*/results.md")
    assert "## Turns that failed" in page.read_text()
    forged.broken = ()
    assert CliRunner().invoke(app, ["bench", "scale", "--resume"]).exit_code == 0
    assert "| 2 | 3.00" in page.read_text()


def test_the_command_refuses_what_does_not_exist(forged: ForgedCost) -> None:
    del forged
    refused = CliRunner().invoke(app, ["bench", "scale", "--only", "moons"])
    assert isinstance(refused.exception, UsageError)
    assert "no size 'moons'; there are forged" in str(refused.exception)
    none = CliRunner().invoke(app, ["bench", "scale", "--resume"])
    assert isinstance(none.exception, UsageError)
    assert "run `testbed bench scale`" in str(none.exception)


def test_a_cluster_is_held_only_if_it_is_needed(
    forged: ForgedCost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del forged
    held: list[str] = []

    @contextmanager
    def hold(*_: object) -> Iterator[None]:
        held.append("held")
        yield

    monkeypatch.setattr(command, "hold", hold)
    monkeypatch.setattr(lifecycle, "wait_healthy", lambda *_: held.append("healthy"))
    monkeypatch.setattr(bench, "describe", lambda _: {"processor": "of the cluster"})
    assert CliRunner().invoke(app, ["bench", "scale"]).exit_code == 0
    assert held == []
    monkeypatch.setattr(ForgedCost, "needs_cluster", True)
    rmtree(tmp_path / "bench")  # a session is named by the second of its begin
    done = CliRunner().invoke(app, ["bench", "scale", "--json"])
    assert held == ["held", "healthy"]
    assert json.loads(done.stdout)["machine"] == {"processor": "of the cluster"}
