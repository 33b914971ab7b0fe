"""The phases of one failover, from what nodes logged: until every caller reads them from one journal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from testbed.checks.outage import Window, check_outage
from testbed.journal import ProbeSample

_EVENT = re.compile(r"\bevent=([a-z0-9-]+)(.*)$")
_WORD = re.compile(r"(\S+?)=(\S*)")


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """A node said that something happened.

    Args:
        at: when, in monotonic seconds.
        node: who said it.
        name: what happened, as docs/contract.md names it.
        attrs: the other words of the line.
    """

    at: float
    node: str
    name: str
    attrs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Phases:
    """When each phase of a failover began, in seconds after the fault; None if it was not seen.

    Args:
        last_good_reply: the last reply before the outage, of whichever probe was cut off first.
        carp_master: a node took the master's part.
        address_claimed: the virtual address was taken.
        drbd_primary: a replica of the data was promoted.
        mounted: the filesystem was there.
        postgres_accepting: PostgreSQL took connections.
        first_write: the first committed write.
        first_page: the first good page.
        slack: seconds by which nodes may report late.
        disorder: phases that came before one they depend on.
    """

    last_good_reply: float | None
    carp_master: float | None
    address_claimed: float | None
    drbd_primary: float | None
    mounted: float | None
    postgres_accepting: float | None
    first_write: float | None
    first_page: float | None
    slack: float
    disorder: tuple[str, ...] = ()

    def rows(self) -> list[tuple[str, float | None]]:
        """Each phase's name and time, in the order in which they are expected."""
        return [(item.name.replace("_", " "), getattr(self, item.name)) for item in fields(self)[:8]]

    @property
    def ok(self) -> bool:
        """The service came back, and nothing came before what it depends on."""
        return (self.first_write is not None or self.first_page is not None) and not self.disorder

    def explain(self) -> str:
        """The phases and the verdict, one paragraph."""
        seen = [f"{name} {at:+.2f} s" for name, at in self.rows() if at is not None]
        missing = [name for name, at in self.rows() if at is None]
        text = "after the fault: " + (", ".join(seen) or "nothing was seen")
        if missing:
            text += f"; not seen: {', '.join(missing)}"
        if self.first_write is None and self.first_page is None:
            text += "; no outage that ended was seen by any probe"
        for problem in self.disorder:
            text += f"; out of order: {problem}"
        return text + "."


# Each phase and what it must not come before.
DEPENDS = (
    ("mounted", "drbd_primary"),
    ("postgres_accepting", "mounted"),
    ("first_write", "address_claimed"),
    ("first_write", "drbd_primary"),
    ("first_write", "postgres_accepting"),
)
EVENTS = ("carp-master", "address-claimed", "drbd-primary", "mounted", "postgres-accepting")


def node_events(node: str, lines: Iterable[tuple[float, str]], wall_offset: float) -> list[NodeEvent]:
    """The events in a node's log; lines that are no events are passed over.

    Args:
        node: whose log it is.
        lines: wall clock in Unix seconds, and text.
        wall_offset: wall clock minus monotonic clock, see ``Journal.wall_offset``.
    """
    found = ((wall, _EVENT.search(text)) for wall, text in lines)
    return [
        NodeEvent(wall - wall_offset, node, match[1], dict(_WORD.findall(match[2]))) for wall, match in found if match
    ]


def failover_phases(
    fault_at: float,
    events: Iterable[NodeEvent],
    *,
    http: Iterable[ProbeSample] = (),
    sql: Iterable[ProbeSample] = (),
    slack: float = 0.5,
) -> Phases:
    """Put the phases of one failover together.

    Args:
        fault_at: when the fault was injected, in monotonic seconds.
        events: of all nodes concerned, and of no other pair of nodes; only those after the fault count.
        http: samples of a page's probe.
        sql: samples of the write probe.
        slack: seconds by which a node may report late without being out of order.
    """
    after = sorted((event for event in events if event.at >= fault_at), key=lambda event: event.at)
    first = {name: next((event.at for event in after if event.name == name), None) for name in EVENTS}
    write, page = _outage_after(sql, fault_at), _outage_after(http, fault_at)
    replies = [window.last_good for window in (write, page) if window and window.last_good is not None]
    moments = {
        "last_good_reply": min(replies, default=None),
        **{name.replace("-", "_"): at for name, at in first.items()},
        "first_write": write.first_good if write else None,
        "first_page": page.first_good if page else None,
    }
    since = {name: None if at is None else at - fault_at for name, at in moments.items()}
    disorder = tuple(
        f"{later.replace('_', ' ')} ({late:+.2f} s) before {earlier.replace('_', ' ')} ({early:+.2f} s)"
        for later, earlier in DEPENDS
        if (late := since[later]) is not None and (early := since[earlier]) is not None and late < early - slack
    )
    return Phases(**since, slack=slack, disorder=disorder)


def _outage_after(samples: Iterable[ProbeSample], fault_at: float) -> Window | None:
    """The longest outage that ended after the fault; None if the probe saw none."""
    windows = [
        window for window in check_outage(samples).windows if window.first_good is None or window.first_good > fault_at
    ]
    return max(windows, key=lambda window: window.seconds, default=None)
