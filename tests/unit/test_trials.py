"""A series of trials: what is played, kept and resumed, what its series_figures, page, JSON and JUnit say."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

import testbed.trials.trial_player as playing
from testbed import report
from testbed.cli.series_progress import SeriesProgress, format_seconds, format_standing
from testbed.cluster import Cluster
from testbed.errors import TestbedError, UsageError
from testbed.incidents.incident_model import Incident
from testbed.progress import Progress
from testbed.report.distribution import median_interval, share_interval
from testbed.report.summary import CheckResult, OutageResult, RunVerdict, Summary, WriteResult
from testbed.trials import outage_plot, series_figures, series_files, series_page
from testbed.trials.series_junit import junit
from testbed.trials.series_loop import MOST_ERRORS, RESERVE_BYTES, play_series
from testbed.trials.trial_player import TrialPlayer
from testbed.trials.trial_store import TRIALS, SeriesSettings, Trial, TrialStore, TrialVerdict, find_series

PLATFORM = {"profile": "reference", "balancer": "debian"}
INCIDENT = Incident.model_validate({
    "name": "database-gone",
    "title": "The <primary> database loses power",
    "why": "The standby must take over.",
    "steps": [{"inject": "power-loss", "target": "db:primary"}, {"wait_for": "service"}],
    "expect": {"max_outage": {"sql-write": "5s", "tcp": "0s"}},
})  # fmt: skip
PLENTY = 10 * RESERVE_BYTES


def seen(*seconds: float | None) -> OutageResult:
    longest = None if None in seconds else max((each or 0.0 for each in seconds), default=0.0)
    return OutageResult(
        count=len(seconds), each=list(seconds), longest=longest, total=0.0, resolution=0.02, good=9, failed=1, unknown=0
    )


def summary(run: str, verdict: RunVerdict = "pass", outages: Mapping[str, OutageResult] | None = None) -> Summary:
    status: Literal["pass", "fail", "unknown"] = "pass" if verdict == "error" else verdict
    return Summary(
        run=run, name=INCIDENT.name, verdict=verdict, started=1.0, duration=30.0,
        checks=[CheckResult(name="outage", status=status, summary="sql-write: <6 s>")],
        outages=dict(outages if outages is not None else {"tcp": seen(), "sql-write": seen(2.0 + len(run) / 100)}),
        writes=WriteResult(acknowledged=100, missing=int(verdict == "fail")),
    )  # fmt: skip


def trial(number: int, verdict: TrialVerdict = "pass", **more: object) -> Trial:
    run = f"run-{number}"
    fields: dict[str, object] = {
        "number": number, "verdict": verdict, "run": run, "kept": True, "seconds": 40.0, "size": 4_000_000,
        "summary": None if verdict == "error" else summary(run, verdict),
        "error": "the engine is gone" if verdict == "error" else "",
    }  # fmt: skip
    return Trial.model_validate({**fields, **more})


class Bed:
    """A cluster on which trials have the given verdicts, by number; the rest pass."""

    def __init__(self, verdicts: Mapping[int, TrialVerdict] | None = None, stop_at: int = 0) -> None:
        self.verdicts = dict(verdicts or {})
        self.stop_at = stop_at
        self.played: list[int] = []
        self.repairs = 0
        self.ended: list[Trial] = []

    def __call__(self, number: int) -> Trial:
        if number == self.stop_at:
            raise KeyboardInterrupt
        self.played.append(number)
        return trial(number, self.verdicts.get(number, "pass"))

    def repair(self) -> str:
        self.repairs += 1
        return "testbed heal"

    def begins(self, number: int) -> None: ...

    def ends(self, trial: Trial) -> None:
        self.ended.append(trial)


def begin(folder: Path, trials: int = 5, *, drop_passing: bool = False, fresh: bool = False) -> TrialStore:
    settings = SeriesSettings(
        incident=INCIDENT.model_dump(mode="json"), seed=7, platform=PLATFORM, trials=trials, started=1_764_000_000.0,
        drop_passing=drop_passing, fresh=fresh,
    )  # fmt: skip
    return TrialStore.create(folder, settings)


def play(store: TrialStore, bed: Bed, free: int = PLENTY) -> None:
    play_series(store, bed, bed, lambda: free)


def test_a_series_goes_on_when_trials_fail(tmp_path: Path) -> None:
    store, bed = begin(tmp_path / "s"), Bed({1: "fail", 3: "unknown"})
    play(store, bed)
    assert bed.played == [1, 2, 3, 4, 5]
    assert [each.verdict for each in TrialStore(store.folder).trials] == ["fail", "pass", "unknown", "pass", "pass"]
    assert not bed.repairs
    assert series_figures.exit_status(store.trials) == 1


def test_a_trial_that_testbed_cannot_finish_is_kept_and_the_cluster_repaired(tmp_path: Path) -> None:
    store, bed = begin(tmp_path / "s"), Bed({2: "error", 4: "error"})
    play(store, bed)
    assert bed.played == [1, 2, 3, 4, 5]
    assert bed.repairs == 2
    assert [each.repair for each in store.trials] == ["", "testbed heal", "", "testbed heal", ""]
    assert series_figures.exit_status(store.trials) == 4


def test_a_series_stops_after_some_trials_in_a_row_that_testbed_cannot_finish(tmp_path: Path) -> None:
    store = begin(tmp_path / "nightly", 9)
    bed = Bed(dict.fromkeys(range(2, 10), "error"))
    with pytest.raises(TestbedError, match=r"3 trials in a row.*the engine is gone.*--resume nightly"):
        play(store, bed)
    assert bed.played == [1, 2, 3, 4]
    assert len(store.trials) == 1 + MOST_ERRORS


def test_a_resumed_series_plays_what_has_no_result(tmp_path: Path) -> None:
    store, bed = begin(tmp_path / "s"), Bed({2: "error"}, stop_at=4)
    with pytest.raises(KeyboardInterrupt):
        play(store, bed)
    again, later = TrialStore(store.folder), Bed()
    assert again.missing() == [2, 4, 5]
    play(again, later)
    assert later.played == [2, 4, 5]
    assert [each.number for each in again.trials] == [1, 2, 3, 4, 5]
    assert series_figures.exit_status(TrialStore(store.folder).trials) == 0
    again.aim(7)
    assert TrialStore(store.folder).missing() == [6, 7]


def test_what_cannot_begin_is_a_usage_error_only_before_the_first_trial(tmp_path: Path) -> None:
    class Held(Bed):
        def __call__(self, number: int) -> Trial:
            if number == self.stop_at:
                raise UsageError("the cluster is in use", fix="wait")
            return super().__call__(number)

    with pytest.raises(UsageError):
        play(begin(tmp_path / "a"), Held(stop_at=1))
    with pytest.raises(TestbedError, match="in use; wait; `testbed run --resume b`") as error:
        play(begin(tmp_path / "b"), Held(stop_at=2))
    assert error.value.exit_status == 4


def test_a_series_stops_before_the_disk_is_full(tmp_path: Path) -> None:
    store = begin(tmp_path / "s")
    store.add(trial(1, size=300_000_000))
    with pytest.raises(TestbedError, match=r"799 MB free, and a trial needs 800 MB.*runs rm --passed.*--resume s"):
        play(store, Bed(), free=799_000_000)
    play(store, Bed(), free=801_000_000)


def test_a_series_that_was_killed_keeps_what_had_ended(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from test_trials import Bed, begin, play
        class Slow(Bed):
            def __call__(self, number):
                if number == 3:
                    print("third", flush=True)
                    time.sleep(60)
                return super().__call__(number)
        play(begin(Path({str(tmp_path / "s")!r})), Slow())
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"third\n"
        os.kill(process.pid, signal.SIGKILL)
    assert TrialStore(tmp_path / "s").missing() == [3, 4, 5]
    with (tmp_path / "s" / TRIALS).open("ab") as file:
        file.write(b'{"number":3,"verd')  # a power loss cut the line off
    assert TrialStore(tmp_path / "s").missing() == [3, 4, 5]


def test_a_series_is_found_by_name_prefix_or_as_the_latest(tmp_path: Path) -> None:
    for place, name in enumerate(("20261130-1-a", "20261130-2-b")):
        folder = begin(tmp_path / name).folder
        os.utime(folder / "series.json", (place, place))
    assert find_series("20261130-1", tmp_path).name == "20261130-1-a"
    assert find_series("latest", tmp_path).name == "20261130-2-b"
    with pytest.raises(UsageError, match="2 series begin with"):
        find_series("2026", tmp_path)
    with pytest.raises(UsageError, match="no series 'x'"):
        find_series("x", tmp_path)
    with pytest.raises(UsageError, match="go on with --resume 20261130-1-a"):
        begin(tmp_path / "20261130-1-a")


@pytest.mark.parametrize(
    ("n", "interval"), [(5, None), (6, (1, 6)), (10, (2, 9)), (20, (6, 15)), (100, (40, 61)), (1000, (469, 532))]
)
def test_the_interval_of_a_median_is_that_of_order_statistics(n: int, interval: tuple[int, int] | None) -> None:
    assert median_interval(range(n, 0, -1)) == interval


def test_the_interval_of_a_share_is_wilsons() -> None:
    expected = {0: (0.0, 0.0370), 1: (0.0018, 0.0545), 100: (0.9630, 1.0)}
    for count, interval in expected.items():
        assert list(share_interval(count, 100)) == pytest.approx(list(interval), abs=1e-4)


@pytest.fixture
def played(tmp_path: Path) -> TrialStore:
    store = begin(tmp_path / "series" / "nightly", 30)
    for number in range(1, 23):
        outages = {"tcp": seen(), "sql-write": seen(2.0 + number / 100)}
        store.add(trial(number, summary=summary(f"run-{number}", "pass", outages)))
    store.add(trial(23, "fail", summary=summary("run-23", "fail", {"tcp": seen(), "sql-write": seen(0.4, 6.0)})))
    store.add(trial(24, "fail", summary=summary("run-24", "fail", {"tcp": seen(), "sql-write": seen(None)})))
    store.add(trial(25, "unknown"))
    store.add(trial(26, "error", repair="testbed up"))
    store.add(trial(27, kept=False))
    return store


def test_figures_are_those_of_the_trials_that_measured_something(played: TrialStore) -> None:
    found = series_figures.document(played)
    assert found["verdict"] == "error"
    assert found["verdicts"] == {"pass": 23, "fail": 2, "unknown": 1, "error": 1}
    [tcp, writes] = found["distributions"]
    assert (tcp["n"], tcp["median"], tcp["max"]) == (26, 0.0, 0.0)
    assert writes["max"] is None  # it has no end
    assert writes["median"] == pytest.approx(2.115, abs=0.02)
    assert writes["median_low"] < writes["median"] < writes["median_high"]
    assert found["failed_share"]["of"] == 25
    assert found["checks"]["outage"] == {"pass": 23, "fail": 2, "unknown": 1}
    assert (found["writes_missing"], found["writes_acknowledged"]) == (2, 2600)
    assert series_figures.seconds_left(played) == pytest.approx(40 * 4)  # three that were not played, and the error
    assert json.loads(json.dumps(found))["trials"][22]["outages"]["sql-write"] == [0.4, 6.0]


def test_every_outage_is_drawn_and_leads_to_its_report(played: TrialStore) -> None:
    [tcp, writes] = outage_plot.panels(played.trials, 30, {"sql-write": 5.0}, series_page.report_of)
    assert {dot.form for dot in tcp.dots} == {"none"}
    assert tcp.limit is None
    assert (tcp.is_quiet, writes.is_quiet) == (True, False)
    assert writes.limit
    assert writes.limit.label == "limit 5.00 s"
    assert [line.label for line in writes.guides] == ["0 s", "5.00 s", "10.00 s"]
    assert len(writes.dots) == 27  # trial 23 has two
    of_23 = [dot for dot in writes.dots if "trial 23," in dot.title]
    assert [dot.tone for dot in of_23] == ["fail", "fail"]
    assert of_23[0].top > of_23[1].top
    [endless] = [dot for dot in writes.dots if dot.form == "endless"]
    assert endless.href == "../../runs/run-24/report.html"
    assert endless.top < min(dot.top for dot in writes.dots if dot is not endless)
    assert not writes.dots[-1].href  # its folder was not kept
    assert writes.dots[0].left == pytest.approx(100 / 60, abs=0.01)


@pytest.mark.parametrize(("longest", "top"), [(0.0, 0.001), (0.9, 1.0), (1.0, 1.0), (2.3, 5.0), (61.0, 100.0)])
def test_the_scale_ends_at_a_round_number(longest: float, top: float) -> None:
    assert outage_plot.nice_top(longest) == pytest.approx(top)


def test_the_page_holds_all_and_escapes_what_it_is_given(played: TrialStore) -> None:
    path = series_files.write_series(played)
    html = path.read_text()
    assert "The &lt;primary&gt; database loses power" in html
    assert "<primary>" not in html
    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "27 of 30 trials: 1 could not be finished, 2 failed, 1 could not be judged, 23 passed" in text
    assert "8.0 % 2 of 25; 95 % interval 2.2 to 25.0 %" in text
    assert "the engine is gone" in text
    assert "repaired by testbed up" in text
    assert "testbed run --resume nightly" in text
    assert html.count('href="../../runs/run-23/report.html"') == 5  # verdict, tcp, two outages, table
    assert "http" not in re.sub(r"http-equiv", "", html)  # it loads nothing
    assert json.loads((path.parent / "summary.json").read_text())["series"] == "nightly"


def test_an_empty_series_has_a_page(tmp_path: Path) -> None:
    assert "0 of 5 trials played" in series_page.render(begin(tmp_path / "s"))


def test_junit_has_a_case_for_each_trial(played: TrialStore) -> None:
    suite = ET.fromstring(junit(played))[0]  # noqa: S314
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["27", "2", "1", "1"]
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert cases["trial 23"].find("failure") is not None
    assert cast("ET.Element", cases["trial 26"].find("error")).get("message") == "the engine is gone"
    assert cases["trial 25"].find("skipped") is not None
    assert cases["trial 1"].find("failure") is None


def test_a_log_has_a_line_for_each_trial_and_the_time_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = begin(tmp_path / "s", 3)
    console = Console(width=200, force_terminal=False)
    with SeriesProgress(store, console) as watch:
        for each in (trial(1), trial(2, "fail")):
            watch.begins(each.number)
            watch.print_line("+ 1 s inject")
            store.add(each)
            watch.ends(each)
    printed = capsys.readouterr().out
    assert "passed 1 of 3 (40 s)" in printed
    assert "failed 2 of 3 (40 s); outage; run run-2" in printed
    assert "1 passed, 1 failed; about 40 s left; 8 MB on the disk; median outage: sql-write 2.05 s" in printed
    assert "inject" not in printed
    assert (store.folder / "series.html").is_file()


def test_a_terminal_shows_the_step_and_the_outages_so_far(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = begin(tmp_path / "s", 3)
    console = Console(width=120, force_terminal=True, color_system=None)
    with SeriesProgress(store, console) as watch:
        watch.begins(1)
        watch.print_line("+ 1 s inject power-loss")
        store.add(trial(1))
        watch.ends(trial(1))
    printed = capsys.readouterr().out
    assert "trial 1 of 3" in printed
    assert "+ 1 s inject power-loss" in printed
    assert re.search(r"sql-write +1 +2\.05 s +2\.05 s", printed)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (7500, "2 h 05 min"), (3599, "1 h 00 min")]
)
def test_the_time_left_is_printed_in_round_numbers(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_an_outage_without_an_end_is_not_hidden_by_the_others(tmp_path: Path) -> None:
    store = begin(tmp_path / "s")
    store.add(trial(1, summary=summary("run-1", "fail", {"https": seen(None)})))
    [measure] = series_figures.outage_measures(store.trials)
    assert measure.of.median == inf
    assert "https no end (max no end)" in format_standing(store)


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What playing one run comes to: its verdict, or the error that it breaks by."""
    outcome: dict[str, object] = {"verdict": "pass", "error": None}

    def play_once(
        cluster: Cluster, _: Incident, plan: object, *, on_begin: Callable[[Path], None], **__: object
    ) -> None:
        folder = cluster.settings.state_dir / "runs" / f"run-{getattr(plan, 'repeat', 0)}"
        folder.mkdir(parents=True)
        (folder / "journal.jsonl").write_bytes(b"x" * 1000)
        on_begin(folder)
        if outcome["error"]:
            raise cast("Exception", outcome["error"])
        text = summary(folder.name, cast("RunVerdict", outcome["verdict"])).model_dump_json()
        (folder / "summary.json").write_text(text)

    monkeypatch.setattr(playing, "play_once", play_once)
    return outcome


