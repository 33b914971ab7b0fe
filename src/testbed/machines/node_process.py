"""A process of a node, as /proc or ps(1) lists it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    """A process.

    Attributes:
        pid: its number.
        name: its program's name, at most 15 characters.
        state: ``R`` running, ``S`` sleeping, ``T`` stopped ...
        parent: its parent's number.
        ticks: processor time it has used, in hundredths of a second.
        program: whether it is known to run the wanted program.
    """

    pid: int
    name: str
    state: str
    parent: int
    ticks: int
    program: bool = False
