"""A balancer: who holds the site's address, and the pool as its Apache sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from testbed.addresses.address_registry import holds_address, partakes
from testbed.machines.machine import Machine
from testbed.node_sections import running_services, section
from testbed.roles.node_state import query
from testbed.topology import WEBMAIL


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a pool, as Apache's balancer-manager names it.

    Attributes:
        name: its route, which is the app node's name.
        url: where requests are sent.
        status: Apache's name for its state, such as ``Init Ok`` or ``Init Err``.
        elected: how many requests it was chosen for.
        pool: whose member it is: an application's name, or ``APPLICATION.RULE`` for those that a rule of dispatch uses.
        weight: its share of new sessions, against the other members'.
        busy: how many requests it is answering.
        sent: bytes it was sent.
        received: bytes that came from it.
        retries: how often it was tried again since it failed; 0 when it works.
        nonce: without it its pool takes no changes.
    """

    name: str
    url: str
    status: str
    elected: int
    pool: str = WEBMAIL
    weight: float = 1.0
    busy: int = 0
    sent: int = 0
    received: int = 0
    retries: int = 0
    nonce: str = ""

    @property
    def application(self) -> str:
        """The application it serves."""
        return self.pool.partition(".")[0]

    @property
    def usable(self) -> bool:
        """Whether new sessions may go there: not in error, failing its health check, stopped, disabled or draining."""
        return "Ok" in self.status.split() and not {"Err", "Dis", "Stop", "Drn", "HcFl"} & set(self.status.split())

    @property
    def fails_health_check(self) -> bool:
        """Whether only a health check that succeeds will make it usable."""
        return "HcFl" in self.status.split()

    @property
    def draining(self) -> bool:
        """Whether sessions that are there stay, and new ones go elsewhere."""
        return "Drn" in self.status.split()


@dataclass(frozen=True, slots=True)
class BalancerState:
    """State of one balancer.

    Attributes:
        node: its name.
        reachable: whether its system answered at all; if not, nothing else is known.
        holds_address: whether it has the site's virtual address.
        apache: whether its Apache runs.
        carp: whether it takes part in the election for the address: one that has resigned does not.
        members: of all its pools.
    """

    node: str
    reachable: bool
    holds_address: bool = False
    apache: bool = False
    carp: bool = False
    members: tuple[Member, ...] = ()
    out: frozenset[tuple[str, str]] = frozenset()


def state(machine: Machine, virtual_address: str) -> BalancerState:
    """Ask a balancer for its state."""
    sections = query(machine)
    if sections is None:
        return BalancerState(machine.name, reachable=False)
    return parse(machine.name, virtual_address, sections)


def parse(node: str, virtual_address: str, sections: Mapping[str, str]) -> BalancerState:
    """A balancer's state from the sections of ``node-state``, which differ by platform."""
    return BalancerState(
        node,
        reachable=True,
        holds_address=holds_address(virtual_address, sections),
        apache="apache" in running_services(sections) or bool(section(sections, "pgrep -x httpd2").strip()),
        carp=partakes(sections),
        members=tuple(members(section(sections, "balancer-manager"))),
        out=frozenset(
            (application, name)
            for application, name, decided, _ in map(str.split, section(sections, "pool-member show").splitlines())
            if decided != "serving"
        ),
    )


def members(xml: str) -> Iterator[Member]:
    """The members of all pools, from what Apache's balancer-manager answers to ``xml=1``; none when it did not."""
    # Imported while slower nodes still answer: the parser takes a tenth of the time of `testbed status`.
    from xml.etree import ElementTree as ET  # noqa: PLC0415

    try:
        root = ET.fromstring(xml.strip())  # noqa: S314
    except ET.ParseError:
        return  # Apache does not run, or is just starting: it has no pool to show
    for pool in root.iterfind(".//{*}balancer"):
        name = (pool.findtext("{*}name") or "").strip().removeprefix("balancer://")
        nonce = pool.findtext("{*}nonce") or ""
        for worker in pool.iterfind(".//{*}worker"):
            yield _member(name, nonce, {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in worker})


def _member(pool: str, nonce: str, text: Mapping[str, str]) -> Member:
    counts = [int(text.get(key) or 0) for key in ("elected", "busy", "transferred", "read", "retries")]
    elected, busy, sent, received, retries = counts
    return Member(
        text.get("route", ""), text.get("name", ""), text.get("status", ""), elected,
        pool, float(text.get("loadfactor") or 1), busy, sent, received, retries, nonce,
    )  # fmt: skip
