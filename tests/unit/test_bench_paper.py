"""The paper's figures: order of turns, estimates, verdicts, what is kept, and the page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from types import SimpleNamespace
from typing import cast

import paper_forge
import pytest
from typer.testing import CliRunner, Result

import testbed.cli.bench_paper as command
from testbed.bench import Work, paper
from testbed.bench.paper.chart import chart, figure
from testbed.bench.paper.container_database import RECIPE, _password
from testbed.bench.paper.failovers import KINDS, disconnection
from testbed.bench.paper.page import render
from testbed.bench.paper.paper_model import Expectation, PaperClaim
from testbed.bench.paper.results import Judgement, judge, result
from testbed.bench.paper.tables import markdown
from testbed.bench.paper.tls import _CLIENT
from testbed.bench.paper.workload import values_of
from testbed.bench.session.computer import memory, processor
from testbed.bench.session.estimate import Estimate, coverage, ratios
from testbed.bench.session.samples import SAMPLES, BenchSession, Sample
from testbed.bench.session.subject import Measure, Options, Take
from testbed.bench.session.turns import measure, pending, turns
from testbed.cli.main import app
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.shape import Shape
from testbed.cluster.up_options import UpOptions
from testbed.designs.drbd.paper import disks
from testbed.designs.drbd.paper.guest import BenchGuest, disk_rates, rates
from testbed.errors import TestbedError, UsageError
from testbed.incidents.loader import load
from testbed.machines import ExecResult, Machine
from testbed.settings import load as load_settings

ROOT = Path(__file__).parents[2]
OPTIONS = Options(rounds=2, seconds=1, users=2)


class Forged(PaperClaim):
    key = "forged"
    title = "A forged claim"
    method = "None."
    variants = ("one", "two")
    base_title = "the one"
    bases = {"two": "one"}  # noqa: RUF012 - as the shipped claims have it
    measures = (Measure("speed", "speed", "m/s"),)
    expectations = (Expectation("two is half as fast", "speed", "two", "one", at_least=0.5),)

    def __init__(self, *broken: str) -> None:
        self.broken = broken
        self.unprepared = False
        self.events: list[str] = []

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: object) -> Iterator[Take]:
        del cluster, print_line
        if self.unprepared:
            raise TestbedError("no disk")

        def take(variant: str) -> Mapping[str, float]:
            self.events.append(variant)
            if variant in self.broken:
                raise TestbedError("it broke", where=variant)
            return {"speed": options.seconds * (2 if variant == "one" else 1)}

        try:
            yield take
        finally:
            self.events.append("undone")


@pytest.fixture
def session(tmp_path: Path) -> BenchSession:
    return BenchSession.create(tmp_path / "paper-1", paper_forge.opening("forged", rounds=2))


def run(session: BenchSession, claim: PaperClaim) -> bool:
    return measure(cast("Cluster", None), session, claim, OPTIONS, lambda _: None)


# --- turns -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 4, 5, 8])
def test_each_variant_has_one_turn_in_each_round(count: int) -> None:
    names = [f"v{number}" for number in range(count)]
    taken = list(turns(names, 6))
    assert Counter(taken) == Counter((number, name) for number in range(1, 7) for name in names)


def test_two_variants_alternate_as_abba() -> None:
    assert "".join(name for _, name in turns(("A", "B"), 4)) == "ABBABAAB"


def test_no_variant_is_always_first() -> None:
    first = [next(name for number, name in turns("abcde", 10) if number == each) for each in range(1, 11)]
    assert len(set(first)) >= 4


def test_a_session_takes_every_turn_and_undoes_its_preparation(session: BenchSession) -> None:
    claim = Forged()
    assert run(session, claim)
    assert claim.events == ["one", "two", "two", "one", "undone"]
    assert [each.values for each in session.samples()] == [{"speed": 2}, {"speed": 1}, {"speed": 1}, {"speed": 2}]
    assert run(session, claim)  # nothing is left, so nothing is prepared either
    assert len(claim.events) == 5


def test_a_session_goes_on_where_it_was_interrupted(session: BenchSession) -> None:
    assert not run(session, Forged("two"))
    assert [each.variant for each in session.failures()] == ["two", "two"]
    claim = Forged()
    assert run(session, claim)
    assert Counter((each.round, each.variant) for each in session.samples()) == Counter(turns(Forged.variants, 2))


def test_a_claim_whose_turns_keep_failing_is_given_up(session: BenchSession) -> None:
    claim = Forged("one", "two")
    assert not run(session, claim)
    assert claim.events == ["one", "two", "undone"]


def test_a_preparation_that_fails_is_kept_as_the_reason(session: BenchSession) -> None:
    claim = Forged()
    claim.unprepared = True
    assert not run(session, claim)
    assert [each.failure for each in session.failures()] == ["no disk"]


def test_a_last_line_that_was_cut_off_costs_one_turn(session: BenchSession) -> None:
    run(session, Forged())
    path = session.folder / SAMPLES
    path.write_text(path.read_text()[:-30])
    assert len(pending(Forged(), 2, session.samples())) == 1


# --- estimates and verdicts --------------------------------------------------------------------------------


def test_the_interval_is_the_narrowest_that_has_95_percent() -> None:
    assert Estimate.of([3, 1, 2, 6, 5, 4]) == Estimate(6, 3.5, 1, 6, 1 - 2 / 64)
    ten = Estimate.of(range(1, 11))
    assert (ten.low, ten.high) == (2, 9)
    assert ten.confidence == pytest.approx(0.9785, abs=1e-4)


@pytest.mark.parametrize(("n", "confidence"), [(1, 0.0), (2, 0.5), (3, 0.75), (5, 0.9375)])
def test_few_measurements_have_their_range_with_its_confidence(n: int, confidence: float) -> None:
    found = Estimate.of(range(n))
    assert (found.low, found.high, found.confidence) == (0, n - 1, confidence)


def test_the_interval_contains_the_median_as_often_as_its_confidence() -> None:
    random = Random(2006)  # noqa: S311
    intervals = [Estimate.of([random.expovariate(1) for _ in range(9)]) for _ in range(2000)]
    hits = sum(each.low <= 0.6931 <= each.high for each in intervals)
    assert hits / 2000 == pytest.approx(coverage(9, 2), abs=0.02)


def test_a_ratio_is_of_one_round() -> None:
    assert ratios([10, 30], [20, 40]) == [0.5, 0.75]


@pytest.mark.parametrize(
    ("expected", "low", "high", "judgement"),
    [
        (Expectation("", "", "", at_least=0.9), 0.85, 0.95, Judgement.REPRODUCED),
        (Expectation("", "", "", at_least=0.9), 0.92, 0.95, Judgement.EXCEEDED),
        (Expectation("", "", "", at_least=0.9), 0.5, 0.89, Judgement.NOT_REPRODUCED),
        (Expectation("", "", "", at_most=5), 4, 6, Judgement.REPRODUCED),
        (Expectation("", "", "", at_most=5), 2, 3, Judgement.EXCEEDED),
        (Expectation("", "", "", at_most=5), 5.1, 6, Judgement.NOT_REPRODUCED),
        (Expectation("", "", "", at_least=1, strict=True), 1.1, 1.2, Judgement.REPRODUCED),
        (Expectation("", "", "", at_least=1, strict=True), 0.9, 1.2, Judgement.NOT_SHOWN),
        (Expectation("", "", "", at_least=1, strict=True), 0.8, 0.9, Judgement.NOT_REPRODUCED),
    ],
)
def test_a_claim_is_judged_by_its_interval(
    expected: Expectation, low: float, high: float, judgement: Judgement
) -> None:
    assert judge(expected, Estimate(6, (low + high) / 2, low, high, 0.97)) is judgement


def test_what_was_not_measured_is_not_judged() -> None:
    assert judge(Expectation("", "", ""), None) is Judgement.NOT_MEASURED


def test_a_claim_needs_six_rounds() -> None:
    expected = Expectation("", "", "", at_least=0.9)
    assert judge(expected, Estimate.of([0.95] * 5)) is Judgement.TOO_FEW
    assert judge(expected, Estimate.of([0.95] * 6)) is Judgement.EXCEEDED


def test_ratios_pair_the_rounds_that_both_have() -> None:
    kept = [
        Sample(claim="forged", variant=name, round=number, started=0, took=1, load=0, values={"speed": speed})
        for number, name, speed in ((1, "one", 2.0), (1, "two", 1.0), (2, "two", 9.0), (3, "one", 4.0), (3, "two", 1.0))
    ]
    found = result(Forged(), kept)
    [rows] = found.rows.values()
    assert rows[1].ratio == Estimate.of([0.5, 0.25])
    assert found.found[0].estimate == rows[1].ratio
    assert found.n == 3


@pytest.mark.parametrize("claim", paper.CLAIMS.values(), ids=paper.CLAIMS)
def test_the_parts_of_each_claim_fit_together(claim: PaperClaim) -> None:
    keys = {each.key for each in claim.measures}
    assert len(keys) == len(claim.measures)
    assert len(set(claim.variants)) == len(claim.variants)
    assert {*claim.bases, *claim.bases.values()} <= set(claim.variants)
    assert bool(claim.bases) == bool(claim.base_title)
    for each in claim.expectations:
        assert each.measure in keys
        assert {each.variant} | ({each.base} - {""}) <= set(claim.variants)
        assert (each.at_least is None) != (each.at_most is None)
        assert each.reason


# --- the guest ----------------------------------------------------------------------------------------------


def guest(*answers: ExecResult) -> tuple[BenchGuest, list[list[str]]]:
    asked: list[list[str]] = []
    left = list(answers)

    def execute(arguments: list[str], timeout: float) -> ExecResult:
        asked.append([*arguments[3:], f"{timeout:g}"])
        return left.pop(0)

    return BenchGuest(cast("Machine", SimpleNamespace(name="db2", exec=execute))), asked


def test_the_guest_is_asked_with_whole_seconds() -> None:
    machine, asked = guest(ExecResult(0, "select-1 250.5\nwrite-1 24.25\n", ""))
    assert machine.pgbench(3.0, (1,)) == {"select-1": 250.5, "write-1": 24.25}
    assert asked == [["bench", "pgbench", "3", "1", "66"]]


def test_the_error_of_a_guest_is_the_message() -> None:
    machine, _ = guest(ExecResult(1, "", "no disk has the serial number bench-xfs\n"))
    with pytest.raises(TestbedError, match=r"db2: bench begin xfs raw: no disk has the serial number bench-xfs"):
        machine.begin("xfs", "raw")


def test_a_rate_that_is_missing_is_an_error() -> None:
    with pytest.raises(TestbedError, match="no rate for write-4"):
        rates("select-4 100.0\nwrite-4 \n", "db2")


def fio(**errors: int) -> str:
    jobs = [
        {"jobname": name, "error": errors.get(name, 0), "read": {"bw": 2048, "iops": 32.5},
         "write": {"bw": 1024, "iops": 8}}
        for name in ("read", "write", "random-read", "commit")
    ]  # fmt: skip
    return f"fio: a note\n{json.dumps({'jobs': jobs})}"


def test_fio_is_read() -> None:
    assert disk_rates(fio(), "db2") == {
        "disk-read": 2.0, "disk-write": 1.0, "disk-random-read": 32.5, "disk-commit": 8.0,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "fio: no such file", '{"jobs": []}', fio(commit=5)])
def test_fio_that_failed_is_an_error(text: str) -> None:
    with pytest.raises(TestbedError, match="fio"):
        disk_rates(text, "db2")


def test_shellcheck_finds_nothing_in_the_nodes_programs() -> None:
    program = Path(sys.executable).with_name("shellcheck")
    paths = sorted((ROOT / "src" / "testbed" / "bench" / "paper").glob("*.sh"))
    done = subprocess.run([program, *paths], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_a_measured_resource_is_set_like_the_clusters() -> None:
    def options(text: str) -> str:
        [net] = re.findall(r"net \{(.*?)(?:after-sb|\})", text, re.DOTALL)
        return " ".join(net.split())

    own = (ROOT / "src" / "testbed" / "designs" / "drbd" / "paper" / "guest.sh").read_text()
    cluster = (ROOT / "images" / "guest" / "files" / "usr" / "lib" / "testbed" / "drbd-configuration").read_text()
    assert options(own) == options(cluster)


# --- the disks, and other preparations ------------------------------------------------------------------------


class Guest:
    """A database node that keeps what it is asked."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self._log = log

    def exec_in_container(self, arguments: list[str]) -> ExecResult:
        self._log.append(f"{self.name} {arguments[0]}")
        return ExecResult(0, "", "")

    def exec(self, arguments: list[str], timeout: float) -> ExecResult:
        del timeout
        self._log.append(f"{self.name} {' '.join(arguments[4:])}")
        return ExecResult(0, "select-1 1\n", "")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to a cluster whose db1 serves, in order."""
    done: list[str] = []
    guests = [Guest("db1", done), Guest("db2", done)]

    def reshape(cluster: Cluster, shape: Shape) -> Cluster:
        done.append(f"shape {shape.overlays}")
        return cluster

    monkeypatch.setattr(disks, "build_images", lambda *_, **__: None)
    monkeypatch.setattr(disks, "Cluster", lambda settings, shape: SimpleNamespace(settings=settings, shape=shape))
    monkeypatch.setattr(disks, "reshape", reshape)
    monkeypatch.setattr(disks, "_machines", lambda _: guests)
    monkeypatch.setattr(disks, "_standby_first", lambda _: guests[::-1])
    monkeypatch.setattr(disks, "_put", lambda _, machine: done.append(f"{machine.name} put"))
    monkeypatch.setattr(lifecycle, "wait_healthy", lambda *_: done.append("healthy"))
    return done


def fake_cluster(*overlays: str) -> Cluster:
    return cast("Cluster", SimpleNamespace(settings=None, topology=None, shape=Shape(overlays)))


UNDONE = ["db2 clean", "db1 clean", "shape ('hardened',)", "healthy", "db1 rm", "db2 rm"]


def test_disks_are_there_for_the_measurement_alone(log: list[str]) -> None:
    with disks.bench_disks(fake_cluster("hardened"), lambda _: None) as pair:
        assert log == ["healthy", "db1 put", "db2 put", "shape ('hardened', 'bench')", "healthy"]
        log.clear()
        assert pair.turn("xfs", disks.CONNECTED, "B", lambda guest: guest.pgbench(1, (1,))) == {"select-1": 1.0}
        assert log == [
            "db2 detach", "db1 detach", "db1 attach xfs B", "db2 attach xfs B", "db2 begin xfs connected",
            "db2 pgbench 1 1", "db2 finish connected",
        ]  # fmt: skip
        log.clear()
    assert log == UNDONE


def test_disks_go_also_when_the_measurement_fails(log: list[str]) -> None:
    stage = disks.bench_disks(fake_cluster("hardened", "bench"), lambda _: None)
    stage.__enter__()
    log.clear()
    assert not stage.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert log == UNDONE


def test_the_raw_disk_is_measured_without_drbd(log: list[str]) -> None:
    with disks.bench_disks(fake_cluster(), lambda _: None) as pair:
        log.clear()
        pair.turn("ext3", disks.RAW, "C", lambda _: {})
        assert log == ["db2 detach", "db1 detach", "db2 begin ext3 raw", "db2 finish raw"]


def test_up_takes_away_the_disks_of_an_interrupted_measurement() -> None:
    left = Shape(("hardened", "bench"))
    assert left.lasting() == Shape(("hardened",))
    settings = load_settings({}, ROOT)
    wanted = UpOptions()
    shape = wanted.shape(settings, left)
    assert shape.overlays == ("hardened",)
    wanted.must_fit(settings, left, shape)


@pytest.mark.parametrize("kind", KINDS)
def test_a_disconnection_is_an_incident_with_another_fault(kind: str) -> None:
    name, fault, _ = KINDS[kind]
    found = disconnection(load(ROOT / "incidents" / f"{name}.yaml"), fault, 3)
    assert [step.inject for step in found.steps if step.inject] == [fault]
    assert found.load.users == 3


def test_the_recipe_of_a_container_database_is_the_database_nodes() -> None:
    dockerfile = (ROOT / "images" / "db" / "Dockerfile").read_text()
    assert f"COPY {' '.join(RECIPE)} /tmp/" in dockerfile


def test_the_webmails_password_is_read_from_the_secrets(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    path.write_text("CARP_PASSWORD=one\nHORDE_DB_PASSWORD=two\n")
    assert _password(path) == "two"


@pytest.mark.parametrize(("database", "cost"), [("db", 250.0), ("dbc", 100.0)])
def test_the_database_that_serves_is_the_one_that_is_counted(database: str, cost: float) -> None:
    cores = {"app-1": 0.4, "app-2": 0.2, "db1": 0.1, "db2": 0.2, "dbc": 0.2, "lb1": 0.1}
    values = values_of(Work("cluster", Path("run"), 50.0, (0.1,) * 100, cores, 12.5, (2048,), None), database)
    assert values["db"] == pytest.approx(cost)
    assert values["app"] == pytest.approx(300.0)
    assert (values["latency"], values["rate"], values["session"]) == (100.0, 2.0, 2.0)


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/there" else 404)
        self.end_headers()
        self.wfile.write(self.headers["Host"].encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("path", "lines"), [("/there", r"^\d+\.\d+\n$"), ("/gone", r"^$")])
def test_the_client_counts_good_answers_and_ends_at_a_bad_one(path: str, lines: str) -> None:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        arguments = ["http", "127.0.0.1", str(server.server_port), "site.test", path, "0.3"]
        done = subprocess.run([sys.executable, "-c", _CLIENT, *arguments], capture_output=True, text=True, check=False)
        server.shutdown()
    assert re.match(lines, done.stdout)
    assert (done.returncode == 0) == (path == "/there"), done.stderr


def test_a_processor_is_named() -> None:
    assert processor("processor\t: 0\nmodel name\t: Some  CPU @ 2 GHz\n") == "Some CPU @ 2 GHz"
    assert processor("processor : 0\n") == "processor of unknown model"
    assert memory("MemFree: 1 kB\nMemTotal:   24117248 kB\n") == "23.0 GiB"


# --- page, tables and command -----------------------------------------------------------------------------------


def results(kept: BenchSession) -> list[paper.Result]:
    return [result(paper.CLAIMS[key], kept.samples()) for key in kept.opening.claims]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.0412, "0.0412"), (3.14159, "3.14"), (250.9, "251"), (4321, "4321")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_chart_holds_everything_it_draws(tmp_path: Path) -> None:
    for each in results(paper_forge.session(tmp_path, *paper.CLAIMS)):
        for quantity, rows in each.rows.items():
            drawn = chart(quantity, rows, each.found)
            places = [place for lane in drawn.lanes for place in (*lane.dots, lane.low, lane.median, lane.high)]
            places += [place for place, _ in (*drawn.ticks, *drawn.paper)]
            assert all(0 <= place <= 100 for place in places)
            assert 3 <= len(drawn.ticks) <= 8


def test_the_page_is_complete_and_escapes_its_texts(tmp_path: Path) -> None:
    kept = paper_forge.session(tmp_path, *paper.CLAIMS)
    page = render(kept.folder.name, kept.opening, results(kept), kept.failures())
    assert page.count("<section") == len(paper.CLAIMS) + 2
    assert "it &lt;fell&gt;" in page
    assert "TCG &lt;emulated&gt;" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"http", page)
    assert "not reproduced" in page


def test_the_tables_have_every_figure(tmp_path: Path) -> None:
    kept = paper_forge.session(tmp_path, "transactions", "failovers", rounds=3)
    text = markdown(kept.opening, results(kept))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows if "outage" not in line}) == 3
    assert "| writes reach about 25 % of the raw disk's speed: transactions | 30" in text
    assert "(75 %)" in text  # what three rounds are sure of
    assert "2 Forged CPUs" in text


@dataclass
class Bench:
    """A bench without a cluster: its one claim, and the folder of its sessions."""

    claim: Forged
    folder: Path

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["bench", "paper", *arguments])

    @property
    def sessions(self) -> list[BenchSession]:
        return [BenchSession(path) for path in self.folder.iterdir()]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(Forged(), tmp_path / "state" / "bench")
    fake = SimpleNamespace(settings=SimpleNamespace(state_dir=tmp_path / "state"))
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(command, "Cluster", lambda *_: fake)
    monkeypatch.setattr(lifecycle, "wait_healthy", lambda *_: None)
    monkeypatch.setattr(paper, "CLAIMS", {"forged": made.claim})
    monkeypatch.setattr(paper, "describe", lambda _: paper_forge.MACHINE)
    return made


def test_the_command_measures_and_writes_page_and_tables(bench: Bench) -> None:
    done = bench.run("--repeat", "2", "--for", "2s")
    assert done.exit_code == 0, done.output
    [kept] = bench.sessions
    assert {path.name for path in kept.folder.iterdir()} == {SAMPLES, paper.PAGE, paper.TABLES}
    again = bench.run("--report", "--json")
    assert json.loads(again.stdout)["figures"][0]["judgement"].startswith("too few rounds")


def test_the_command_goes_on_with_a_session(bench: Bench) -> None:
    bench.claim.broken = ("two",)
    assert isinstance(bench.run("--repeat", "3").exception, TestbedError)
    bench.claim.broken = ()
    assert bench.run("--resume").exit_code == 0
    [kept] = bench.sessions
    assert len(kept.samples()) == 6


def test_a_claim_that_does_not_exist_is_named(bench: Bench) -> None:
    error = bench.run("--only", "nonsense").exception
    assert str(error) == "--only: no claim 'nonsense'; there are forged"
    assert not bench.folder.exists()


def test_there_is_nothing_to_resume(bench: Bench) -> None:
    assert isinstance(bench.run("--resume").exception, UsageError)
