"""The folder of a session: every measurement on a line of its own, on the disk before the next one begins."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from testbed.errors import UsageError

SAMPLES = "samples.jsonl"


class StoredSample(BaseModel):
    """Base of what is kept as JSON; a later version may know more than this one."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class BenchOpening(StoredSample):
    """The first line of a session.

    Attributes:
        started: Unix seconds.
        rounds, seconds, users: what the user chose.
        claims: which subjects, by their keys, in order.
        machine: the machine and the versions of what ran: label and value.
    """

    started: float
    rounds: int
    seconds: float
    users: int = 0
    claims: tuple[str, ...]
    machine: dict[str, str]


class Sample(StoredSample):
    """One variant, measured once.

    Attributes:
        claim, variant: what was measured: the key of the subject, and the name of its variant.
        round: in which round, from 1.
        started: Unix seconds.
        took: seconds that the turn took, with its preparation.
        load: the computer's load average of the last minute before it.
        values: a value for each measure.
    """

    claim: str
    variant: str
    round: int
    started: float
    took: float
    load: float
    values: dict[str, float]


class Failure(StoredSample):
    """A turn that could not be measured.

    Attributes:
        claim, variant, round: as for a sample.
        failure: why.
    """

    claim: str
    variant: str
    round: int
    failure: str


class BenchSession:
    """A session's folder.

    Args:
        folder: it; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / SAMPLES

    @classmethod
    def create(cls, folder: Path, opening: BenchOpening) -> BenchSession:
        """Make the folder of a new session.

        Args:
            folder: where.
            opening: what is going to be measured.
        """
        folder.mkdir(parents=True)
        session = cls(folder)
        session.write(opening)
        return session

    @classmethod
    def begin(cls, parent: Path, kind: str, opening: BenchOpening) -> BenchSession:
        """Make the folder of a new session, named by its kind and the time.

        Args:
            parent: the folder of all sessions.
            kind: the command whose session it is: ``paper`` or ``scale``.
            opening: what is going to be measured.
        """
        return cls.create(parent / time.strftime(f"{kind}-%Y%m%d-%H%M%S"), opening)

    @classmethod
    def newest(cls, parent: Path, kind: str) -> BenchSession:
        """The session that was begun last.

        Args:
            parent: the folder of all sessions.
            kind: the command whose session it is: ``paper`` or ``scale``.

        Raises:
            UsageError: there is none.
        """
        folders = sorted(path.parent for path in parent.glob(f"{kind}-*/{SAMPLES}"))
        if not folders:
            raise UsageError("there is no earlier session", where=str(parent), fix=f"run `testbed bench {kind}`")
        return cls(folders[-1])

    def write(self, line: StoredSample) -> None:
        """Append a line."""
        with self._path.open("a") as file:
            file.write(json.dumps(line.model_dump(mode="json")) + "\n")

    @property
    def opening(self) -> BenchOpening:
        """The first line.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            return BenchOpening.model_validate(next(self._lines(), {}))
        except ValidationError:
            raise UsageError(f"the first line of {SAMPLES} is damaged", where=str(self.folder)) from None

    def samples(self) -> list[Sample]:
        """All measurements, in the order in which they were made."""
        return [Sample.model_validate(line) for line in self._lines() if "values" in line]

    def failures(self) -> list[Failure]:
        """The turns that could not be measured, also those that a resumed session has measured since."""
        return [Failure.model_validate(line) for line in self._lines() if "failure" in line]

    def _lines(self) -> Iterator[Mapping[str, Any]]:
        """Every whole line; the last one may have been cut off by a power loss."""
        for text in self._path.read_text().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line
