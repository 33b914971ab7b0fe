"""Kinds of failure: what failed, without the numbers and names that differ from run to run. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from testbed.balancers.balancer_registry import SERVER
from testbed.checks import Status, Verdict
from testbed.checks.healthy import HEALTHY, REPAIRED
from testbed.checks.run_integrity import RUN, STEPS
from testbed.designs.design_registry import DESIGNS
from testbed.probes.probe_registry import PROBES

SERVED = "served"
UNREADABLE = "the table of writes cannot be read back"
LONGEST = 160
MOST = 6  # kinds of one check in one run

# The complaint of an unhealthy cluster that the others follow from comes first.
_FIRST_COMPLAINTS = (
    "split brain", "went off", "does not exist", " is off", " is frozen", "does not answer", "does not serve",
    "the database's address", *(f"{design.replication} is" for design in DESIGNS.values()), "the site's address",
    f"{SERVER.title} does not run",
)  # fmt: skip
_NODE = re.compile(r"\b(lb|db|app)-?\d+\b")
_WORD_WITH_DIGIT = re.compile(r"(?<![\w-])[\w./:+-]*\d(?:[\w./:%+-]*[\w%])?")
_LENGTH = re.compile(r", (for [\d.]+ s|to the end)(?=$|,)")
# What a recovery adds to the complaints: ``: NODE: REMEDY``.
_REMEDY = re.compile(r": [\w-]+: [^:;]*$")
_NOT_HEALTHY = "the cluster does not become healthy: "
_PHASES = re.compile(r"service did not come back for [^;.]+|out of order: [^;.(]+")


@dataclass(frozen=True, slots=True)
class FailureKind:
    """A kind of failure.

    Attributes:
        check: the check that failed; ``healthy`` when the cluster did not become healthy, ``served`` when users were
            not served again.
        cause: what was wrong, normalised.
    """

    check: str
    cause: str

    def __str__(self) -> str:
        return f"{self.check}: {self.cause}"


def failure_kinds(verdicts: Iterable[Verdict]) -> dict[FailureKind, str]:
    """The kinds of failure of a run, each with the text of the check; worst first."""
    found: dict[FailureKind, str] = {}
    for verdict in verdicts:
        if verdict.status is not Status.FAIL:
            continue
        # A repair follows from a step that failed, or a run that broke, because the cluster was not healthy.
        if verdict.check == HEALTHY and any(kind.check == HEALTHY for kind in found):
            continue
        for text in _causes(verdict)[:MOST]:
            found.setdefault(kind_of(verdict.check, text), text)
    return found


def kind_of(check: str, text: str) -> FailureKind:
    """The kind of one failure.

    Args:
        check: the check that failed.
        text: the check's own.
    """
    if check in (RUN, STEPS):
        return _of_run(check, text)
    if check == HEALTHY:
        reason = _REMEDY.sub("", text.removeprefix(REPAIRED)) if text.startswith(REPAIRED) else text
        return FailureKind(HEALTHY, _complaint(reason))
    if check == "alarms":
        node, _, rest = text.partition(": ")
        return FailureKind(check, normalised(f"{rest.partition(': ')[0]} in the log of {node}"))
    if check == "phases":
        lines = [_without_probes(part.strip()) for part in _PHASES.findall(text)]
        return FailureKind(check, normalised("; ".join(lines) or text))
    if check == "durability" and UNREADABLE in text:  # with any message of the server
        return FailureKind(check, UNREADABLE)
    return FailureKind(check, normalised(text))


def normalised(text: str) -> str:
    """A text without what differs from run to run: numbers, tokens, lengths of time, the number of a node."""
    text = _NODE.sub(r"\1", _LENGTH.sub("", text))
    text = " ".join(_WORD_WITH_DIGIT.sub("N", text).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _causes(verdict: Verdict) -> Sequence[str]:
    return verdict.causes or [fact.text for fact in verdict.evidence[:1]] or [verdict.summary]


def _of_run(check: str, text: str) -> FailureKind:
    """A run that broke, or a step that did not come: above all the cluster that does not become healthy."""
    reason = text.partition("): ")[2] if check == STEPS else text.removeprefix("the run broke: ")
    waited, _, seen = reason.partition("; last seen: ")
    unhealthy = reason.startswith(("split brain", _NOT_HEALTHY)) or " went off: " in reason
    if "a healthy cluster" in waited or unhealthy:
        return FailureKind(HEALTHY, _complaint(seen or reason))
    if "'service'" in waited:
        names = [each.partition(": ")[0] for each in seen.split("; ") if not re.search(r": good ", each)]
        silent = [name for name in names if name in PROBES]
        return FailureKind(SERVED, f"no answer from {_service(silent)}" if silent else normalised(seen))
    return FailureKind(check, normalised(waited))


def _complaint(reason: str) -> str:
    """The complaint of an unhealthy cluster that the others follow from, normalised."""
    text = reason.removeprefix(_NOT_HEALTHY)
    node, off, _ = text.partition(" went off: ")
    complaints = [f"{node} went off"] if off else text.split("; ")
    return normalised(min(complaints, key=_rank))


def _without_probes(text: str) -> str:
    """What did not come back, by the service and not by which of its probes saw it."""
    lead, found, probes = text.partition("did not come back for ")
    return f"{lead}{found}{_service(probes.split(', '))}" if found else text


def _service(probes: Sequence[str]) -> str:
    """The service that is away when these probes have no answer; the webmail needs the site and the database."""
    if not any(name in PROBES for name in probes):  # only probes that the topology declares
        return ", ".join(probes)
    needed = [set(PROBES[name].resources) for name in probes if name in PROBES]
    if {"site"} in needed:
        return "the site"
    return "the database" if {"database"} in needed else "the webmail"


def _rank(complaint: str) -> int:
    return next((place for place, text in enumerate(_FIRST_COMPLAINTS) if text in complaint), len(_FIRST_COMPLAINTS))
