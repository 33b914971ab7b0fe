"""The boundary: from `public`, the site's ports answer and nothing else does; and nothing leaves."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from echo import Echo
from outside import newcomer
from platforms import platform_of
from testbed.cluster import Cluster
from testbed.machines import Machine
from testbed.machines.container import ContainerMachine
from testbed.recorder.scan import ALWAYS
from testbed.topology import Role

ALL = "1-65535"
PORTS = "python3 -m testbed.probes.port_scan"
SITE_PORTS = [80, 443]


@pytest.fixture
def client(cluster: Cluster) -> Machine:
    return cluster.fleet.machines(Role.CLIENT)[0]


def entrances(cluster: Cluster) -> dict[str, str]:
    """Where the site answers: its own address and each balancer's, by name."""
    own = {node.name: str(node.addresses["public"]) for node in cluster.topology.of_role(Role.BALANCER)}
    return {"site": str(cluster.topology.site.address), **own}


def behind(cluster: Cluster) -> list[str]:
    """Every address that is not on `public`."""
    found = [str(cluster.topology.database.address)]
    for machine in cluster.fleet.machines():
        assert isinstance(machine, ContainerMachine)
        found += [machine.address(network) for network in machine.node.addresses if network != "public"]
    return found


def test_every_port_of_the_balancers_but_the_sites_is_silent(cluster: Cluster, client: Machine, echo: Echo) -> None:
    addresses = entrances(cluster)
    found = json.loads(run(client, [*PORTS.split(), *(f"{address}={ALL}" for address in addresses.values())]))
    assert found == dict.fromkeys(addresses.values(), SITE_PORTS)
    echo(f"all 65,535 ports of {len(found)} addresses tried from public")


def test_nothing_behind_the_balancers_is_reachable(cluster: Cluster, echo: Echo) -> None:
    """A computer on `public` may route its packets by a balancer, or by the host."""
    addresses = behind(cluster)
    assert len(addresses) >= 10
    listened = {port for machine in cluster.fleet.machines() for port in listeners(machine)}
    assert {5432, 8081, 993, 587, 4190} <= listened
    ports = ",".join(map(str, sorted({*range(1, 1025), *ALWAYS, *listened})))
    scan = f"{PORTS} {' '.join(f'{address}={ports}' for address in addresses)}"
    hidden = [network for network in cluster.topology.networks if network != "public"]
    balancers = {str(node.addresses["public"]): node for node in cluster.topology.of_role(Role.BALANCER)}
    for way in ("", *balancers):
        routes = [f"ip route add {cluster.topology.networks[network]} via {way};" for network in hidden if way]
        found = json.loads(newcomer(cluster, "public", f"{' '.join(routes)} {scan}"))
        if way:  # its other address is the same machine, and the same site
            assert set(found.pop(str(balancers[way].addresses["backend"]))) <= set(SITE_PORTS)
        assert not any(found.values()), f"by {way or 'the host'}: {found}"
    echo(f"{ports.count(',') + 1} ports of {len(addresses)} addresses tried by each balancer and by the host")


def test_the_same_scan_finds_what_is_there(cluster: Cluster) -> None:
    """Where an application stands, the very scan that found nothing does find, and so can find."""
    database = str(cluster.topology.database.address)
    app = cluster.machine("app-1")
    assert isinstance(app, ContainerMachine)
    scan = f"{PORTS} {database}=1-10000 {app.address('backend')}=8081"
    found = json.loads(newcomer(cluster, "backend", scan))
    assert 5432 in found[database]
    assert found[app.address("backend")] == [8081]


@pytest.mark.parametrize("name", ["lb1", "app-1", "mail", "db1", "client", "observer", "gateway"])
def test_no_node_has_a_way_out(cluster: Cluster, name: str) -> None:
    machine = cluster.machine(name)
    assert run(machine, ["sh", "-c", platform_of(machine).default_route]) == ""


def test_plain_http_is_only_the_way_to_tls(cluster: Cluster, client: Machine) -> None:
    site = cluster.topology.site.name
    for name, address in entrances(cluster).items():
        command = ["curl", "-sS", "-D", "-", "-o", "/dev/null", "--connect-to", f"{site}:80:{address}:80"]
        head = run(client, [*command, f"http://{site}/horde/login.php?url=x"]).lower()
        assert head.startswith("http/1.1 301 "), name
        assert f"\r\nlocation: https://{site}/horde/login.php?url=x\r\n" in head, name
        assert "set-cookie" not in head, name


def test_balancer_manager_is_for_the_testbed_only(cluster: Cluster, client: Machine) -> None:
    site, page, title = cluster.topology.site.name, "/balancer-manager", "Load Balancer Manager"
    for address in entrances(cluster).values():
        tls = ["curl", "-sS", "--cacert", "/etc/testbed/ca.crt", "--connect-to", f"{site}:443:{address}:443"]
        for host in (site, "127.0.0.1:8008"):
            assert title not in run(client, [*tls, "-H", f"Host: {host}", f"https://{site}{page}"])
    # Nor from where the applications stand; inside the balancer, and only there, it answers.
    for node in cluster.topology.of_role(Role.BALANCER):
        refused = cluster.machine("observer").exec(
            ["curl", "-sS", "--max-time", "2", f"http://{node.addresses['backend']}:8008{page}"]
        )
        assert refused.status in (7, 28), refused.stdout
        balancer = cluster.machine(node.name)
        assert title in run(balancer, ["sh", "-c", platform_of(balancer).page.format(path=page)])


def test_a_client_that_does_not_know_the_authority_refuses_the_site(cluster: Cluster, client: Machine) -> None:
    command = ["curl", "-sS", "--cacert", "/etc/ssl/certs/ca-certificates.crt"]
    result = client.exec(["env", "-u", "CURL_CA_BUNDLE", *command, f"https://{cluster.topology.site.name}/alive"])
    assert result.status in (60, 77), result.stdout + result.stderr


def run(machine: Machine, command: Sequence[str]) -> str:
    result = machine.exec(command, timeout=120)
    assert result.status == 0, f"{machine.name}: {' '.join(command)}: {result.stderr}"
    return result.stdout


def listeners(machine: Machine) -> list[int]:
    return machine.system.listening_ports(machine.exec(["sh", "-c", machine.system.list_listeners()]).stdout)
