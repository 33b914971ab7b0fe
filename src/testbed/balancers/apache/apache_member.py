"""The members of pools, from what the balancer-manager answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from testbed.balancers.pool_member_state import OK, Member

# Flags of the balancer-manager (mod_proxy, ``proxy_wstat``), the most specific first.
_STATES = (
    ("Err", "error"),
    ("HcFl", "error"),
    ("Dis", "disabled"),
    ("Stop", "stopped"),
    ("Drn", "draining"),
    ("Ok", OK),
)


@dataclass(frozen=True, slots=True)
class ApacheMember(Member):
    """A member, as Apache's balancer-manager names it: its name is its route, its status such as ``Init Ok``.

    Attributes:
        nonce: without it its pool takes no changes.
    """

    nonce: str = ""

    @property
    def state(self) -> str:
        """From its flags."""
        return member_state(self.status)

    @property
    def fails_health_check(self) -> bool:
        """Whether mod_proxy_hcheck found it dead."""
        return "HcFl" in self.status.split()

    @property
    def draining(self) -> bool:
        """Whether it drains."""
        return "Drn" in self.status.split()


def member_state(status: str) -> str:
    """The state of a member of a pool, from Apache's flags for it such as ``Init Ok`` or ``Init Err``.

    Args:
        status: flags of the balancer-manager (mod_proxy, ``proxy_wstat``), between blanks or commas.

    Returns:
        ``error``, ``disabled``, ``stopped``, ``draining`` or ``ok``; else the flags themselves.
    """
    flags = status.replace(",", " ").split()
    for flag, state in _STATES:
        if flag in flags:
            return state
    return " ".join(flags).lower() or "unknown"


def members(xml: str) -> Iterator[ApacheMember]:
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


def _member(pool: str, nonce: str, text: Mapping[str, str]) -> ApacheMember:
    counts = [int(text.get(key) or 0) for key in ("elected", "busy", "transferred", "read", "retries")]
    elected, busy, sent, received, retries = counts
    return ApacheMember(
        text.get("route", ""), text.get("name", ""), text.get("status", ""), elected,
        pool, float(text.get("loadfactor") or 1), busy, sent, received, retries, nonce,
    )  # fmt: skip