def player(store: TrialStore, tmp_path: Path) -> TrialPlayer:
    cluster = SimpleNamespace(settings=SimpleNamespace(state_dir=tmp_path), platform=PLATFORM)
    return TrialPlayer(cast("Cluster", cluster), store, Progress(Console(quiet=True)), lambda _: None)


@pytest.mark.parametrize("drop", [False, True])
def test_only_runs_that_pass_are_dropped_and_their_figures_stay(
    tmp_path: Path, once: dict[str, object], drop: bool
) -> None:
    store = begin(tmp_path / "s", drop_passing=drop)
    passed = player(store, tmp_path)(1)
    once["verdict"] = "fail"
    failed = player(store, tmp_path)(2)
    assert (passed.kept, failed.kept) == (not drop, True)
    assert (tmp_path / "runs" / "run-1").exists() is not drop
    assert (tmp_path / "runs" / "run-2").exists()
    assert passed.summary
    assert passed.size > 1000
    assert report.load_summary(tmp_path / "runs" / "run-2") == failed.summary


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize("fresh", [False, True])
def test_each_trial_of_a_fresh_series_begins_with_a_reset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    resets: list[bool] = []
    monkeypatch.setattr(playing, "reset", lambda *_: resets.append((tmp_path / "runs").exists()))
    store = begin(tmp_path / "s", fresh=fresh)
    play_trial = player(store, tmp_path)
    assert [play_trial(number).verdict for number in (1, 2)] == ["pass", "pass"]
    assert resets == ([False, True] if fresh else [])  # before the run, not after it


@pytest.mark.usefixtures("once")
def test_a_trial_whose_reset_fails_is_not_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def reset(*_: object) -> None:
        raise TestbedError("db1 went off")

    monkeypatch.setattr(playing, "reset", reset)
    trial = player(begin(tmp_path / "s", fresh=True), tmp_path)(1)
    assert (trial.verdict, trial.error, trial.run) == ("error", "db1 went off", "")


def test_an_error_of_testbed_is_the_trials_verdict(tmp_path: Path, once: dict[str, object]) -> None:
    store = begin(tmp_path / "s")
    once["error"] = OSError(28, "No space left on device")
    broken = player(store, tmp_path)(1)
    assert (broken.verdict, broken.run, broken.kept) == ("error", "run-1", True)
    assert "No space left" in broken.error
    once["error"] = UsageError("the cluster is in use")
    with pytest.raises(UsageError):
        player(store, tmp_path)(2)
