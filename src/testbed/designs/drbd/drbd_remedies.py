"""What can be done for database nodes that do not become healthy by themselves. Pure.

None of the remedies discards data: DRBD decides which copy is newer, and where it does not, no remedy is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, permutations

from testbed.designs.drbd.drbd_state import DrbdState
from testbed.designs.remedy import COLD_START, POWER_CYCLE, REJOIN, RESIGN, Remedy, RemedyAction

# What the failover daemon decided last is done to its end, under the lock of promotions and demotions. A promotion only
# where no PostgreSQL runs: a second one would write to the same files.
_FINISH_ROLE = """
. /usr/lib/testbed/common
exec </dev/null >>/var/log/role.log 2>&1
if wish backup; then
    exec flock -o -w 40 "$lock" /usr/lib/testbed/demote
fi
pgrep -u postgres -x postgres >/dev/null || exec flock -o -w 40 "$lock" /usr/lib/testbed/promote
"""
ATTACH = RemedyAction("attach", "DRBD attaches its disk again", "drbdadm attach database")
CONNECT = RemedyAction("connect", "DRBD connects again", "drbdadm connect database")
RECONNECT = RemedyAction(
    "reconnect",
    "DRBD drops its connection and connects again",
    "drbdadm disconnect database; drbdadm connect database",
)
FINISH = RemedyAction("finish-role", "the promotion or demotion is finished", _FINISH_ROLE)
ACTIONS = (ATTACH, CONNECT, RECONNECT, FINISH, REJOIN)


def mild_remedies(databases: Iterable[DrbdState]) -> Iterator[Remedy]:
    """Return remedies that restart no node, the mildest first."""
    answering = [each for each in databases if each.reachable]
    yield from (Remedy(each.node, ATTACH) for each in answering if each.disk in ("Diskless", "Failed"))
    yield from (Remedy(each.node, CONNECT) for each in answering if each.drbd_connection == "StandAlone")
    sick = [each for each in answering if _sick(each)]
    # A server that lost writes is not started again on the same mount: its memory and its disk differ.
    yield from (Remedy(each.node, FINISH) for each in sick if not each.damaged)
    yield from (Remedy(each.node, RESIGN) for each in sick if each.replicated)
    holders = [each for each in answering if each.holds_address]
    if len(holders) > 1:
        yield from (Remedy(each.node, REJOIN) for each in holders if not each.serving)
    yield from (Remedy(each.node, REJOIN) for each in answering if not each.carp)
    if not holders:
        yield from (Remedy(each.node, REJOIN) for each in sorted(answering, key=_worth))
    for each in _standby_first(answering):
        if each.drbd_connection not in ("Connected", "StandAlone") and not each.synchronising:
            yield Remedy(each.node, RECONNECT)


def _sick(database: DrbdState) -> bool:
    """Whether a node has a part of the service, but not all of it."""
    part = database.holds_address or database.mounted or database.drbd_role == "Primary"
    return part and (database.damaged or not database.serving)


def _worth(database: DrbdState) -> tuple[bool, str]:
    return database.disk != "UpToDate", database.node


def _standby_first(databases: Iterable[DrbdState]) -> list[DrbdState]:
    """Machines that give no part of the service, then those that give some, last one that serves."""
    return sorted(databases, key=lambda each: (each.serving, each.drbd_role == "Primary", each.mounted, each.node))


def power_cycles(databases: Sequence[DrbdState]) -> Iterator[Remedy]:
    """Power cycles that let no older copy of the data be served: one node while the other serves or is as new.

    Where that is not known, both go off and the one with the newer copy starts first.
    """
    replicated = all(each.replicated for each in databases)
    for each in _standby_first(databases):
        if replicated or any(other.serving for other in databases if other is not each):
            yield Remedy(each.node, POWER_CYCLE)
    if first := newest(databases):
        yield Remedy(first.node, COLD_START)


def newest(databases: Sequence[DrbdState]) -> DrbdState | None:
    """The node whose copy of the data is as new as any.

    Returns:
        None when each of two copies has data that the other has not: which one to keep is a person's decision.
    """
    if any(one.parted_from(other) for one, other in combinations(databases, 2)):
        return None
    for one, other in permutations(databases, 2):
        if one.newer_than(other):
            return one

    # A node that does not answer may have the newer copy, unless the other one knows better.
    def likely(each: DrbdState) -> tuple[bool, bool, bool, str]:
        knows = each.drbd_role == "Primary" or each.drbd_disks in ("UpToDate/Outdated", "UpToDate/Inconsistent")
        return not knows, each.reachable, each.disk != "UpToDate", each.node

    return min(databases, key=likely, default=None)


def decision(databases: Iterable[DrbdState]) -> str:
    """Which decision about data is a person's, in one line; empty when there is none."""
    answering = [each for each in databases if each.reachable]
    if len(answering) > 1 and not any(each.disk in ("UpToDate", "Consistent") for each in answering):
        copies = " and ".join(f"{each.node} {each.disk}" for each in answering)
        return (
            f"neither copy of the database is known to be up to date ({copies}): decide which one to serve, "
            "with `testbed exec NODE drbdadm primary --force database`"
        )
    return ""
