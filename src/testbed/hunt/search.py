"""The search: draw, play, shrink what fails in a way that is not known, until enough was played.

It plays nothing itself: a ``Player`` does. Everything it decides follows from the seed and from the plays in the store.
So a search that was interrupted repeats its decisions, and goes on where it stopped.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from math import inf
from statistics import fmean

from testbed.hunt import incident_writer
from testbed.hunt.draw import Generator
from testbed.hunt.failure_kinds import FailureKind
from testbed.hunt.hunt_store import HuntFinding, HuntSettings, HuntStore, Play, PlayFailure
from testbed.hunt.known_failures import find_known_failure
from testbed.hunt.sequence import Steps, format_steps, steps_key
from testbed.hunt.shrink import FAILURES, Shrinker, Shrunk
from testbed.progress import PrintLine
from testbed.topology import Topology

Player = Callable[[int, Steps, bool], Play]
"""Plays a sequence: the number of the drawn one, the steps, and whether they are as drawn."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a search ends.

    Attributes:
        runs: drawn sequences, those of earlier sessions included.
        seconds: of this session.
        shrink_plays: plays that shrinking one kind of failure may take; 0: nothing is shrunk.
    """

    runs: float = inf
    seconds: float = inf
    shrink_plays: int = 40


class TimeIsUp(Exception):
    """The session's time is over; what was played is kept."""


class Search:
    """One hunt on one cluster.

    Args:
        store: what was played so far.
        topology: the cluster that sequences are drawn for.
        player: plays them.
        limits: when to end.
        print_line: called with each line of output.
    """

    def __init__(
        self, store: HuntStore, topology: Topology, player: Player, limits: Limits, print_line: PrintLine
    ) -> None:
        self._store = store
        self._generator = Generator(topology)
        self._player = player
        self._limits = limits
        self._print_line = print_line
        self._end = time.monotonic() + limits.seconds

    def run(self) -> None:
        """Play until a limit is reached; what was played before is not played again.

        A search for a number of sequences plays all of them before it shrinks what failed: then the most frequent
        failure comes first, from the smallest sequence that showed it. A search without such an end shrinks at once.
        """
        drawn = self._store.drawn()
        at_once = self._limits.runs == inf
        try:
            first = self._store.settings.first
            for number in count(first):
                if number >= first + self._limits.runs:
                    break
                played = drawn.get(number) or self._draw(number)
                for failure in played.failures if at_once else ():
                    self._follow(played, failure)
            for played, failure in self._shown():
                self._follow(played, failure)
        except TimeIsUp:
            self._print_line("  the time is up")

    def _shown(self) -> list[tuple[Play, PlayFailure]]:
        """The kinds of failure of all drawn sequences, the most frequent first; each in its smallest sequence."""
        shown: dict[FailureKind, list[tuple[Play, PlayFailure]]] = {}
        for play in self._store.drawn().values():
            for failure in play.failures:
                if not find_known_failure(
                    failure.kind, play.taken, self._store.settings.profile, self._store.settings.design
                ):
                    shown.setdefault(failure.kind, []).append((play, failure))
        frequent = sorted(shown.values(), key=len, reverse=True)
        return [min(each, key=lambda pair: len(pair[0].taken)) for each in frequent]

    def _draw(self, number: int) -> Play:
        steps = self._generator.draw(self._store.settings.seed, number)
        self._print_line(f"  {number}{self._left(number)}: {format_steps(steps)}")
        played = self._play(number, steps, drawn=True)
        self._print_line(f"      {format_outcome(played, self._store.settings)} ({played.seconds:.0f} s)")
        return played

    def _left(self, number: int) -> str:
        """How many sequences there are, and how long the rest of them takes when it goes on as before."""
        if self._limits.runs == inf:
            return ""
        seconds = [play.seconds for play in self._store.drawn().values()]
        last = self._store.settings.first + self._limits.runs - 1
        rest = f", {(last - number + 1) * fmean(seconds) / 60:.0f} min left" if seconds else ""
        return f" of {last:g}{rest}"

    def _play(self, number: int, steps: Steps, *, drawn: bool) -> Play:
        if time.monotonic() >= self._end:
            raise TimeIsUp
        played = self._player(number, steps, drawn)
        self._store.add(played)
        return played

    def _follow(self, played: Play, failure: PlayFailure) -> None:
        """Shrink a failure of a kind that is neither known nor found before."""
        kind = failure.kind
        if not self._limits.shrink_plays or not self._is_new(kind, played.taken):
            return
        self._print_line(f"      not known: {kind}: shrinking it")
        recorded = _Recorded(self._store, played.number)
        start = played.taken

        def fails(steps: Steps) -> bool | None:
            again = recorded.next(steps) or self._play(played.number, steps, drawn=False)
            shows = True if kind in again.kinds else None if again.unknown else False
            lines = {True: "fails", False: "passes", None: "unknown"}[shows]
            self._print_line(f"        {lines}: {format_steps(steps)} ({again.seconds:.0f} s)")
            return shows

        shrunk = Shrinker(fails, self._limits.shrink_plays).shrink(start)
        self._found(played, failure, shrunk)

    def _found(self, played: Play, failure: PlayFailure, shrunk: Shrunk) -> None:
        """Write the incident; other kinds of failure that it shows as well are not shrunk by themselves."""
        seed = self._store.settings.seed
        name = incident_writer.sequence_name(
            seed, played.number, len({each.incident for each in self._store.findings}) + 1
        )
        runs = [play.run for play in self._store.plays if play.kept and failure.kind in play.kinds]
        smallest = [play for play in self._store.plays if steps_key(play.steps) == steps_key(shrunk.steps)]
        showing = [play for play in smallest if failure.kind in play.kinds]
        finding = HuntFinding(
            check=failure.check, cause=failure.cause, text=failure.text, number=played.number, steps=shrunk.steps,
            failed=shrunk.failed, played=shrunk.played, plays=shrunk.plays, complete=shrunk.complete,
            incident=f"{name}.yaml", run=([play.run for play in showing if play.kept] or runs or [""])[-1],
        )  # fmt: skip
        path = incident_writer.write_incident(self._store, finding)
        self._store.find(finding)
        self._print_line(f"      {format_steps(shrunk.steps)}: fails {shrunk.failed} of {shrunk.played} times; {path}")
        shown = [each for play in showing for each in dict.fromkeys(play.kinds) if self._is_new(each, play.taken)]
        for other, times in Counter(shown).items():
            if times >= FAILURES:
                text = next(each.text for play in showing for each in play.failures if each.kind == other)
                also = {"check": other.check, "cause": other.cause, "text": text, "failed": times, "plays": 0}
                self._store.find(finding.model_copy(update=also))
                self._print_line(f"      it shows as well: {other}")

    def _is_new(self, kind: FailureKind, steps: Steps) -> bool:
        """Whether a kind of failure is neither known nor found before."""
        if find_known_failure(kind, steps, self._store.settings.profile, self._store.settings.design):
            return False
        return kind not in {finding.kind for finding in self._store.findings}


