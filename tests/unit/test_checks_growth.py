"""Judging and reporting a run takes work in proportion to the run."""

from __future__ import annotations

import cProfile
import pstats
from itertools import product
from math import inf, log
from pathlib import Path
from random import Random

from testbed.bench.scale.journal_cost import RECORDING
from testbed.bench.scale.repeated_journal import Fields, read_recording, write_repeated
from testbed.checks.claim_trigger import TriggerHistory
from testbed.checks.injected_faults import InjectedFault
from testbed.checks.ownership import TOLERANCE, _overlaps
from testbed.checks.states import Span
from testbed.report import write_report
from testbed.report.run_folders import JOURNAL

ROOT = Path(__file__).parents[2]
FEW, MANY = 4, 32
# What is called so often in the small run that its count has a trend.
LEAST_CALLS = 20
# Labels are compared with those around them, which are few in a short run. A search in all faults has 2.
LARGEST_EXPONENT = 1.35


def calls(recording: list[Fields], times: int, folder: Path) -> dict[str, int]:
    """How often each function is called to report a run that was repeated."""
    folder.mkdir()
    write_repeated(folder / JOURNAL, recording, times * len(recording))
    profile = cProfile.Profile()
    profile.enable()
    write_report(folder)
    profile.disable()
    counted = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    return {f"{Path(file).name}:{line} {name}": row[0] for (file, line, name), row in counted.items()}


def test_no_function_is_called_more_often_than_in_proportion(tmp_path: Path) -> None:
    whole = read_recording(ROOT / RECORDING)
    thinned = [line for number, line in enumerate(whole) if line["kind"] != "probe" or number % 10 == 0]
    calls(thinned, 1, tmp_path / "imports")
    few, many = (calls(thinned, times, tmp_path / str(times)) for times in (FEW, MANY))
    exponents = {
        name: log(many[name] / count) / log(MANY / FEW)
        for name, count in few.items()
        if count >= LEAST_CALLS and name in many
    }
    assert len(exponents) > 100
    assert {name: exponent for name, exponent in exponents.items() if exponent > LARGEST_EXPONENT} == {}


def timeline(chance: Random) -> list[Span]:
    """Spans of one node, which follow one another."""
    spans, at = [], 0.0
    for _ in range(chance.randint(0, 6)):
        begin = at + chance.choice([0, 0.5, 1, 2])
        at = begin + chance.choice([0, 0.2, 1, 3])
        spans.append(Span(begin, at, "held"))
    if spans and chance.random() < 0.3:
        spans[-1] = Span(spans[-1].start, inf, "held")
    return spans


def test_two_owners_are_found_as_by_comparing_all_of_their_times() -> None:
    def at_once(pair: tuple[Span, Span]) -> bool:
        return min(each.end for each in pair) - max(each.start for each in pair) > TOLERANCE

    chance = Random(2006)  # noqa: S311
    found = 0
    for _ in range(2000):
        one, other = timeline(chance), timeline(chance)
        expected = list(filter(at_once, product(one, other)))
        assert list(filter(at_once, _overlaps(one, other))) == expected
        found += len(expected)
    assert found > 1000


def fault(key: str, node: str, begins: float, heal: float | None = None) -> InjectedFault:
    return InjectedFault(key, "power-loss", node, node, (), begins, begins, heal, heal)


def test_the_trigger_is_the_last_fault_of_the_source_or_healing_of_the_target() -> None:
    history = TriggerHistory([fault("a", "db1", 10, 20), fault("b", "db2", 30, 40), fault("c", "app-1", 41)])

    def trigger(source: str, target: str, claimed: float) -> tuple[str, bool, float] | None:
        step = history.find(source, target, claimed)
        return (step.fault.key, step.healing, step.at) if step else None

    assert trigger("db1", "db2", 12) == ("a", False, 10)
    assert trigger("db1", "db2", 45) == ("b", True, 40)
    assert trigger("db2", "db1", 35) == ("b", False, 30)
    assert trigger("lb1", "lb2", 50) == ("c", False, 41)
    assert trigger("lb1", "lb2", 40) == ("b", True, 40)
    assert trigger("db1", "db2", 9.9) is None
