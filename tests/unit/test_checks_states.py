"""The states of nodes over time."""

from __future__ import annotations

from math import inf

from testbed.checks import Span, timelines
from testbed.checks.states import spans_with_value, subtract_spans, value_at
from testbed.journal import StateChange, build_journal


def change(at: float, aspect: str, value: str, *, node: str = "db1", error: float = 0.0) -> StateChange:
    return StateChange(node, aspect, value, at, error)


def spans_of(*changes: StateChange) -> dict[tuple[str, str], list[tuple[float, float, str]]]:
    return {
        key: [(span.start, span.end, span.value) for span in spans]
        for key, spans in timelines(build_journal(changes)).items()
    }  # fmt: skip


def test_a_state_lasts_until_the_next() -> None:
    lines = spans_of(change(5, "mount", "mounted"), change(1, "mount", "none"), change(9, "mount", "none"))
    assert lines == {("db1", "mount"): [(1, 5, "none"), (5, 9, "mounted"), (9, inf, "none")]}


def test_a_state_that_is_recorded_twice_is_one_state() -> None:
    assert spans_of(change(1, "carp", "master"), change(4, "carp", "master")) == {("db1", "carp"): [(1, inf, "master")]}


def test_a_node_that_goes_off_takes_its_states_along() -> None:
    lines = spans_of(
        change(0, "power", "on"),
        change(1, "mount", "mounted"),
        change(5, "power", "off"),
        change(5.2, "mount", "none"),  # a line that came late
        change(8, "power", "on"),
        change(9, "mount", "mounted"),
        change(3, "mount", "mounted", node="db2"),
    )
    assert lines[("db1", "mount")] == [(1, 5, "mounted"), (9, inf, "mounted")]
    assert lines[("db1", "power")] == [(0, 5, "on"), (5, 8, "off"), (8, inf, "on")]
    assert lines[("db2", "mount")] == [(3, inf, "mounted")]


def test_a_reset_is_an_instant_that_ends_everything() -> None:
    lines = spans_of(change(0, "power", "on"), change(1, "mount", "mounted"), change(5, "power", "reset"))
    assert lines[("db1", "mount")] == [(1, 5, "mounted")]
    assert lines[("db1", "power")] == [(0, 5, "on"), (5, 5, "reset"), (5, inf, "on")]


def test_a_frozen_node_keeps_its_states() -> None:
    lines = spans_of(change(1, "mount", "mounted"), change(5, "power", "frozen"), change(8, "power", "on"))
    assert lines[("db1", "mount")] == [(1, inf, "mounted")]


def test_each_end_has_its_own_error() -> None:
    [first, second] = timelines(
        build_journal([change(1, "carp", "master", error=0.1), change(5, "carp", "backup", error=0.4)])
    )[("db1", "carp")]
    assert (first.error, first.end_error) == (0.1, 0.4)
    assert (second.error, second.end_error) == (0.4, 0.0)


def test_asking_for_a_moment() -> None:
    lines = timelines(build_journal([change(1, "carp", "master"), change(5, "carp", "backup")]))
    assert value_at(lines, "db1", "carp", 0.5) is None
    assert value_at(lines, "db1", "carp", 1) == "master"
    assert value_at(lines, "db1", "carp", 5) == "backup"
    assert value_at(lines, "db2", "carp", 5) is None
    assert spans_with_value(lines, "carp", "master") == {"db1": [Span(1, 5, "master", 0.0, "node")]}


def test_gaps_are_taken_out_of_spans() -> None:
    whole = [Span(0, 10, "held", 2.0), Span(20, inf, "held", 0.1)]
    gaps = [Span(2, 4, "frozen", 0.2, end_error=0.3), Span(9, 21, "cut"), Span(30, inf, "cut"), Span(11, 12, "cut")]
    assert [(span.start, span.end, span.error, span.end_error) for span in subtract_spans(whole, gaps)] == [
        (0, 2, 2.0, 0.2),
        (4, 9, 0.3, 0.0),
        (21, 30, 0.0, 0.0),
    ]
