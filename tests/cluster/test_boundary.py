"""The boundary: from `public`, the site's ports answer and nothing else does; and nothing leaves."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from testbed.cluster import Cluster
from testbed.machines import Machine
from testbed.topology import Role

# Run inside the client: which of the given ports accept a connection. All at once, or silence would take forever.
SCAN = """
import asyncio, json, sys
host, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
limit = asyncio.Semaphore(2000)
async def probe(port):
    async with limit:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 1.5)
        except (OSError, asyncio.TimeoutError):
            return None
        writer.transport.abort()
        return port
async def main():
    found = await asyncio.gather(*(probe(port) for port in range(first, last + 1)))
    print(json.dumps([port for port in found if port]))
asyncio.run(main())
"""


def open_ports(client: Machine, host: str, first: int, last: int) -> list[int]:
    result = client.exec(["python3", "-c", SCAN, host, str(first), str(last)], timeout=120)
    assert result.status == 0, result.stderr
    ports: list[int] = json.loads(result.stdout)
    return ports


@pytest.fixture
def client(cluster: Cluster) -> Machine:
    return cluster.fleet.machines(Role.CLIENT)[0]


def test_balancers_answer_on_the_sites_ports_only(cluster: Cluster, client: Machine) -> None:
    assert open_ports(client, str(cluster.topology.site.address), 1, 10_000) == [80, 443]
    for node in cluster.topology.of_role(Role.BALANCER):
        assert open_ports(client, str(node.addresses["public"]), 1, 10_000) == [80, 443], node.name


def test_nothing_behind_the_balancers_is_reachable(cluster: Cluster, client: Machine) -> None:
    targets = [str(cluster.topology.database.address)]
    for machine in cluster.fleet.machines():
        targets += [address_of(machine, network) for network in machine.node.addresses if network != "public"]
    assert len(targets) >= 10
    known = (22, 25, 80, 143, 443, 587, 993, 4190, 5432, 7789, 8008, 8081)
    for target in targets:
        for port in known:
            assert open_ports(client, target, port, port) == [], f"{target}:{port} is reachable from public"


def test_the_same_scan_finds_what_is_there(cluster: Cluster) -> None:
    """The scan itself works: where an application stands, the same ports do answer."""
    [observer] = cluster.fleet.machines(Role.OBSERVER)
    assert open_ports(observer, str(cluster.topology.database.address), 5432, 5432) == [5432]
    app = address_of(cluster.machine("app-1"), "backend")
    assert open_ports(observer, app, 8081, 8081) == [8081]


@pytest.mark.parametrize("name", ["lb1", "app-1", "mail", "db1", "client", "observer", "gateway"])
def test_no_node_has_a_way_out(cluster: Cluster, name: str) -> None:
    machine = cluster.machine(name)
    assert run(machine, ["ip", "-4", "route", "show", "default"]) == ""


def test_balancer_manager_is_for_the_testbed_only(cluster: Cluster, client: Machine) -> None:
    site = f"https://{cluster.topology.site.name}/balancer-manager"
    answer = run(client, ["curl", "-sS", "--cacert", "/etc/testbed/ca.crt", site])
    assert "Load Balancer Manager" not in answer
    own = run(cluster.machine("lb1"), ["curl", "-sS", "http://127.0.0.1:8008/balancer-manager"])
    assert "Load Balancer Manager" in own


def test_a_client_that_does_not_know_the_authority_refuses_the_site(cluster: Cluster, client: Machine) -> None:
    command = ["curl", "-sS", "--cacert", "/etc/ssl/certs/ca-certificates.crt"]
    result = client.exec(["env", "-u", "CURL_CA_BUNDLE", *command, f"https://{cluster.topology.site.name}/alive"])
    assert result.status in (60, 77), result.stdout + result.stderr


def run(machine: Machine, command: Sequence[str]) -> str:
    result = machine.exec(command)
    assert result.status == 0, f"{machine.name}: {' '.join(command)}: {result.stderr}"
    return result.stdout


def address_of(machine: Machine, network: str) -> str:
    fixed = machine.node.addresses[network]
    if fixed:
        return str(fixed)
    interfaces = json.loads(run(machine, ["ip", "-j", "-4", "addr", "show", "scope", "global"]))
    return str(interfaces[0]["addr_info"][0]["local"])
