"""The stickiness matrix: which app node answered which session, when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from testbed.checks.stickiness import Move, Stickiness
from testbed.journal import RequestSample
from testbed.report.axis import Axis
from testbed.report.plots import TimeBox, box

ROOMY = 24  # rows; more are drawn lower and without their names


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A user's sessions, one after the other.

    Args:
        user: the account.
        stays: each session's time on each node, coloured by the node.
        moves: where a session went to another node, percent of the width; with words.
        lost: sessions that ended in the login page.
    """

    user: str
    stays: tuple[TimeBox, ...]
    moves: tuple[TimeBox, ...]
    lost: tuple[TimeBox, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of users, their sessions and the nodes that answered.

    Args:
        rows: by the node that the user was on first, then by name.
        nodes: the app nodes, each with its number for the colour.
        table: session, user, node, from, to, answers, balancers: the same as a table.
        moves: session, from, to, when, cause.
    """

    rows: tuple[MatrixRow, ...]
    nodes: tuple[tuple[str, int], ...]
    table: tuple[tuple[str, ...], ...]
    moves: tuple[tuple[str, ...], ...]

    @property
    def roomy(self) -> bool:
        """Whether there is room for each row's name."""
        return len(self.rows) <= ROOMY


def matrix(found: Stickiness, requests: Sequence[RequestSample], axis: Axis, numbers: Mapping[str, int]) -> Matrix:
    """Lay the sessions out by user.

    Args:
        found: what the check found.
        requests: of the load, to know whose session is whose.
        axis: the page's.
        numbers: each app node's number, which its colour goes by.
    """
    users = {request.session: request.user or request.session for request in requests}
    ends: dict[str, float] = {}
    for request in requests:
        if request.session in found.lost and request.cause == "session-lost":
            ends.setdefault(request.session, request.finished)
    moves = defaultdict(list)
    for move in found.moves:
        moves[move.session].append(move)
    sessions: dict[str, list[str]] = defaultdict(list)
    for session in sorted(found.matrix, key=lambda name: found.matrix[name][0].first):
        sessions[users.get(session, session)].append(session)
    rows = [
        MatrixRow(
            user,
            tuple(each for session in own for each in _stays(found, session, axis, numbers)),
            tuple(_moved(axis, move) for session in own for move in moves[session]),
            tuple(_lost(axis, session, ends[session]) for session in own if session in ends),
        )
        for user, own in sessions.items()
    ]
    nodes = sorted({stay.node for stays in found.matrix.values() for stay in stays})
    first = {users.get(name, name): stays[0].node for name, stays in reversed(list(found.matrix.items()))}
    return Matrix(
        rows=tuple(sorted(rows, key=lambda row: (first.get(row.user, ""), row.user))),
        nodes=tuple((node, numbers.get(node, 0)) for node in nodes),
        table=tuple(_table(found, users, axis)),
        moves=tuple(_move(axis, move) for move in found.moves),
    )


def _stays(found: Stickiness, session: str, axis: Axis, numbers: Mapping[str, int]) -> list[TimeBox]:
    return [
        box(
            axis, stay.first, stay.last, stay.node,
            f"session {session} on {stay.node}, {axis.after(stay.first)} to {axis.after(stay.last)}, "
            f"{stay.answers} answers through {_joined(stay.balancers)}",
            f"own n{numbers.get(stay.node, 0)}",
        )
        for stay in found.matrix[session]
    ]  # fmt: skip


def _moved(axis: Axis, move: Move) -> TimeBox:
    why = f"because {move.cause.node} was absent" if move.cause else "without a cause"
    title = f"session {move.session} went from {move.source} to {move.target} at {axis.after(move.at)}, {why}"
    return box(axis, move.at, move.at, "", title, "caused" if move.cause else "uncaused")


def _lost(axis: Axis, session: str, at: float) -> TimeBox:
    return box(axis, at, at, "", f"session {session} was lost at {axis.after(at)}")


def _table(found: Stickiness, users: Mapping[str, str], axis: Axis) -> list[tuple[str, ...]]:
    return [
        (
            users.get(session, ""), session, stay.node, axis.after(stay.first), axis.after(stay.last),
            str(stay.answers), _joined(stay.balancers), "lost" if session in found.lost else "",
        )
        for session, stays in found.matrix.items()
        for stay in stays
    ]  # fmt: skip


def _move(axis: Axis, move: Move) -> tuple[str, ...]:
    cause = "none"
    if move.cause:
        cause = f"{move.cause.node}: {move.cause.why or 'absent'} since {axis.after(move.cause.begins)}"
    return move.session, move.source, move.target, axis.after(move.at), cause


def _joined(balancers: frozenset[str]) -> str:
    return ", ".join(sorted(balancers)) or "an unnamed balancer"
