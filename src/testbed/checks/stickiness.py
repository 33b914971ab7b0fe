"""Does each session stay on its app node for as long as that node can be reached?

The matrix is session x app node x time. A move is two answers to one session, one after the other, from
different nodes. It is caused if the session's node was absent at some time between the two. A session is
established by a login that succeeded, and then lives in the files of the node that answered. If that node is
absent at a request of the session, the session is lost and its user must log in again. Exactly those users
must, and no others. Where sessions live in the database instead, they roam: any move is right, and no node's death may
make a user log in again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from testbed.checks.absences import Absence, absences
from testbed.checks.check import Check
from testbed.checks.injected_faults import InjectedFault
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.states import Timelines
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Journal, Outcome, RequestSample
from testbed.probes.declared_http import SESSION, SESSION_LOST

LOG_IN = "log in"
LOG_OUT = "log out"
# What a probe does with its session.
PROBE = "probe"
LOST = SESSION_LOST
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Stay:
    """A session's time on one app node, without interruption.

    Args:
        node: which one.
        first, last: when its first and last answer came.
        answers: how many.
        balancers: through which balancers.
    """

    node: str
    first: float
    last: float
    answers: int
    balancers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Move:
    """A session went from one node to another.

    Args:
        session: which one.
        source, target: the nodes.
        left: when the source's last answer came.
        at: when the target's first answer came.
        cause: the source's absence between the two, None if there was none.
    """

    session: str
    source: str
    target: str
    left: float
    at: float
    cause: Absence | None


@dataclass(frozen=True, slots=True)
class Stickiness:
    """Where the sessions lived.

    Args:
        matrix: each session's stays, in order of time.
        moves: every move, caused or not.
        interrupted: established sessions that had a request while their node was absent, and no answer from it.
        lost: sessions that were sent to the login page in the middle, and when first.
        roaming: sessions live in the database: every node knows them all.
        may_stay: sessions whose requests record no login: whether their node's death must end them is not known.
    """

    matrix: Mapping[str, tuple[Stay, ...]]
    moves: tuple[Move, ...]
    interrupted: frozenset[str]
    lost: Mapping[str, float]
    roaming: bool = False
    may_stay: frozenset[str] = frozenset()

    @property
    def uncaused(self) -> tuple[Move, ...]:
        """Moves away from a node that could be reached."""
        return () if self.roaming else tuple(move for move in self.moves if move.cause is None)

    @property
    def survivors(self) -> tuple[str, ...]:
        """Sessions that should have been lost and were not."""
        return () if self.roaming else tuple(sorted(self.interrupted - self.lost.keys() - self.may_stay))

    @property
    def strays(self) -> tuple[str, ...]:
        """Sessions that were lost and should not have been."""
        return tuple(sorted(self.lost.keys() - (frozenset() if self.roaming else self.interrupted)))

    @property
    def ok(self) -> bool:
        """Every move was caused, and exactly the sessions of absent nodes were lost; of roaming ones none."""
        return bool(self.matrix) and not self.uncaused and not self.survivors and not self.strays

    def describe(self) -> str:
        """The verdict and its evidence, one paragraph."""
        if not self.matrix:
            return "no session was answered by any app node: nothing is known."
        nodes = sorted({stay.node for stays in self.matrix.values() for stay in stays})
        across = sum(any(len(stay.balancers) > 1 for stay in stays) for stays in self.matrix.values())
        text = f"{len(self.matrix)} sessions on {', '.join(nodes)}"
        text += f"; {across} stayed on their node through a change of balancer" if across else ""
        if self.roaming:
            text += f", kept in the database; {len(self.moves)} moves"
        else:
            text += f"; {len(self.moves)} moves, {len(self.uncaused)} without a cause" if self.moves else "; none moved"
        if self.uncaused:
            move = self.uncaused[0]
            text += f" (first: session {move.session} from {move.source} to {move.target})"
        text += f"; {len(self.interrupted)} had a request while their node was absent" if self.interrupted else ""
        text += f"; {len(self.lost)} were lost" if self.lost or self.interrupted else "; none was lost"
        if self.survivors:
            text += f"; not lost although their node was absent: {', '.join(self.survivors[:EXAMPLES])}"
        if self.strays:
            why = "although the database has them" if self.roaming else "although their node was reachable"
            text += f"; lost {why}: {', '.join(self.strays[:EXAMPLES])}"
        return text + "."


def check_stickiness(
    requests: Iterable[RequestSample], absences: Sequence[Absence] = (), *, slack: float = 0.5, roaming: bool = False
) -> Stickiness:
    """Follow each session from node to node.

    Args:
        requests: of webmail users, in any order.
        absences: of app nodes; the first that fits is named as a move's cause.
        slack: seconds that an answer may be on its way.
        roaming: sessions live in the database.
    """
    sessions: dict[str, list[RequestSample]] = defaultdict(list)
    for request in sorted(requests, key=lambda request: request.finished):
        if request.session:  # an application may have none
            sessions[request.session].append(request)
    of_node: dict[str, list[Absence]] = defaultdict(list)
    for absence in absences:
        of_node[absence.node].append(absence)
    matrix = {name: stays for name, asked in sessions.items() if (stays := _stays(asked))}
    return Stickiness(
        matrix=matrix,
        moves=tuple(
            Move(name, old.node, new.node, old.last, new.first, _cause(of_node[old.node], old.last, new.first, slack))
            for name, stays in matrix.items()
            for old, new in pairwise(stays)
        ),
        interrupted=frozenset(name for name in matrix if _is_interrupted(sessions[name], of_node, slack)),
        lost={
            name: min(losses)
            for name, asked in sessions.items()
            if (losses := [request.finished for request in asked if request.cause == LOST])
        },
        roaming=roaming,
        may_stay=frozenset(name for name in matrix if not _logs_in(sessions[name])),
    )


def stickiness(run: RecordedRun) -> Stickiness:
    """The sessions of a run, with the causes of their moves."""
    return journal_stickiness(run.journal, run.faults, run.lines)


def journal_stickiness(journal: Journal, faults: Sequence[InjectedFault], lines: Timelines) -> Stickiness:
    """The sessions of a journal's users and declared probes, with the causes of their moves.

    Args:
        journal: the run's.
        faults: of the run.
        lines: the states of all nodes.
    """
    requests = [*journal.of(RequestSample), *probe_requests(journal)]
    nodes = {request.app for request in requests if request.app}
    roaming = bool(journal.plan and journal.plan.platform.get("sessions") == "database")
    return check_stickiness(requests, absences(nodes, faults, lines, requests), roaming=roaming)


def probe_requests(journal: Journal) -> list[RequestSample]:
    """The samples of declared probes that keep a session, as requests of a user with the probe's name."""
    keeping = [name for name, keys in (journal.plan.probes if journal.plan else {}).items() if keys.get("session")]
    return [
        RequestSample(
            session=sample.attrs[SESSION], user=name, action=PROBE, balancer=sample.attrs.get("balancer", ""),
            app=sample.attrs.get("app", ""), started=sample.started, latency=sample.finished - sample.started,
            outcome=sample.outcome, cause=sample.detail,
        )
        for name in keeping
        for sample in journal.probes.get(name, ())
        if SESSION in sample.attrs
    ]  # fmt: skip


