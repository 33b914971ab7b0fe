"""What can be done for database nodes of the streaming design that do not become healthy by themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testbed.designs.remedy import REJOIN, Remedy, RemedyAction
from testbed.designs.streaming.streaming_state import StreamingState

# What the failover daemon decided last is done to its end, under the lock of promotions and demotions.
_FINISH_ROLE = """
. /usr/lib/testbed/common
exec </dev/null >>/var/log/role.log 2>&1
if wish backup; then
    exec flock -o -w 40 "$lock" /usr/lib/testbed/demote
fi
exec flock -o -w 40 "$lock" /usr/lib/testbed/promote
"""
FINISH = RemedyAction("finish-role", "the promotion or demotion is finished", _FINISH_ROLE)


def mild_remedies(databases: Iterable[StreamingState]) -> Iterator[Remedy]:
    """Return remedies that restart no node."""
    known = [each for each in databases if each.reachable]
    for each in known:
        if not each.carp:
            yield Remedy(each.node, REJOIN)
    for each in known:
        # One that holds the address and does not serve, or that is primary without it.
        if each.holds_address is not (each.postgres_role == "primary"):
            yield Remedy(each.node, FINISH)
