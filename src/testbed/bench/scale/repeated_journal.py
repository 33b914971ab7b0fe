"""A journal of any size: the events of a recorded run, repeated and shifted in time."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.errors import UsageError
from testbed.journal.events import HEADER, FaultStep, Mark, ProbeSample, RequestSample, RunPlan, Settled

Fields = Mapping[str, Any]
# Fields that are times, which move with the repetition.
TIMES = ("wall", "mono", "at", "scheduled", "started", "finished", "before", "after")
# Fields that identify something within one run, and must differ between repetitions.
IDENTITIES = {FaultStep.kind: "key", ProbeSample.kind: "token", Settled.kind: "token", RequestSample.kind: "session"}
# Marks that a run has once: those at its begin are kept of the first repetition, those at its end of the last one.
FIRST_MARKS, LAST_MARKS = ("run-begins", "steady"), ("timeline-done", "load-ends", "probes-end", "settled", "run-ends")


def read_recording(path: Path) -> list[Fields]:
    """Return the lines of a recorded run.

    Args:
        path: a journal, compressed by gzip(1).

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(f"the recorded run cannot be read: {error}", where=str(path)) from None


def repeated(recording: Sequence[Fields], times: int) -> Iterator[Fields]:
    """Return the lines of a run that repeats everything that a recorded run did.

    The result is one run: its plan, its begin and its end occur once. Faults, samples and requests occur so many times,
    each repetition right after the one before it.

    Args:
        recording: the lines of the recorded run.
        times: how often, at least once.
    """
    stamps = [line["mono"] for line in recording]
    span = max(stamps) - min(stamps) + 1.0
    for number in range(times):
        for line in recording:
            if _belongs(line, first=number == 0, last=number == times - 1):
                yield _shifted(line, number, number * span)


def write_repeated(path: Path, recording: Sequence[Fields], events: int) -> int:
    """Write a journal with at least so many events, and return the number of its lines.

    Args:
        path: the new file.
        recording: the lines of the recorded run.
        events: how many; the recorded run is repeated as a whole.
    """
    count = 0
    with path.open("w") as file:
        for line in repeated(recording, max(1, -(-events // len(recording)))):
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
            count += 1
    return count


def _belongs(line: Fields, *, first: bool, last: bool) -> bool:
    kind = line["kind"]
    if kind in (HEADER, RunPlan.kind):
        return first
    if kind == Mark.kind and line["name"] in FIRST_MARKS:
        return first
    return last if kind == Mark.kind and line["name"] in LAST_MARKS else True


def _shifted(line: Fields, number: int, seconds: float) -> Fields:
    if not number:
        return line
    moved = {name: round(value + seconds, 6) if name in TIMES else value for name, value in line.items()}
    identity = IDENTITIES.get(line["kind"], "")
    if moved.get(identity):
        moved[identity] = f"{moved[identity]}+{number}"
    return moved
