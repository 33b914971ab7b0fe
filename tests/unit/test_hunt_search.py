"""The search: what it plays, shrinks and keeps, and that it goes on where it was interrupted or killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path

import pytest
from fakes import topology

from testbed.errors import UsageError
from testbed.hunt.draw import Generator
from testbed.hunt.hunt_store import FINDINGS, PLAYS, HuntSettings, HuntStore, Play, PlayFailure, find_hunt, hunts
from testbed.hunt.search import Limits, Search, format_outcome
from testbed.hunt.sequence import Steps, format_steps, inject_step, steps_as_json
from testbed.incidents import load

SEED = 11
LOST = PlayFailure(check="run", cause="it does not come back", text="db1 does not come back")
TWO = PlayFailure(check="ownership", cause="drbd-role Primary on db and db at once", text="both")


class Bed:
    """A cluster that fails when one fault strikes one part; it counts how often it is asked."""

    def __init__(self, fails: Callable[[Steps], list[PlayFailure]], stop_after: float = inf) -> None:
        self.fails = fails
        self.stop_after = stop_after
        self.asked: list[tuple[int, str, bool]] = []

    def __call__(self, number: int, steps: Steps, drawn: bool) -> Play:
        if len(self.asked) >= self.stop_after:
            raise KeyboardInterrupt
        self.asked.append((number, format_steps(steps), drawn))
        failures = tuple(self.fails(steps))
        run = f"run-{number}-{len(self.asked)}"
        return Play(
            number=number, drawn=drawn, steps=steps, failures=failures, run=run, kept=bool(failures), seconds=40
        )


def kills(target: str) -> Callable[[Steps], list[PlayFailure]]:
    return lambda steps: [LOST] if any((s.action, s.where) == ("power-loss", target) for s in steps) else []


def store(folder: Path, profile: str = "reference") -> HuntStore:
    if (folder / "hunt.json").exists():
        return HuntStore(folder)
    return HuntStore.create(folder, HuntSettings(seed=SEED, platform={"profile": profile}, runs=30, started=1.0))


def search(kept: HuntStore, bed: Bed, limits: Limits) -> list[str]:
    lines: list[str] = []
    Search(kept, topology(), bed, limits, lines.append).run()
    return lines


def test_it_plays_what_is_drawn_and_shrinks_what_fails(tmp_path: Path) -> None:
    kept, bed = store(tmp_path / "h"), Bed(kills("db:primary"))
    lines = search(kept, bed, Limits(runs=12))
    generator = Generator(topology())
    assert [text for _, text, drawn in bed.asked if drawn] == [
        format_steps(generator.draw(SEED, n)) for n in range(1, 13)
    ]
    [finding] = kept.findings
    assert format_steps(finding.steps) == "power-loss db:primary"
    assert finding.failed >= 2
    assert finding.complete
    path = tmp_path / "h" / "incidents" / finding.incident
    incident = load(path, topology())
    assert steps_as_json(incident.steps[:1]) == steps_as_json(finding.steps)
    assert str(path) in "".join(lines)
    assert lines[0].startswith("  1 of 12: ")
    assert any(line.startswith("  3 of 12, 7 min left: ") for line in lines)
    shown = next(play for play in kept.plays if play.run == finding.run)
    assert shown.steps == finding.steps


def test_a_hunt_can_begin_where_another_one_ended(tmp_path: Path) -> None:
    settings = HuntSettings(seed=SEED, platform={"profile": "reference"}, first=13, runs=5)
    kept, bed = HuntStore.create(tmp_path / "h", settings), Bed(lambda _: [])
    lines = search(kept, bed, Limits(runs=5))
    generator = Generator(topology())
    assert [text for _, text, _ in bed.asked] == [format_steps(generator.draw(SEED, n)) for n in range(13, 18)]
    assert lines[0].startswith("  13 of 17: ")
    search(kept, bed, Limits(runs=5))
    assert len(bed.asked) == 5


def test_a_known_failure_is_not_shrunk(tmp_path: Path) -> None:
    def always(steps: Steps) -> list[PlayFailure]:
        return [TWO] if any((step.target or "").startswith("db") for step in steps) else []

    kept, bed = store(tmp_path / "a"), Bed(always)
    lines = search(kept, bed, Limits(runs=10))
    assert not kept.findings
    assert all(drawn for *_, drawn in bed.asked)
    assert any("known: Two primaries" in line for line in lines)
    hardened, bed = store(tmp_path / "b", "hardened"), Bed(always)
    search(hardened, bed, Limits(runs=10))
    assert len(hardened.findings) == 1


def test_each_kind_is_shrunk_once_and_by_itself(tmp_path: Path) -> None:
    other = PlayFailure(check="run", cause="the disk is gone")

    def fails(steps: Steps) -> list[PlayFailure]:
        found = kills("db:primary")(steps)
        return found + [other] * any(step.action == "disk-error" for step in steps)

    kept = store(tmp_path / "h")
    search(kept, Bed(fails), Limits(runs=30))
    found = {finding.cause: [(step.action) for step in finding.steps] for finding in kept.findings}
    assert found == {LOST.cause: ["power-loss"], other.cause: ["disk-error"]}
    assert len({finding.incident for finding in kept.findings}) == 2


def test_a_failure_that_another_incident_shows_as_well_is_not_shrunk_by_itself(tmp_path: Path) -> None:
    follows = PlayFailure(check="alarms", cause="postgres-panic in the log of db", text="db1: postgres-panic")

    def fails(steps: Steps) -> list[PlayFailure]:
        found = kills("db:primary")(steps)
        return found and [*found, follows, TWO]

    kept, bed = store(tmp_path / "a"), Bed(fails)
    lines = search(kept, bed, Limits(runs=12))
    first, second = kept.findings
    assert (first.cause, second.cause) == (LOST.cause, follows.cause)
    assert (second.steps, second.incident, second.plays) == (first.steps, first.incident, 0)
    assert second.failed >= 2
    alone, bed_of_one = store(tmp_path / "b"), Bed(kills("db:primary"))
    search(alone, bed_of_one, Limits(runs=12))
    assert len(bed.asked) == len(bed_of_one.asked)
    assert any("it shows as well: alarms: postgres-panic" in line for line in lines)


def test_steps_that_were_refused_are_not_in_the_incident(tmp_path: Path) -> None:
    def play(number: int, steps: Steps, drawn: bool) -> Play:
        refused = tuple(place for place, step in enumerate(steps) if step.action == "freeze")
        return Play(number=number, drawn=drawn, steps=steps, refused=refused, failures=(LOST,))

    kept = store(tmp_path / "h")
    number = next(n for n in range(1, 60) if "freeze" in format_steps(Generator(topology()).draw(SEED, n)))
    Search(kept, topology(), play, Limits(runs=number, shrink_plays=0), lambda _: None).run()
    Search(kept, topology(), play, Limits(runs=number, shrink_plays=1), lambda _: None).run()
    assert all(step.action != "freeze" for finding in kept.findings for step in finding.steps)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_fault_that_was_refused_makes_no_failure_known(tmp_path: Path, at_once: bool) -> None:
    address = PlayFailure(check="ownership", cause="site-address held on lb and lb at once")

    def play(number: int, steps: Steps, drawn: bool) -> Play:
        refused = tuple(place for place, step in enumerate(steps) if (step.target or "").startswith("lb:"))
        return Play(number=number, drawn=drawn, steps=steps, refused=refused, failures=(address,))

    generator = Generator(topology())
    silent = re.compile(r"(silent-cut|loss|delay|freeze|rate-limit) lb:")
    number = next(n for n in range(1, 90) if silent.search(format_steps(generator.draw(SEED, n))))
    kept = store(tmp_path / "h")
    lines: list[str] = []
    steps = generator.draw(SEED, number)
    if at_once:
        drawn = play(number, steps, drawn=True)
        Search(kept, topology(), play, Limits(shrink_plays=1), lines.append)._follow(drawn, address)
    else:
        Search(kept, topology(), play, Limits(runs=number, shrink_plays=1), lines.append).run()
        assert f"      fails: {address.kind}; steps that could" in "\n".join(lines)
    assert address.kind in [finding.kind for finding in kept.findings]


def test_a_play_that_could_not_be_judged_does_not_keep_a_sequence_from_being_shrunk(tmp_path: Path) -> None:
    bed, asked = Bed(kills("db:primary")), Counter[str]()

    def play(number: int, steps: Steps, drawn: bool) -> Play:
        asked[format_steps(steps)] += 1
        if not drawn and asked[format_steps(steps)] <= 3:
            return Play(number=number, drawn=drawn, steps=steps, unknown=("durability",))
        return bed(number, steps, drawn)

    kept = store(tmp_path / "h")
    lines: list[str] = []
    Search(kept, topology(), play, Limits(runs=12, shrink_plays=400), lines.append).run()
    [finding] = kept.findings
    assert format_steps(finding.steps) == "power-loss db:primary"
    assert any(line.startswith("        unknown: ") for line in lines)


def test_what_an_incident_shows_as_well_is_not_known_by_a_fault_that_was_refused(tmp_path: Path) -> None:
    cut = inject_step("silent-cut", "lb:active", {}, "first")
    loss = inject_step("power-loss", "db:primary", {}, "second")
    address = PlayFailure(check="ownership", cause="site-address held on lb and lb at once")

    def play(number: int, steps: Steps, drawn: bool) -> Play:
        failures = (LOST, address) if cut in steps and loss in steps else ()
        return Play(number=number, drawn=drawn, steps=steps, refused=(0,), failures=failures, kept=True)

    kept = store(tmp_path / "h")
    whole = (cut, loss, inject_step("freeze", "app:any", {}, "third"))
    kept.add(Play(number=1, drawn=True, steps=whole, failures=(LOST,), kept=True))
    Search(kept, topology(), play, Limits(), lambda _: None)._follow(kept.plays[0], LOST)
    assert [finding.steps for finding in kept.findings] == [(cut, loss)] * 2
    assert [finding.kind for finding in kept.findings] == [LOST.kind, address.kind]


def test_all_sequences_are_played_before_the_most_frequent_failure_is_shrunk_from_its_smallest(tmp_path: Path) -> None:
    rare = PlayFailure(check="run", cause="rare")

    def fails(steps: Steps) -> list[PlayFailure]:
        return [rare] * any(step.action == "disk-full" for step in steps) + kills("db:primary")(steps)

    kept, bed = store(tmp_path / "h"), Bed(fails)
    search(kept, bed, Limits(runs=40))
    order = [drawn for *_, drawn in bed.asked]
    assert order == [True] * 40 + [False] * (len(order) - 40)
    assert [finding.cause for finding in kept.findings] == [LOST.cause, "rare"]
    failed = [play for play in kept.drawn().values() if kept.findings[0].kind in play.kinds]
    smallest = min(len(play.steps) for play in failed)
    assert next(len(play.steps) for play in failed if play.number == kept.findings[0].number) == smallest


def test_a_search_without_a_number_of_sequences_shrinks_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(10**6))
    monkeypatch.setattr("testbed.hunt.search.time.monotonic", lambda: float(next(ticks)))
    kept, bed = store(tmp_path / "h"), Bed(kills("db:primary"))
    search(kept, bed, Limits(seconds=60))
    order = [drawn for *_, drawn in bed.asked]
    assert True in order[order.index(False) :]


@pytest.mark.parametrize("hours", [False, True])
@pytest.mark.parametrize("stop_after", range(1, 24))
def test_an_interrupted_search_goes_on_and_plays_nothing_twice(tmp_path: Path, stop_after: int, hours: bool) -> None:
    limits = Limits() if hours else Limits(runs=12)
    end = 45 if hours else inf  # a search without an end is ended here

    def session(folder: Path, stop: float) -> Bed:
        bed = Bed(kills("db:primary"), stop)
        with suppress(KeyboardInterrupt):
            search(store(folder), bed, limits)
        return bed

    uninterrupted = session(tmp_path / "whole", end)
    first = session(tmp_path / "h", stop_after)
    second = session(tmp_path / "h", end - len(first.asked))
    assert first.asked + second.asked == uninterrupted.asked
    found, wanted = store(tmp_path / "h"), store(tmp_path / "whole")
    assert [play.steps for play in found.plays] == [play.steps for play in wanted.plays]
    assert [(each.steps, each.failed, each.played, each.plays) for each in found.findings] == [
        (each.steps, each.failed, each.played, each.plays) for each in wanted.findings
    ]


KILLED = """
    import sys, time
    sys.path[:0] = {paths!r}
    from pathlib import Path
    from fakes import topology
    from testbed.hunt.search import Limits, Search
    from testbed.hunt.hunt_store import HuntSettings, Play, HuntStore

    def play(number, steps, drawn):
        if number == 4:
            print("playing", flush=True)
            time.sleep(60)
        return Play(number=number, drawn=drawn, steps=steps)

    kept = HuntStore.create(Path({folder!r}), HuntSettings(seed=11, platform={{"profile": "reference"}}))
    Search(kept, topology(), play, Limits(runs=9), lambda _: None).run()
