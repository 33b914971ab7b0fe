"""A claim of the paper: a subject of measurement with bases, and with the paper's figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from testbed.bench.session.subject import BenchSubject


@dataclass(frozen=True, slots=True)
class Expectation:
    """A figure of the paper, as limits of a figure that is measured.

    Attributes:
        statement: what the paper says.
        measure: the key of the measure.
        variant: the variant that shows it.
        base: the variant that it is divided by; empty: the value itself is compared.
        at_least: the claim holds from this value on.
        at_most: the claim holds up to this value.
        strict: whether the whole interval must be beyond the limit: the claim is that there is a difference.
        reason: the likely reason when it does not reproduce.
    """

    statement: str
    measure: str
    variant: str
    base: str = ""
    at_least: float | None = None
    at_most: float | None = None
    strict: bool = False
    reason: str = ""


class PaperClaim(BenchSubject):
    """A quantitative claim of the 2006 design.

    Attributes:
        bases: the variant that each other one is divided by; those that are not named have none.
        base_title: what the bases are, in words.
        expectations: the paper's figures.
    """

    bases: ClassVar[Mapping[str, str]] = {}
    base_title: ClassVar[str] = ""
    expectations: ClassVar[tuple[Expectation, ...]] = ()
