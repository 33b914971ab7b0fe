"""What a journal can hold.

All times are seconds of CLOCK_MONOTONIC. Containers share the kernel's clock, so samples of different
containers, and of the host, compare without conversion; the reader knows how to turn them into wall time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

VERSION = 1
HEADER = "journal"


class Outcome(StrEnum):
    """How a request ended.

    UNKNOWN is not a failure: it was sent, and nobody said whether it was done.
    """

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ProbeSample:
    """One probe of an open loop.

    Args:
        probe: which probe, such as "http" or "sql".
        scheduled: when it was due; waiting in the prober counts as waiting.
        started: when it really began.
        finished: when its outcome was known.
        detail: why it is not ok, one line.
        attrs: who answered (balancer, app), what was written (token).
    """

    kind: ClassVar[str] = "probe"
    probe: str
    scheduled: float
    started: float
    finished: float
    outcome: Outcome
    detail: str = ""
    attrs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestSample:
    """One HTTP exchange of a webmail user.

    Args:
        session: one login's identity; a new login is a new session.
        user: the account.
        action: what the user was doing, such as "read".
        balancer, app: who answered, empty if nobody said.
        started: when the request was sent.
        latency: seconds until the answer, or until giving up.
        cause: why it is not ok: "session-lost", "timeout", "http-503" ...; or, when it is ok, why it is not yet
            the end of its action: "redirect", "unfinished".
    """

    kind: ClassVar[str] = "request"
    session: str
    user: str
    action: str
    balancer: str
    app: str
    started: float
    latency: float
    outcome: Outcome
    cause: str = ""

    @property
    def finished(self) -> float:
        """When the answer was there."""
        return self.started + self.latency


@dataclass(frozen=True, slots=True)
class Settled:
    """How often a token was found when the table was read back.

    Args:
        token: what a write tried to store, or a token nobody tried.
        copies: rows that hold it.
    """

    kind: ClassVar[str] = "settled"
    token: str
    copies: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Something worth finding again: a fault, a heal, a stage of the run.

    Args:
        name: what happened.
        node: where, if at a node.
        attrs: what else is to be known.
    """

    kind: ClassVar[str] = "mark"
    name: str
    node: str = ""
    attrs: Mapping[str, str] = field(default_factory=dict)


Event = ProbeSample | RequestSample | Settled | Mark
KINDS: dict[str, type[Event]] = {event.kind: event for event in (ProbeSample, RequestSample, Settled, Mark)}


def to_fields(event: Event) -> dict[str, Any]:
    """The event as the fields of a journal line."""
    return {"kind": event.kind, **asdict(event)}


def from_fields(fields: Mapping[str, Any]) -> Event:
    """The event that a journal line's fields describe.

    Raises:
        KeyError: the kind is unknown.
        TypeError: a field is missing, or one is there that the kind does not have.
        ValueError: the outcome is none of the three.
    """
    values = {name: value for name, value in fields.items() if name not in ("kind", "wall", "mono")}
    if "outcome" in values:
        values["outcome"] = Outcome(values["outcome"])
    return KINDS[fields["kind"]](**values)
