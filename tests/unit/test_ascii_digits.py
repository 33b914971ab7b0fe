"""Numbers have the digits 0 to 9: those of other scripts look like a number and are easily misread."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testbed.durations import parse_duration, parse_long_duration
from testbed.faults.fault_options import _number
from testbed.units import parse_percentage


def _rate(text: str) -> float:
    return _number(text, "kbit/s", "256kbit/s", "rate")


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_duration, "\uff11s"),
        (parse_duration, "1.\u0665s"),
        (parse_long_duration, "\uff12m"),
        (parse_long_duration, "\uff12h"),
        (parse_percentage, "\uff13\uff10%"),
        (_rate, "\u0662\u0665\u0666kbit/s"),
    ],
)
def test_digits_of_other_scripts_are_refused(parse: Callable[[str], float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse(text)
