"""Does each session stay on its app node for as long as that node lives?

The matrix is session x app node x time. A move is two answers to one session, one after the other, from
different nodes. It is caused if the session's node died between the two. A session is established by a login
that succeeded, and then lives in the files of the node that answered; when that node dies the session is
lost, and its user must log in again: exactly those users must, and no others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from testbed.journal import Outcome, RequestSample

LOG_IN = "log in"
LOG_OUT = "log out"
LOST = "session-lost"


@dataclass(frozen=True, slots=True)
class Death:
    """An app node died.

    Args:
        node: which one.
        at: when it was asked for, in monotonic seconds.
        took: seconds within which it was done: the engine of a busy machine needs a while to kill a node.
    """

    node: str
    at: float
    took: float = 3.0

    @property
    def done(self) -> float:
        """When it was surely done."""
        return self.at + self.took


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
        cause: the source's death between the two, None if there was none.
    """

    session: str
    source: str
    target: str
    left: float
    at: float
    cause: Death | None


@dataclass(frozen=True, slots=True)
class Stickiness:
    """Where the sessions lived.

    Args:
        matrix: each session's stays, in order of time.
        moves: every move, caused or not.
        doomed: established sessions whose node died under them and that asked for something afterwards.
        lost: sessions that were sent to the login page in the middle.
    """

    matrix: Mapping[str, tuple[Stay, ...]]
    moves: tuple[Move, ...]
    doomed: frozenset[str]
    lost: frozenset[str]

    @property
    def uncaused(self) -> tuple[Move, ...]:
        """Moves away from a node that was alive."""
        return tuple(move for move in self.moves if move.cause is None)

    @property
    def ok(self) -> bool:
        """Every move was caused, and exactly the sessions that lived on dead nodes were lost."""
        return bool(self.matrix) and not self.uncaused and self.doomed == self.lost

    def explain(self) -> str:
        """The verdict and its evidence, one paragraph."""
        if not self.matrix:
            return "no session was answered by any app node: nothing is known."
        nodes = sorted({stay.node for stays in self.matrix.values() for stay in stays})
        across = sum(any(len(stay.balancers) > 1 for stay in stays) for stays in self.matrix.values())
        text = f"{len(self.matrix)} sessions on {', '.join(nodes)}; {across} stayed on their node through a change of "
        text += f"balancer; {len(self.moves)} moves, {len(self.uncaused)} without a cause"
        if self.uncaused:
            move = self.uncaused[0]
            text += f" (first: session {move.session} from {move.source} to {move.target} at {move.at:.3f})"
        text += f"; {len(self.doomed)} sessions lived on a node that died, {len(self.lost)} were lost"
        if self.doomed - self.lost:
            text += f"; not lost although their node died: {', '.join(sorted(self.doomed - self.lost))}"
        if self.lost - self.doomed:
            text += f"; lost although their node lived: {', '.join(sorted(self.lost - self.doomed))}"
        return text + "."


def check_stickiness(
    requests: Iterable[RequestSample], deaths: Sequence[Death] = (), *, slack: float = 0.5
) -> Stickiness:
    """Follow each session from node to node.

    Args:
        requests: of webmail users, in any order.
        deaths: the app nodes' deaths, each time a node dies.
        slack: seconds that an answer may be on its way.
    """
    sessions: dict[str, list[RequestSample]] = defaultdict(list)
    for request in sorted(requests, key=lambda request: request.finished):
        sessions[request.session].append(request)
    matrix = {name: stays for name, asked in sessions.items() if (stays := _stays(asked))}
    return Stickiness(
        matrix=matrix,
        moves=tuple(
            Move(name, old.node, new.node, old.last, new.first, _cause(old, new.first, deaths, slack))
            for name, stays in matrix.items()
            for old, new in pairwise(stays)
        ),
        doomed=frozenset(
            name for name, asked in sessions.items() if any(_hit(asked, death, slack) for death in deaths)
        ),
        lost=frozenset(name for name, asked in sessions.items() if any(request.cause == LOST for request in asked)),
    )


def _stays(asked: list[RequestSample]) -> tuple[Stay, ...]:
    stays = []
    for node, group in groupby((request for request in asked if request.app), key=lambda request: request.app):
        answers = list(group)
        balancers = frozenset(answer.balancer for answer in answers if answer.balancer)
        stays.append(Stay(node, answers[0].finished, answers[-1].finished, len(answers), balancers))
    return tuple(stays)


def _cause(stay: Stay, left_for_good: float, deaths: Sequence[Death], slack: float) -> Death | None:
    for death in deaths:
        if death.node == stay.node and stay.last <= death.done + slack and death.at <= left_for_good:
            return death
    return None


def _hit(asked: list[RequestSample], death: Death, slack: float) -> bool:
    """Whether the session lived on the node when it died, and was missed afterwards.

    A session that nobody asked for until its node was back has lost nothing: its file is still there. And
    whoever only logs out does not notice: a page that says goodbye needs no session.
    """
    answers = [request for request in asked if request.app]
    there = [i for i, it in enumerate(answers) if it.app == death.node and it.finished <= death.done + slack]
    if not there or there[-1] + 1 == len(answers):
        return False
    before, following = answers[: there[-1] + 1], answers[there[-1] + 1]
    # The steps of a login that is not through yet carry a cause.
    established = any(_succeeded(request, LOG_IN) for request in before)
    left = any(_succeeded(request, LOG_OUT) for request in (*before, following))
    missed = following.app != death.node or following.cause == LOST
    return established and not left and missed and following.finished >= death.at


def _succeeded(request: RequestSample, action: str) -> bool:
    return request.action == action and request.outcome == Outcome.OK and not request.cause
