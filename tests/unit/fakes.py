"""A cluster that remembers what was done to it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from testbed.faults import Ledger
from testbed.machines import ExecResult, Machine, Power, Unreachable, Way
from testbed.machines.fleet import Fleet
from testbed.machines.platforms import SYSTEMS
from testbed.topology import Role, Topology, resolve

NODES: dict[str, tuple[str, dict[str, str | None]]] = {
    "lb1": ("balancer", {"public": "198.18.0.11", "backend": "198.18.1.11"}),
    "lb2": ("balancer", {"public": "198.18.0.12", "backend": "198.18.1.12"}),
    "app": ("app", {"backend": None}),
    "mail": ("mail", {"backend": "198.18.1.30"}),
    "db1": ("database", {"backend": "198.18.1.21", "replication": "198.18.2.21"}),
    "db2": ("database", {"backend": "198.18.1.22", "replication": "198.18.2.22"}),
    "client": ("client", {"public": "198.18.0.50"}),
    "observer": ("observer", {"backend": "198.18.1.40"}),
    "gateway": ("gateway", {"public": "198.18.0.60"}),
}


def topology(filesystem: str = "ext3", platform: str = "debian") -> Topology:
    """The shipped cluster's topology in short."""
    return resolve(
        {
            "name": "testbed",
            "x-testbed": {
                "site": {"name": "site.test", "address": "198.18.0.10", "network": "public"},
                "database": {"address": "198.18.1.20", "network": "backend", "filesystem": filesystem},
                "mail": {"users": 60, "seed": 1},
                "applications": {"webmail": {"kind": "php", "port": 8081, "path": "/"}},
                "releases": {"base": "bookworm", "app": "bullseye", "vm": "trixie"},
            },
            "networks": {
                name: {"ipam": {"config": [{"subnet": f"198.18.{number}.0/24"}]}}
                for number, name in enumerate(("public", "backend", "replication"))
            },
            "services": {name: _service(name, role, addresses, platform) for name, (role, addresses) in NODES.items()},
        },
        (),
    )


def _service(name: str, role: str, addresses: dict[str, str | None], platform: str) -> dict[str, Any]:
    here = platform if role == "balancer" else "debian"
    machine = "virtual" if role == "database" or here != "debian" else "container"
    return {
        "x-testbed": {"role": role, "machine": machine, "platform": here},
        "scale": 2 if role == "app" else 1,
        "networks": {network: {"ipv4_address": address} for network, address in addresses.items()},
        "environment": {"CARP_ADVSKEW": name[-1]},
    }


class FakeMachine:
    """A machine that remembers what was done to it, and what the ledger held at that moment.

    Args:
        name: the machine's name.
        ledger: looked into whenever something is done.
        answers: what a command prints, or comes to, by a word that is in it.
        platform: of the balancers.
    """

    # Commands that only read, which `done` does not list.
    questions = ("/proc/[0-9]*", "common && grep -q", "unshare", "qdisc show", "dstate")

    def __init__(
        self, name: str, ledger: Ledger, answers: dict[str, str | ExecResult] | None = None, platform: str = "debian"
    ) -> None:
        self.name = name
        known = topology(platform=platform).nodes
        self.node = known.get(name) or known[name.rpartition("-")[0]]
        self.system = SYSTEMS[platform]
        self.ledger = ledger
        self.answers = answers or {}
        self.done: list[str] = []
        self.asked: list[str] = []
        self.on = True
        self.frozen = False
        self.queues: dict[tuple[str, bool], list[str]] = {}
        self.recorded_before: list[bool] = []

    def _do(self, what: str) -> None:
        self.done.append(what)
        self.recorded_before.append(bool(self.ledger.readable_entries()))

    def missing_networks(self) -> tuple[str, ...]:
        return ()

    def connect_networks(self) -> None:
        self.done.append("connect networks")

    def power(self) -> Power:
        if self.frozen:
            return Power.FROZEN
        return Power.ON if self.on else Power.OFF

    def listed_power(self) -> Power:
        return self.power()

    def ready(self) -> bool:
        return self.on

    def kill(self) -> None:
        self._do("kill")
        self.on = False

    def stop(self) -> None:
        self._do("stop")
        self.on = False

    def start(self) -> None:
        self._do("start")
        self.on = True

    def pause(self) -> None:
        self._do("pause")
        self.frozen = True

    def unpause(self) -> None:
        self._do("unpause")
        self.frozen = False

    def reset(self) -> None:
        self._do("reset")

    def drop_packets(self, network: str, name: str, ways: Collection[Way], which: str = "") -> None:
        self._do(f"cut {network} {name} {' '.join(ways)} {which}".rstrip())

    def pass_packets(self, name: str) -> None:
        self._do(f"let pass {name}")

    def filter(self, script: str) -> str:
        if script.startswith("list "):
            return next((str(answer) for word, answer in self.answers.items() if word in script), "")
        self._do(f"nft {' '.join(script.split())}")
        return ""

    def tc(self, network: str, *arguments: str, inward: bool = False) -> str:
        text = " ".join(arguments)
        if "show" in arguments:
            return json.dumps([{"kind": kind} for kind in self.queues.get((network, inward), [])])
        self._do(f"{'host' if inward else 'own'} {network}: {text}")
        self.queues[network, inward] = ["tbf"] if "add" in arguments else []
        return ""

    def break_disk(self, number: int) -> None:
        self._do(f"break disk {number}")

    def repair_disk(self, number: int) -> None:
        self._do(f"repair disk {number}")

    def copy_disk(self, number: int, target: Path) -> None:
        self._do(f"copy disk {number}")
        target.write_text(f"disk {number} of {self.name}")

    def replace_disk(self, name: str, source: Path) -> None:
        self._do(f"replace {name} by {source.name}")

    def unplug(self, *networks: str) -> None:
        self._do(f"unplug {' '.join(networks)}")

    def plug(self, *networks: str) -> None:
        self._do(f"plug {' '.join(networks)}")

    def try_tc(self, *arguments: str) -> None:
        """The host's kernel has everything."""

    def interface(self, network: str) -> str:
        return f"eth{list(self.node.addresses).index(network)}"

    def exec(self, command: Sequence[str], timeout: float = 30) -> ExecResult:  # noqa: ARG002
        text = " ".join(command)
        if self.frozen or not self.on:
            raise Unreachable("it does not answer", where=self.name)
        self.asked.append(text)
        if text != "balancer-manager" and not any(word in text for word in self.questions):
            self._do(text)
        answer = next((answer for word, answer in self.answers.items() if word in text), "")
        return answer if isinstance(answer, ExecResult) else ExecResult(0, answer, "")

    def look(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        return self.exec(command, timeout)


class FakeFleet(SimpleNamespace):
    """A fleet of such machines."""

    topology: Topology
    all: tuple[FakeMachine, ...]
    swept: list[str]
    tables: list[str]

    def machines(self, role: Role | None = None) -> list[Machine]:
        return [cast("Machine", each) for each in self.all if role in (None, each.node.role)]

    def sweep(self, node: str = "") -> list[str]:
        self.swept.append(node)
        return self.tables

    def __getitem__(self, name: str) -> Machine:
        return {machine.name: machine for machine in self.machines()}[name]


def fleet(*machines: FakeMachine, filesystem: str = "ext3", platform: str = "debian") -> Fleet:
    """A fleet of these machines."""
    return cast("Fleet", FakeFleet(topology=topology(filesystem, platform), all=machines, swept=[], tables=[]))