class _Recorded:
    """The plays that an earlier session made while it shrank the same sequence, in their order.

    A play shows every kind of failure at once: the shrinking of a second kind begins with those of the first.
    """

    def __init__(self, store: HuntStore, number: int) -> None:
        self._plays = store.plays
        self._number = number
        self._used: Counter[str] = Counter()

    def next(self, steps: Steps) -> Play | None:
        """The next play of ``steps`` that was not used yet, None when there is none."""
        wanted = steps_key(steps)
        made = [
            play
            for play in self._plays
            if play.number == self._number and not play.drawn and steps_key(play.steps) == wanted
        ]
        place = self._used[wanted]
        self._used[wanted] += 1
        return made[place] if place < len(made) else None


def format_outcome(play: Play, settings: HuntSettings) -> str:
    """What a play came to, in one line."""
    known = {kind: find_known_failure(kind, play.taken, settings.profile, settings.design) for kind in play.kinds}
    lines = [f"fails: {kind}" for kind, entry in known.items() if entry is None]
    lines += [f"known: {entry.title}" for entry in known.values() if entry]
    lines += [f"unknown: {', '.join(play.unknown)}"] if play.unknown and not known else []
    text = "; ".join(dict.fromkeys(lines)) or "passes"
    refused = f"; steps that could not be taken: {len(play.refused)}" if play.refused else ""
    return f"{text}{f'; repaired by {play.repair}' if play.repair else ''}{refused}"