"""


def test_a_search_that_was_killed_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "h"
    program = textwrap.dedent(KILLED).format(paths=sys.path, folder=str(folder))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"playing\n"
        process.send_signal(signal.SIGKILL)
    assert [play.number for play in HuntStore(folder).plays] == [1, 2, 3]
    bed = Bed(lambda _: [])
    search(HuntStore(folder), bed, Limits(runs=6))
    assert [number for number, *_ in bed.asked] == [4, 5, 6]


def test_half_a_line_of_a_killed_process_is_dropped(tmp_path: Path) -> None:
    kept = store(tmp_path / "h")
    search(kept, Bed(lambda _: []), Limits(runs=3))
    path = tmp_path / "h" / PLAYS
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[0][:30])
    bed = Bed(lambda _: [])
    search(HuntStore(tmp_path / "h"), bed, Limits(runs=4))
    assert [number for number, *_ in bed.asked] == [4]
    assert [json.loads(line)["number"] for line in path.read_bytes().splitlines()] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", [PLAYS, FINDINGS])
def test_a_damaged_line_is_refused_with_its_number(tmp_path: Path, name: str) -> None:
    kept = store(tmp_path / "h")
    search(kept, Bed(kills("db:primary")), Limits(runs=12))
    path = tmp_path / "h" / name
    path.write_bytes(b"{]\n" + path.read_bytes())
    with pytest.raises(UsageError, match="line 1 is damaged"):
        HuntStore(tmp_path / "h")


@pytest.mark.parametrize("name", [PLAYS, FINDINGS])
def test_a_hunt_of_the_first_format_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    store(tmp_path / "h")
    step = {"fault": "freeze", "target": "lb:standby", "as": "first"}
    line = {"number": 1, "drawn": True, "check": "ownership", "cause": "two", "steps": [step, {"for": "3.3s"}]}
    (tmp_path / "h" / name).write_text(json.dumps(line) + "\n")
    with pytest.raises(UsageError) as refused:
        HuntStore(tmp_path / "h")
    assert str(refused.value) == (
        f"{tmp_path / 'h' / name}: this hunt was played in the first format of incident files; begin another hunt"
    )


def test_the_time_limit_ends_a_search_in_the_middle_of_shrinking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("testbed.hunt.search.time.monotonic", lambda: clock[0])
    kept = store(tmp_path / "h")
    bed = Bed(kills("db:primary"))

    def play(number: int, steps: Steps, drawn: bool) -> Play:
        clock[0] += 100
        return bed(number, steps, drawn)

    lines: list[str] = []
    limits = Limits(seconds=1000)
    Search(kept, topology(), play, limits, lines.append).run()
    assert len(kept.plays) == 10
    assert lines[-1] == "  the time is up"
    clock[0] = 0.0
    Search(store(tmp_path / "h"), topology(), play, Limits(seconds=5000), lines.append).run()
    assert store(tmp_path / "h").findings


def test_hunts_are_found_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is none"):
        find_hunt("a", tmp_path)
    store(tmp_path / "a")
    store(tmp_path / "b")
    os.utime(tmp_path / "a" / "hunt.json", (1, 1))
    assert hunts(tmp_path) == ["a", "b"]
    assert find_hunt("b", tmp_path) == tmp_path / "b"
    with pytest.raises(UsageError, match="there are a, b"):
        find_hunt("c", tmp_path)
    with pytest.raises(UsageError, match="go on with --resume a"):
        HuntStore.create(tmp_path / "a", HuntSettings(seed=1, platform={}))


def test_a_play_in_one_line() -> None:
    steps = (inject_step("freeze", "db:primary", {}, "first"), inject_step("freeze", "db:standby", {}, "second"))
    play = Play(
        number=1, drawn=True, steps=steps, failures=(LOST, TWO), repair="testbed heal", refused=(1,), seconds=61.2
    )
    settings = HuntSettings(seed=1, platform={})
    assert format_outcome(play, settings) == (
        "fails: run: it does not come back; known: Two primaries without fencing; repaired by testbed heal; "
        "steps that could not be taken: 1"
    )
    assert format_outcome(Play(number=1, drawn=True, steps=steps, seconds=40), settings) == "passes"
    unknown = Play(number=1, drawn=True, steps=steps, unknown=("durability",), seconds=40)
    assert format_outcome(unknown, settings) == "unknown: durability"
