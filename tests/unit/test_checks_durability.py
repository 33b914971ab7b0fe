"""The durability check: each of its lists is made non-empty by exactly one kind of damage."""

from __future__ import annotations

from testbed.checks import check_durability
from testbed.journal import Outcome, ProbeSample, Settled


def write(token: str, outcome: Outcome) -> ProbeSample:
    return ProbeSample("sql-write", 1.0, 1.0, 1.1, outcome, token=token)


SAMPLES = [
    write("a", Outcome.OK),
    write("b", Outcome.OK),
    write("c", Outcome.FAILED),
    write("d", Outcome.UNKNOWN),
    write("e", Outcome.UNKNOWN),
]
SETTLED = {"a": 1, "b": 1, "c": 0, "d": 1, "e": 0}


def settled(**changes: int) -> list[Settled]:
    return [Settled(token, copies) for token, copies in {**SETTLED, **changes}.items()]


def test_all_is_well() -> None:
    result = check_durability(SAMPLES, settled())
    assert result.ok
    assert (result.kept, result.dropped) == (("d",), ("e",))
    assert "2 writes acknowledged, 0 of them missing" in result.describe()
    assert "2 of unknown outcome, of which 1 are in the table" in result.describe()


def test_a_missing_acknowledged_write() -> None:
    result = check_durability(SAMPLES, settled(b=0))
    assert not result.ok
    assert result.missing == ("b",)
    assert "1 of them missing (b)" in result.describe()


def test_a_write_that_is_there_twice() -> None:
    for token in ("a", "d"):
        result = check_durability(SAMPLES, settled(**{token: 2}))
        assert not result.ok
        assert result.duplicated == (token,)
        assert "more than once" in result.describe()


def test_a_refused_write_that_is_there() -> None:
    result = check_durability(SAMPLES, settled(c=1))
    assert not result.ok
    assert result.refused == ("c",)
    assert "refused but found (c)" in result.describe()


def test_a_row_nobody_wrote() -> None:
    result = check_durability(SAMPLES, settled(z=1))
    assert not result.ok
    assert result.unexpected == ("z",)


def test_a_table_that_was_not_read() -> None:
    result = check_durability(SAMPLES, [])
    assert not result.ok
    assert len(result.unsettled) == 5
    assert result.missing == ()


def test_no_write_at_all_proves_nothing() -> None:
    assert not check_durability([], []).ok
    assert not check_durability([write("c", Outcome.FAILED)], [Settled("c", 0)]).ok


def test_what_was_read_last_counts() -> None:
    assert check_durability(SAMPLES, [*settled(b=0), Settled("b", 1)]).ok
