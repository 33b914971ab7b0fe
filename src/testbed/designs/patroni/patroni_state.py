"""The state of a database node with Patroni, and of the third member of etcd."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from testbed.designs.replicated_postgres import STREAMING, ReplicatedPostgresState, server_fields
from testbed.machines.machine import Machine
from testbed.roles import ArbiterState
from testbed.roles.node_state import query, section


@dataclass(frozen=True, slots=True)
class PatroniState(ReplicatedPostgresState):
    """State of one database node.

    Attributes:
        patroni: whether Patroni runs: its unit does not start it again.
        vip_manager: whether vip-manager runs, which holds the address where the leader is.
        etcd: whether the node's member of etcd is healthy, which it is only with a quorum.
        manager_state: what Patroni's REST API reports about PostgreSQL, such as ``running`` or ``creating replica``.
        paused: whether an operator has put Patroni into maintenance mode, in which it does not fail over.
    """

    patroni: bool = False
    vip_manager: bool = False
    etcd: bool = False
    manager_state: str = ""
    paused: bool = False

    def complaints(self) -> Iterator[str]:
        """Return what is wrong with this node."""
        if not self.reachable:
            yield f"{self.node} does not answer"
            return
        if not self.patroni:
            yield f"{self.node}: Patroni does not run"
        if not self.vip_manager:
            yield f"{self.node}: vip-manager does not run"
        if not self.etcd:
            yield f"{self.node}: its member of etcd is not healthy"
        if self.paused:
            yield f"{self.node}: Patroni is in maintenance mode"
        if not self.replicated:
            state = f" ({self.manager_state})" if self.manager_state not in ("", "running", STREAMING) else ""
            yield f"{self.node}: replication is {self.replication_state}{state}"


@dataclass(frozen=True, slots=True)
class EtcdWitnessState(ArbiterState):
    """State of the third member of etcd.

    Attributes:
        etcd: whether the member is healthy, which it is only with a quorum.
    """

    etcd: bool = False

    def complaints(self) -> Iterator[str]:
        """Return what is wrong with it."""
        if not self.reachable:
            yield f"{self.node} does not answer"
        elif not self.etcd:
            yield f"{self.node}: its member of etcd is not healthy"

    def summary(self) -> str:
        """Return whether the member of etcd has a quorum."""
        return "member of etcd: healthy" if self.etcd else "member of etcd: without a quorum"


def state(machine: Machine, virtual_address: str) -> PatroniState:
    """Ask a database node for its state."""
    sections = query(machine)
    if sections is None:
        return PatroniState(machine.name, reachable=False)
    return parse(machine.name, virtual_address, sections)


def parse(node: str, virtual_address: str, sections: Mapping[str, str]) -> PatroniState:
    """A database node's state from the sections of ``node-state``."""
    patroni = bool(section(sections, "pgrep -x patroni").strip())
    vip_manager = bool(section(sections, "pgrep -x vip-manager").strip())
    reported = _json(section(sections, "patroni"))
    return PatroniState(
        node,
        reachable=True,
        carp=patroni and vip_manager,
        patroni=patroni,
        vip_manager=vip_manager,
        etcd=_is_healthy(sections),
        manager_state=str(reported.get("state", "")),
        paused=reported.get("pause") is True,
        # Replication is asynchronous, as Debian ships Patroni.
        **server_fields(virtual_address, sections, STREAMING),
    )


def witness(machine: Machine) -> EtcdWitnessState:
    """Ask the third member of etcd for its state."""
    sections = query(machine)
    if sections is None:
        return EtcdWitnessState(machine.name, reachable=False)
    return EtcdWitnessState(machine.name, reachable=True, etcd=_is_healthy(sections))


def _is_healthy(sections: Mapping[str, str]) -> bool:
    """What a member of etcd answers at ``/health``; the value is a text."""
    return _json(section(sections, "health")).get("health") == "true"


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