class StickinessCheck(Check):
    """A session moves only when its app node is absent, and only the sessions of absent nodes are lost."""

    name = "stickiness"
    passes_if = (
        "every move of a session has a cause, and only the sessions of an absent node were lost; with "
        "sessions in the database, none was lost"
    )
    unknown_if = (
        "no session was answered, no session lived on a node that died although one must, or the load ended too early"
    )
    asked_by = ("must_affect_sessions", "max_lost_sessions")
    judges = "every run with users or with a probe that keeps a session"

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
        if not run.journal.of(RequestSample) and run.plans_no("load") and not probe_requests(run.journal):
            return None
        found = stickiness(run)
        builder = VerdictBuilder()
        for move in () if found.roaming else found.moves:
            text = f"session {move.session} went from {move.source} to {move.target}"
            if move.cause:
                builder.note(f"{text}: {move.cause.why}", move.at, move.source)
            else:
                builder.fail(f"{text} without a cause", move.at, move.source)
        for session in found.strays:
            where = "it is in the database" if found.roaming else "its node was reachable"
            builder.fail(f"session {session} was lost, although {where}", found.lost[session])
        for session in found.survivors:
            # The page that would show the loss may be missing in the journal.
            (builder.fail if run.complete else builder.doubt)(
                f"session {session} was not lost, although its node was absent", found.matrix[session][-1].last
            )
        most = run.expect.max_lost_sessions
        if most is not None and len(found.lost) > most:
            builder.fail(f"lost sessions: {len(found.lost)}, expected at most {most}", max(found.lost.values()))
        if why := run.ended_programs.get("load"):
            builder.doubt(f"the load ended before the run did ({why}): what its users would have met is unknown")
        if not found.matrix:
            builder.doubt("no session was answered by any app node")
        elif run.expect.must_affect_sessions and not found.interrupted:
            builder.doubt("no session lived on a node that died: stickiness was not tested")
        return builder.verdict(self.name, found.describe())


def _stays(asked: list[RequestSample]) -> tuple[Stay, ...]:
    stays = []
    for node, group in groupby((request for request in asked if request.app), key=lambda request: request.app):
        answers = list(group)
        balancers = frozenset(answer.balancer for answer in answers if answer.balancer)
        stays.append(Stay(node, answers[0].finished, answers[-1].finished, len(answers), balancers))
    return tuple(stays)


def _cause(absences: Sequence[Absence], left: float, at: float, slack: float) -> Absence | None:
    return next((absence for absence in absences if absence.overlaps(left - slack, at)), None)


def _is_interrupted(asked: list[RequestSample], of_node: Mapping[str, Sequence[Absence]], slack: float) -> bool:
    """Whether the session was established on a node, and had a request while the node was absent.

    A session without a request until its node was back is not lost: its file is still there. A user who only logs out
    does not notice the loss, because the page after it needs no session. Only a complete page shows whether a session
    was lost. A redirect or half a login does not.
    """
    answers = [request for request in asked if request.app]
    for place, (before, after) in enumerate(pairwise(answers)):
        if after.app == before.app and after.cause != LOST:
            continue
        if not _cause(of_node.get(before.app, ()), before.finished, after.finished, slack):
            continue
        so_far, following = answers[: place + 1], answers[place + 1 :]
        established = not _logs_in(asked) or any(_succeeded(request, LOG_IN) for request in so_far)
        left = any(_succeeded(request, LOG_OUT) for request in (*so_far, after))
        is_known = any(
            request.cause == LOST or (request.outcome is Outcome.OK and not request.cause) for request in following
        )
        if established and is_known and not left:
            return True
    return False


def _logs_in(asked: Iterable[RequestSample]) -> bool:
    """Whether the session's requests record logins; a session without them is established by its first answer."""
    return any(request.action == LOG_IN for request in asked)


def _succeeded(request: RequestSample, action: str) -> bool:
    # The steps of a login that is not through yet carry a cause.
    return request.action == action and request.outcome == Outcome.OK and not request.cause
