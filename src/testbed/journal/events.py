"""What a journal can hold: the schema of its lines.

All times are seconds of the host's CLOCK_MONOTONIC. Containers share the kernel's clock, so samples of different
containers, and of the host, compare without conversion; a guest's times are mapped before they are written, with
the bound of the error beside them. The reader knows how to turn monotonic into wall time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar

from testbed.journal import values

VERSION = 2
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
        probe: which probe, such as "https" or "sql-write".
        scheduled: when it was due; waiting in the prober counts as waiting.
        started: when it really began.
        finished: when its outcome was known.
        outcome: how it ended.
        detail: why it is not ok, one line.
        token: what a write tried to store, unique in the world; empty for all that write nothing.
        attrs: who answered: ``balancer``, ``app``, ``database``.
    """

    kind: ClassVar[str] = "probe"
    probe: str
    scheduled: float
    started: float
    finished: float
    outcome: Outcome
    detail: str = ""
    token: str = ""
    attrs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestSample:
    """One HTTP exchange of a user: of the webmail, or of an application with a Locust file of its own.

    Args:
        session: one login's identity; a new login is a new session.
        user: the account.
        action: what the user was doing, such as "read".
        balancer, app: who answered, empty if nobody said.
        started: when the request was sent.
        latency: seconds until the answer, or until giving up.
        outcome: how it ended.
        cause: why it is not ok: "session-lost", "timeout", "http-503" ...; or, when it is ok, why it is not yet
            the end of its action: "redirect", "unfinished".
        application: whose user it is.
        token: what the request was to store, unique in the world; empty for most.
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
    application: str = "webmail"
    token: str = ""

    @property
    def finished(self) -> float:
        """When the answer was there."""
        return self.started + self.latency


@dataclass(frozen=True, slots=True)
class StateChange:
    """A part of a node went into another state, or was found in one.

    Args:
        node: which node.
        aspect: which part of it, a name of ``Aspect`` or ``member:<app node>`` on a balancer.
        value: the new state in the part's own words.
        at: when, on the host's clock.
        error: seconds by which ``at`` may be wrong, either way.
        source: who told: ``node`` (its own event), ``docker``, ``qemu``, ``snapshot`` (asked, at the run's start).
    """

    kind: ClassVar[str] = "state"
    node: str
    aspect: str
    value: str
    at: float
    error: float = 0.0
    source: str = "node"


class Aspect(StrEnum):
    """The parts of a node whose states are followed, with the values they take. Each database design adds its own.

    A node that is off or was reset has no other state than its power: readers void all others at that moment.
    """

    POWER = "power"  # on, off, frozen, reset (an instant: it is on afterwards)
    SITE_ADDRESS = "site-address"  # held, none
    DATABASE_ADDRESS = "database-address"  # held, none
    CARP = "carp"  # master, backup
    POSTGRES = "postgres"  # accepting, stopped
    MEMBER = "member"  # with ":app-1" behind it: ok, error, or another state (disabled, draining)


@dataclass(frozen=True, slots=True)
class FaultStep:
    """A step of a fault's life; each fault has four, unless testbed died.

    Args:
        key: the fault's identity in the ledger.
        step: ``inject`` (asked for), ``injected`` (in force), ``heal`` (asked for), ``healed`` (undone).
        fault: its name.
        node: the machine it struck.
        target: how the machine was asked for, such as ``db:primary``.
        options: what else was asked for, such as ``network``.
        at: when it was recorded; the reader takes it from the line's stamp.
    """

    kind: ClassVar[str] = "fault"
    key: str
    step: str
    fault: str
    node: str
    target: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    at: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Settled:
    """How often a token was found when the table was read back.

    Args:
        token: what a write tried to store, or a token nobody tried.
        copies: rows that hold it.
        application: whose work it is; empty: the SQL write probe's.
    """

    kind: ClassVar[str] = "settled"
    token: str
    copies: int
    application: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something worth finding again: a stage of the run.

    Args:
        name: what happened.
        node: where, if at a node.
        attrs: what else is to be known.
        at: when it was recorded; the reader takes it from the line's stamp.
    """

    kind: ClassVar[str] = "mark"
    name: str
    node: str = ""
    attrs: Mapping[str, str] = field(default_factory=dict)
    at: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What the run was to do and what was expected of it: the incident file, and how it was called.

    Args:
        name: the incident's name.
        scenario: the whole incident as data.
        seed: of the random choices.
        repeat: which repetition this is, from 1.
        repeats: how many there are to be.
        series: what runs of one call have in common.
        platform: what balances, how VMs run and whose holes are closed, such as ``{"balancer": "debian",
            "accel": "tcg", "profile": "reference"}``.
        probes: the probes that the topology declares, by name: what they request and what they expect.
        read_back: where each application shows its acknowledged work: ``url`` or ``query``.
    """

    kind: ClassVar[str] = "plan"
    name: str
    scenario: Mapping[str, Any]
    seed: int = 0
    repeat: int = 1
    repeats: int = 1
    series: str = ""
    platform: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[str, Any] = field(default_factory=dict)
    read_back: Mapping[str, Any] = field(default_factory=dict)

    @property
    def profile(self) -> str:
        """The cluster's profile; before there were two, it was the reference."""
        return self.platform.get("profile", "reference")


@dataclass(frozen=True, slots=True)
class Alarm:
    """A node's log held a line that no healthy run has: a crash, a traceback, a corruption.

    Args:
        node: whose log.
        pattern: name of the pattern that matched.
        text: the line.
        at: when it was written.
    """

    kind: ClassVar[str] = "alarm"
    node: str
    pattern: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Scan:
    """Which ports of a node answered when they were tried from a network.

    Args:
        source: the network it was tried from.
        node: whose address, or the name of a virtual address: ``site``, ``database``.
        address: what was tried.
        ports: how many ports were tried.
        open: those that accepted a connection.
        allowed: those that may.
    """

    kind: ClassVar[str] = "scan"
    source: str
    node: str
    address: str
    ports: int
    open: tuple[int, ...]
    allowed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that a run should have taken away and did not.

    Args:
        what: ``fault``, ``container``, ``process``, ``disk`` (full), ``core``.
        where: the node or the host.
        detail: which.
    """

    kind: ClassVar[str] = "leftover"
    what: str
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class ClockSample:
    """A guest's clock, read between two readings of the host's.

    Args:
        node: the guest.
        guest: its seconds since boot.
        before, after: the host's clock around the reading: the guest's moment lies between them.
    """

    kind: ClassVar[str] = "clock"
    node: str
    guest: float
    before: float
    after: float


Event = (
    ProbeSample
    | RequestSample
    | StateChange
    | FaultStep
    | Settled
    | Mark
    | RunPlan
    | Alarm
    | Scan
    | Leftover
    | ClockSample
)
KINDS: dict[str, type[Event]] = {
    event.kind: event
    for event in (
        ProbeSample, RequestSample, StateChange, FaultStep, Settled, Mark, RunPlan, Alarm, Scan, Leftover, ClockSample
    )
}  # fmt: skip


# Their time is the stamp of their line.
_STAMPED = (Mark, FaultStep)


def to_fields(event: Event) -> dict[str, Any]:
    """The event as the fields of a journal line."""
    # Not dataclasses.asdict: it copies what it finds, at many times the cost, and there are hundreds a second.
    line = {"kind": event.kind, **{name: getattr(event, name) for name in event.__slots__}}
    if isinstance(event, _STAMPED):
        del line["at"]
    return line


def from_fields(line: Mapping[str, Any]) -> Event:
    """The event that a journal line describes.

    Raises:
        KeyError: the kind is unknown.
        TypeError: a field is missing, or one is there that the kind does not have, or one holds what it may not.
        ValueError: the outcome is none of the three.
    """
    kind = KINDS[line["kind"]]
    checks = _CHECKS[kind]
    taken = {}
    for name, value in line.items():
        if name in _ENVELOPE:
            continue
        if name not in checks:
            raise TypeError(f"{kind.kind} has no field {name!r}")
        taken[name] = checks[name](value)
    if kind in _STAMPED:
        taken["at"] = values.number(line["mono"])
    return kind(**taken)


def _outcome(value: object) -> Outcome:
    return Outcome(values.text(value))


_ENVELOPE = frozenset(("kind", "wall", "mono"))
_BY_TYPE: Mapping[str, Callable[[object], Any]] = {
    "str": values.text,
    "float": values.number,
    "int": values.whole,
    "Outcome": _outcome,
    "Mapping[str, str]": values.texts,
    "Mapping[str, Any]": values.data,
    "tuple[int, ...]": values.ports,
}
_CHECKS: Mapping[type[Event], Mapping[str, Callable[[object], Any]]] = {
    kind: {field.name: _BY_TYPE[str(field.type)] for field in fields(kind)} for kind in KINDS.values()
}
