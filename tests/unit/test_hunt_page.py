"""The page of a hunt, from what its folder holds; and the command that plays one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import topology
from typer.testing import CliRunner

import testbed.cli.hunt as command
from testbed.cli.main import app
from testbed.cluster import copy_verification, project
from testbed.cluster.mildest_repair import HEAL
from testbed.designs.copy_comparison import CopyComparison
from testbed.errors import TestbedError, UsageError
from testbed.hunt import hunt_page
from testbed.hunt.hunt_store import (
    FRESH,
    REMEDIES,
    SPLIT_BRAIN,
    HuntFinding,
    HuntSettings,
    HuntStore,
    Play,
    PlayFailure,
)
from testbed.hunt.sequence import Steps, heal_step, inject_step, sleep_step

PLATFORM = {"profile": "reference", "balancer": "debian", "accel": "tcg"}
CUT = inject_step("silent-cut", "lb:active", {"network": "public"}, "first")
LOSS = inject_step("power-loss", "db:primary", {}, "first")
DISK = inject_step("disk-error", "db:standby", {}, "second")
STUCK = PlayFailure(check="healthy", cause="db holds the database's address but <does not> serve", text="db1 holds")
TWO = PlayFailure(check="ownership", cause="site-address held on lb and lb at once", text="on lb1 and lb2")


def play(number: int, steps: Steps, *failures: PlayFailure, **more: object) -> Play:
    return Play.model_validate(
        {"number": number, "drawn": True, "steps": steps, "failures": failures, "run": f"run-{number}",
         "kept": bool(failures), "seconds": 40 + number, **more}
    )  # fmt: skip


@pytest.fixture
def hunted(tmp_path: Path) -> HuntStore:
    kept = HuntStore.create(
        tmp_path / "hunts" / "first", HuntSettings(seed=7, platform=PLATFORM, runs=20, started=1_764_000_000)
    )
    kept.add(play(1, (LOSS, sleep_step(2), DISK, heal_step("first")), STUCK, repair=FRESH))
    kept.add(play(1, (LOSS, DISK), STUCK, drawn=False, repair=HEAL, run="run-smaller"))
    kept.add(play(2, (CUT, sleep_step(3)), TWO))
    kept.add(play(3, (CUT, sleep_step(3), DISK), TWO, repair=SPLIT_BRAIN))
    kept.add(play(4, (DISK,), unknown=("durability",)))
    kept.add(play(5, (CUT, DISK), refused=(1,)))
    kept.find(
        HuntFinding(
            check=STUCK.check, cause=STUCK.cause, text=STUCK.text, number=1, steps=(LOSS, DISK), failed=2, played=3,
            plays=9, complete=True, incident="hunt-7-0001-finding-1.yaml", run="run-smaller",
        )
    )  # fmt: skip
    return kept


def text_of(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_the_page_shows_what_was_tried_and_found(hunted: HuntStore) -> None:
    html = hunt_page.render(HuntStore(hunted.folder))
    lines = text_of(html)
    assert "1 kind of failure found, not known before" in lines
    assert "not known before; 1 of 5 sequences could not be judged" in lines
    assert "sequences that failed 3 1 passed, 1 unknown" in lines
    assert "sequences 5 of 20" in lines
    assert "faults injected 7" in lines
    assert "kinds of failure 2 1 not known" in lines
    assert "ended healthy 3 of 6 plays, without a repair" in lines
    assert "healing the faults 3" in lines
    assert "failed in 2 of 3 plays" in lines
    assert 'href="incidents/hunt-7-0001-finding-1.yaml"' in html
    assert 'href="../../runs/run-smaller/report.html"' in html
    assert "but &lt;does not&gt; serve" in html
    assert "<li>power-loss db:primary</li>\n<li>disk-error db:standby</li>" in html
    assert "a fresh cluster 1" in lines
    assert "resolving a split brain 1" in lines
    assert "testbed hunt --resume first" in lines
    assert not re.search(r"(src|href)=\"https?:", html)


def test_a_play_that_took_remedies_is_not_counted_among_those_that_took_none(hunted: HuntStore) -> None:
    hunted.add(play(6, (CUT,), repair=REMEDIES))
    lines = text_of(hunt_page.render(hunted))
    assert "ended healthy 3 of 7 plays, without a repair" in lines
    assert "healing the faults 3 remedies at the end of the run 1 resolving a split brain 1" in lines


def test_known_failures_are_grouped_counted_and_not_called_new(hunted: HuntStore) -> None:
    groups = hunt_page.group_failures(hunted)
    assert [group.entry is None for group in groups] == [True, False]
    known = groups[1]
    assert known.numbers == [2, 3]
    assert known.smallest == "silent-cut lb:active public, 3s"
    html = hunt_page.render(hunted)
    assert html.index("Failures that are not known") < html.index("Two balancers hold") > html.index("Known failures")
    assert "shown by balancer-silent-cut, balancer-frozen" in html


def test_a_failure_is_not_known_by_a_fault_that_was_refused(hunted: HuntStore) -> None:
    hunted.add(play(7, (CUT, DISK), TWO, refused=(0,)))
    found = {group.title: group for group in hunt_page.group_failures(hunted)}
    mine = found[str(TWO.kind)]
    assert (mine.entry, mine.numbers, mine.smallest) == (None, [7], "disk-error db:standby")
    assert [group.numbers for group in found.values() if group.entry] == [[2, 3]]
    assert hunt_page._tone(hunted.plays[-1], hunted.settings) == "fail"


def test_coverage_counts_what_was_injected(hunted: HuntStore) -> None:
    found = hunt_page.coverage([each for each in hunted.plays if each.drawn])
    assert found["silent-cut"]["lb:active"] == 3
    assert found["disk-error"]["db:standby"] == 3
    assert hunt_page.overlapping_pairs(hunted.plays) == 2


def test_a_hunt_without_plays_has_a_page_too(tmp_path: Path) -> None:
    kept = HuntStore.create(tmp_path / "h", HuntSettings(seed=7, platform=PLATFORM))
    lines = text_of(hunt_page.render(kept))
    assert "Nothing was played" in lines
    assert "None was found." in lines


def test_a_comparison_of_the_copies_is_shown(hunted: HuntStore) -> None:
    assert "of the data at the end: no block differs" in text_of(hunt_page.render(hunted, "no block differs"))


# --- the command ---------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hunted: HuntStore) -> Path:
    """A checkout with one hunt, and a cluster that is up and passes everything."""
    assert hunted.plays
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path))
    cluster = SimpleNamespace(topology=topology(), platform=PLATFORM, settings=SimpleNamespace(state_dir=tmp_path))
    monkeypatch.setattr(command, "Cluster", lambda _: cluster)
    monkeypatch.setattr(project, "exists", lambda _: True)
    monkeypatch.setattr(command, "ClusterPlayer", Passing)
    monkeypatch.setattr(copy_verification, "verify", lambda _: CopyComparison(0))
    return tmp_path / "hunts"


class Passing:
    failures: tuple[PlayFailure, ...] = ()

    def __init__(self, cluster: object, *_: object, **__: object) -> None:
        self.cluster = cluster
        self.plays = 0

    def make_healthy(self) -> str:
        return ""

    def __call__(self, number: int, steps: Steps, drawn: bool) -> Play:
        self.plays += 1
        return Play(number=number, drawn=drawn, steps=steps, failures=self.failures, seconds=40)


class Failing(Passing):
    failures = (PlayFailure(check="run", cause="it broke"),)


class Interrupted(Passing):
    def __call__(self, number: int, steps: Steps, drawn: bool) -> Play:
        if number > 2:
            raise KeyboardInterrupt
        return super().__call__(number, steps, drawn)


def hunt(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["hunt", *arguments])
    if isinstance(result.exception, UsageError):
        raise result.exception
    return result.exit_code, result.output


def test_a_hunt_is_played_and_its_page_written(bench: Path) -> None:
    status, output = hunt("--runs", "3", "--name", "second", "--seed", "5")
    assert status == 0
    kept = HuntStore(bench / "second")
    assert [each.number for each in kept.plays] == [1, 2, 3]
    assert kept.settings.seed == 5
    assert (bench / "second" / "hunt.html").is_file()
    assert "3 of 3" in output


def test_a_failure_that_is_not_known_is_exit_status_1(bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "ClusterPlayer", Failing)
    status, _ = hunt("--runs", "1", "--name", "bad", "--shrink-plays", "2")
    assert status == 1
    assert len(HuntStore(bench / "bad").findings) == 1


@pytest.mark.parametrize(
    ("failures", "unknown", "code", "tone", "headline"),
    [
        ((), ("steady state",), 3, "unknown", "No failure that is not known; 1 of 2 sequences could not be judged"),
        ((), ("durability",), 3, "unknown", "No failure that is not known; 1 of 2 sequences could not be judged"),
        ((STUCK,), ("durability",), 1, "fail", "1 kind of failure found, not known before"),
        ((), (), 0, "pass", "No failure that is not known"),
    ],
)
def test_a_hunt_with_a_sequence_that_could_not_be_judged_does_not_pass(
    bench: Path, monkeypatch: pytest.MonkeyPatch,
    failures: tuple[PlayFailure, ...], unknown: tuple[str, ...], code: int, tone: str, headline: str,
) -> None:  # fmt: skip
    class Second(Passing):
        def __call__(self, number: int, steps: Steps, drawn: bool) -> Play:
            played = super().__call__(number, steps, drawn)
            second = {"failures": failures, "unknown": unknown} if number == 2 else {}
            return played.model_copy(update=second)

    monkeypatch.setattr(command, "ClusterPlayer", Second)
    assert hunt("--runs", "2", "--name", "x", "--shrink-plays", "0")[0] == code
    html = (bench / "x" / "hunt.html").read_text()
    assert f'class="verdict {tone}"' in html
    assert f"<span>{headline}</span>" in html


def test_a_failure_after_a_refused_fault_is_exit_status_1(bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(Passing):
        failures = (TWO,)
        refused: tuple[int, ...] = ()

        def __call__(self, number: int, steps: Steps, drawn: bool) -> Play:
            played = super().__call__(number, steps, drawn)
            return played.model_copy(update={"steps": (CUT, DISK), "refused": self.refused})

    monkeypatch.setattr(command, "ClusterPlayer", Refusing)
    assert hunt("--runs", "1", "--name", "known", "--shrink-plays", "0")[0] == 0
    monkeypatch.setattr(Refusing, "refused", (0,))
    assert hunt("--runs", "1", "--name", "refused", "--shrink-plays", "0")[0] == 1
    assert (bench / "refused" / "hunt.html").is_file()


@pytest.mark.parametrize(
    ("differing", "code", "lines"), [(0, 0, "no block differs"), (17832, 1, "they differ in 17832 KiB")]
)
def test_a_hunt_ends_with_a_comparison_of_the_copies(
    bench: Path, monkeypatch: pytest.MonkeyPatch, differing: int, code: int, lines: str
) -> None:
    monkeypatch.setattr(copy_verification, "verify", lambda _: CopyComparison(differing))
    status, output = hunt("--runs", "1", "--name", "compared")
    assert (status, f"comparison of the two copies: {lines}" in output) == (code, True)
    page_text = text_of((bench / "compared" / "hunt.html").read_text())
    assert f"Comparison of the two copies of the data at the end: {lines}" in page_text


@pytest.mark.usefixtures("bench")
def test_the_copies_of_the_cluster_that_replaced_the_first_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = object()

    class Replacing(Passing):
        def __call__(self, number: int, steps: Steps, drawn: bool) -> Play:
            self.cluster = fresh
            return super().__call__(number, steps, drawn)

    compared: list[object] = []

    def verify(cluster: object) -> CopyComparison:
        compared.append(cluster)
        return CopyComparison(0)

    monkeypatch.setattr(command, "ClusterPlayer", Replacing)
    monkeypatch.setattr(copy_verification, "verify", verify)
    assert hunt("--runs", "1", "--name", "replaced")[0] == 0
    assert compared == [fresh]


@pytest.mark.parametrize("trouble", [UsageError("DRBD is not connected"), TestbedError("db1 does not answer")])
@pytest.mark.parametrize(("player", "code"), [("Passing", 3), ("Failing", 1)])
def test_copies_that_cannot_be_compared_lose_no_result(
    bench: Path, monkeypatch: pytest.MonkeyPatch, trouble: TestbedError, player: str, code: int
) -> None:
    def verify(_: object) -> CopyComparison:
        raise trouble

    monkeypatch.setattr(command, "ClusterPlayer", globals()[player])
    monkeypatch.setattr(copy_verification, "verify", verify)
    status, output = hunt("--runs", "1", "--name", "apart", "--shrink-plays", "0")
    lines = f"the copies were not compared: {trouble}"
    assert (status, lines in output) == (code, True)
    assert lines in text_of((bench / "apart" / "hunt.html").read_text())


def test_copies_that_a_design_does_not_compare_are_not_unknown(bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "design_of", lambda _: SimpleNamespace(why_no_comparison="they differ by design"))
    monkeypatch.setattr(copy_verification, "verify", lambda _: CopyComparison(1))
    assert hunt("--runs", "1", "--name", "alike")[0] == 0
    lines = "the copies were not compared, because they differ by design"
    assert lines in text_of((bench / "alike" / "hunt.html").read_text())


def test_ctrl_c_leaves_a_page_and_resume_goes_on(bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "ClusterPlayer", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        command.hunt(runs=4, name="third")
    assert (bench / "third" / "hunt.html").is_file()
    monkeypatch.setattr(command, "ClusterPlayer", Passing)
    assert hunt("--resume", "third")[0] == 0
    assert [each.number for each in HuntStore(bench / "third").plays] == [1, 2, 3, 4]
    assert hunt("--resume", "third", "--runs", "5")[0] == 0
    assert HuntStore(bench / "third").settings.runs == 5
    assert len(HuntStore(bench / "third").plays) == 5


def test_resume_of_another_clusters_hunt_is_refused(bench: Path) -> None:
    HuntStore.create(bench / "hard", HuntSettings(seed=1, platform={**PLATFORM, "profile": "hardened"}))
    with pytest.raises(UsageError, match="'hard' was played with profile hardened, and this cluster has reference"):
        hunt("--resume", "hard")


def test_a_hunt_by_hours_is_not_resumed_without_an_end(bench: Path) -> None:
    assert hunt("--name", "timed", "--for", "36s", "--runs", "1")[0] == 0
    HuntStore.create(bench / "endless", HuntSettings(seed=1, platform=PLATFORM))
    with pytest.raises(UsageError, match="'endless' has no number of sequences; give --for or --runs"):
        hunt("--resume", "endless")
    assert hunt("--resume", "endless", "--runs", "2")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["--resume", "nix"], "no hunt 'nix'"),
        (
            ["--resume", "first", "--seed", "3"],
            "--seed cannot be combined with --resume: the hunt 'first' keeps its own; remove one of the two options",
        ),
        (
            ["--resume", "first", "--name", "x"],
            "--name cannot be combined with --resume: the hunt 'first' keeps its own",
        ),
        (["--name", "../x"], r"'\.\./x' is not a hunt's name"),
        (["--name", "first"], "go on with --resume first"),
        (["--page", "nix"], "there are first"),
    ],
)
def test_wrong_command_lines_are_refused_and_nothing_is_played(bench: Path, arguments: list[str], lines: str) -> None:
    before = (bench / "first" / "plays.jsonl").read_bytes()
    with pytest.raises(UsageError, match=lines):
        hunt(*arguments)
    assert [path.name for path in bench.iterdir()] == ["first"]
    assert (bench / "first" / "plays.jsonl").read_bytes() == before


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--for", "0s"], ["--seed", "-1"], ["--shrink-plays", "-1"]])
def test_limits_that_cannot_be_are_usage_errors(bench: Path, arguments: list[str]) -> None:
    assert hunt(*arguments)[0] == 2
    assert [path.name for path in bench.iterdir()] == ["first"]


def test_without_a_cluster_the_error_names_the_cause(bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "exists", lambda _: False)
    with pytest.raises(UsageError, match="no cluster is up"):
        hunt()
    assert [path.name for path in bench.iterdir()] == ["first"]


def test_dry_run_prints_the_sequences_and_the_page_can_be_written_again(bench: Path) -> None:
    status, output = hunt("--dry-run", "--runs", "4", "--seed", "5")
    assert status == 0
    assert re.findall(r"^(\d): ", output, re.MULTILINE) == ["1", "2", "3", "4"]
    assert hunt("--page", "first")[0] == 0
    assert (bench / "first" / "hunt.html").is_file()


def test_the_result_is_printed_as_json(bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "ClusterPlayer", Failing)
    result = CliRunner().invoke(app, ["hunt", "--runs", "2", "--name", "named", "--shrink-plays", "0", "--json"])
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["hunt"], found["sequences"], found["copies_equal"]) == ("named", 2, True)
    assert found["page"] == str(bench / "named" / "hunt.html")
    assert found["failures"]
    assert not any(failure["known"] for failure in found["failures"])
    result = CliRunner().invoke(app, ["hunt", "--dry-run", "--runs", "3", "--json"])
    assert list(json.loads(result.stdout)) == ["1", "2", "3"]
