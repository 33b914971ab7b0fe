"""Every fault once on the real cluster: its effect as the machines show it, and that healing leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from platforms import platform_of
from testbed import faults
from testbed.cluster import Cluster, lifecycle
from testbed.errors import UsageError
from testbed.faults import LedgerEntry
from testbed.machines import Machine, Power
from testbed.topology import WEBMAIL
from testbed.wait import wait_until
from visiting import visitors

CONNECT = """
import json, socket, sys, time
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
took, lost = [], 0
for _ in range(count):
    begun = time.monotonic()
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except ConnectionRefusedError:
        pass  # an answer, too
    except OSError:
        lost += 1
        continue
    took.append(time.monotonic() - begun)
print(json.dumps({"lost": lost, "fastest": min(took, default=None)}))
"""
FETCH = """
import sys, time, urllib.request
begun = time.monotonic()
size = len(urllib.request.urlopen(sys.argv[1], timeout=60).read())
print(size * 8 / 1000 / (time.monotonic() - begun))
"""


@contextmanager
def injected(cluster: Cluster, fault: str, target: str, **options: str) -> Iterator[Machine]:
    """A fault in force, healed at the end, twice."""
    entry = faults.inject(cluster.fleet, cluster.ledger, fault, target, options)
    try:
        yield cluster.machine(entry.node)
    finally:
        faults.heal_all(cluster.fleet, cluster.ledger)
    _heal_again(cluster, entry)
    assert traces(cluster, cluster.machine(entry.node)) == []


def _heal_again(cluster: Cluster, entry: LedgerEntry) -> None:
    if entry.fault != "disk-full":  # waits for a machine that has the volume, which is none while it moves
        faults.heal(cluster.fleet, cluster.ledger, entry)


def netdev_tables(cluster: Cluster, namespace: str) -> list[str]:
    nft = ["docker", "run", "--rm", "--network", namespace, "--cap-add", "NET_ADMIN"]
    return subprocess.run(
        [*nft, "--entrypoint", "nft", f"{cluster.settings.images}/lb", "list", "tables", "netdev"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout.splitlines()  # fmt: skip


def traces(cluster: Cluster, machine: Machine) -> list[str]:
    """What is left of faults: rules, queues, stopped processes."""
    project = cluster.settings.project
    container = f"{project}-{machine.name}" if machine.name.startswith("app-") else f"{project}-{machine.name}-1"
    tables = [
        table
        for namespace in (f"container:{container}", "host")
        for table in netdev_tables(cluster, namespace)
        if namespace != "host" or f".{machine.name}." in table
    ]
    queues = [
        f"{network}: {each['kind']}"
        for network in machine.node.addresses
        for inward in (False, True)
        for each in json.loads(machine.tc(network, "-j", "qdisc", "show", "dev", "DEV", inward=inward))
        if each["kind"] in ("tbf", "netem")
    ]
    if machine.node.keys.machine == "virtual":
        wait_until(machine.ready, 60 + platform_of(machine).boot_seconds, f"{machine.name} to answer")
    if machine.node.keys.machine == "virtual" and machine.system.emulates:
        queues += [line for line in run(machine, "tc qdisc show").splitlines() if "netem" in line]
    return [*tables, *queues, *stopped(machine)]


def run(machine: Machine, script: str) -> str:
    result = machine.exec(["sh", "-c", script])
    assert result.status == 0, f"{machine.name}: {script}: {result.stderr}"
    return result.stdout.strip()


def stopped(machine: Machine) -> list[str]:
    """Names of its stopped processes, as Debian calls them."""
    debian = {theirs: name for name, theirs in machine.system.programs.items()}
    processes = machine.system.processes(run(machine, machine.system.list_processes("")))
    return [debian.get(each.name, each.name) for each in processes if each.state == "T"]


def connects(cluster: Cluster, machine: Machine, count: int = 4, port: int = 5432) -> dict[str, Any]:
    """How many of ``count`` connections to a machine on backend were not answered, and the fastest answer."""
    address = str(machine.node.addresses["backend"])
    result = cluster.machine("observer").exec(["python3", "-c", CONNECT, address, str(port), str(count)], timeout=60)
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def carrier(machine: Machine, network: str) -> str:
    return run(machine, f"cat /sys/class/net/{machine.interface(network)}/carrier")


def test_power_loss_shutdown_and_freeze(cluster: Cluster) -> None:
    for fault in ("power-loss", "shutdown"):
        with injected(cluster, fault, "lb:standby") as machine:
            assert machine.power() is Power.OFF
        assert machine.power() is Power.ON
        lifecycle.wait_healthy(cluster, 30 + platform_of(machine).boot_seconds)
    with injected(cluster, "freeze", "db:standby") as machine:
        assert machine.power() is Power.FROZEN
        assert not machine.ready()
    assert machine.ready()


def test_reboot_of_a_guest_is_a_reset_and_no_power_off(cluster: Cluster) -> None:
    [standby] = [each.node for each in cluster.state().databases if each.node != cluster.state().primary_database]
    machine = cluster.machine(standby)
    power_came = machine.started_at()
    before = run(machine, "cat /proc/sys/kernel/random/boot_id")
    with injected(cluster, "reboot", standby):
        pass
    assert machine.started_at() == power_came
    assert run(machine, "cat /proc/sys/kernel/random/boot_id") != before


@pytest.mark.parametrize(("target", "port"), [("db:standby", 5432), ("mail", 993)])
def test_pulled_cable_shows_and_silent_cut_does_not(cluster: Cluster, target: str, port: int) -> None:
    with injected(cluster, "cable-pull", target, network="backend") as machine:
        assert carrier(machine, "backend") == "0"
    answered(cluster, machine, port)
    with injected(cluster, "silent-cut", target, network="backend") as machine:
        assert carrier(machine, "backend") == "1"
        assert connects(cluster, machine, port=port)["lost"] == 4
    answered(cluster, machine, port)


def test_a_silent_cut_deceives_who_reads_packets_beside_the_kernel(cluster: Cluster) -> None:
    """UCARP does: what it would still hear, it would not take the address over for."""
    with injected(cluster, "silent-cut", "lb:standby", network="public") as machine:

        def believes() -> bool:
            return any(each.node == machine.name and each.holds_address for each in cluster.state().balancers)

        wait_until(believes, 20, f"{machine.name} to take itself for alone")
    wait_until(lambda: cluster.state().active_balancer is not None, 20, "one balancer to give way")


def answered(cluster: Cluster, machine: Machine, port: int) -> None:
    """Wait until it answers. A client whose request failed asks for the MAC address again first."""
    wait_until(lambda: connects(cluster, machine, port=port)["lost"] == 0, 15, f"{machine.name} to answer everything")


def test_network_down_from_inside(cluster: Cluster) -> None:
    with injected(cluster, "network-down", "db:standby", network="replication") as machine:
        state = f"cat /sys/class/net/{machine.interface('replication')}/operstate"
        assert run(machine, state) == "down"
    assert run(machine, state) == "up"


def test_resign_moves_the_address(cluster: Cluster) -> None:
    before = cluster.state().active_balancer
    with injected(cluster, "resign", "lb:active"):
        wait_until(lambda: cluster.state().active_balancer not in (None, before), 20, "the peer to take over")


@pytest.mark.parametrize("direction", ["in", "out"])
def test_loss_one_way(cluster: Cluster, direction: str) -> None:
    with injected(cluster, "silent-cut", "db:standby", network="backend", direction=direction) as machine:
        assert connects(cluster, machine)["lost"] == 4
        # The other way is open: the kernel counts what it sends and receives.
        counter = "rx" if direction == "out" else "tx"
        count = f"cat /sys/class/net/{machine.interface('backend')}/statistics/{counter}_packets"
        before = int(run(machine, count))
        address = next(iter(cluster.topology.of_role(cluster.topology.nodes["mail"].role))).addresses["backend"]
        run(machine, f"arping -q -c 2 -I {machine.interface('backend')} {address} || true")
        connects(cluster, machine)
        assert int(run(machine, count)) > before


def test_loss_at_random(cluster: Cluster) -> None:
    with injected(cluster, "loss", "db:standby", network="backend", share="40%") as machine:
        lost = connects(cluster, machine, 40)["lost"]
    # Of 40 with 0.6 * 0.6 answered at once: all or none would be no chance.
    assert 5 < lost < 40
    assert connects(cluster, machine, 40)["lost"] == 0


def test_delay_in_a_guest(cluster: Cluster) -> None:
    with injected(cluster, "delay", "db:standby", network="backend", delay="150ms") as machine:
        assert 0.15 <= connects(cluster, machine)["fastest"] < 0.4
    assert connects(cluster, machine)["fastest"] < 0.1


def test_delay_of_a_container_depends_on_the_hosts_kernel(cluster: Cluster) -> None:
    attempt = ["unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    if subprocess.run(attempt, capture_output=True, check=False).returncode:
        with pytest.raises(UsageError, match="the host's kernel, which is a container's, has no network emulator"):
            faults.inject(cluster.fleet, cluster.ledger, "delay", "mail", {"delay": "150ms"})
        assert cluster.ledger.entries() == []
        return
    with injected(cluster, "delay", "mail", delay="150ms") as machine:
        assert connects(cluster, machine, port=993)["fastest"] >= 0.15


def test_rate_limit(cluster: Cluster) -> None:
    with injected(cluster, "rate-limit", "app-1", rate="1000kbit/s"):
        slow = _rate(cluster)
    assert 300 < slow < 1200
    assert _rate(cluster) > 3 * slow


def _rate(cluster: Cluster) -> float:
    """How fast app-1 hands out a file, kbit/s."""
    [address] = [
        member.url
        for member in cluster.state().balancers[0].members
        if member.name == "app-1" and member.pool == WEBMAIL
    ]
    url = f"{address}/horde/js/prototype.js"
    result = cluster.machine("observer").exec(["python3", "-c", FETCH, url], timeout=90)
    assert result.status == 0, result.stderr
    return float(result.stdout)


@pytest.mark.parametrize(
    ("target", "process", "name"),
    [
        ("lb:standby", "ucarp", "ucarp"),
        ("lb:standby", "apache", "apache2"),
        ("app:any", "apache", "apache2"),
        ("app:any", "php-worker", "apache2"),
        ("mail", "dovecot", "dovecot"),
        ("mail", "postfix", "master"),
        ("db:primary", "postgres", "postgres"),
        ("db:standby", "ucarp", "ucarp"),
    ],
)
def test_stopped_processes_go_on(cluster: Cluster, target: str, process: str, name: str) -> None:
    node = cluster.machine("lb1" if target.startswith("lb:") else "db1")
    if target.startswith(("lb:", "db:")) and process in node.system.absent:
        with pytest.raises(UsageError, match=f"process-hang is impossible on .*: {node.system.absent[process]}"):
            faults.inject(cluster.fleet, cluster.ledger, "process-hang", target, {"process": process})
        return
    with injected(cluster, "process-hang", target, process=process) as machine:
        hanging = stopped(machine)
        assert name in hanging
        assert (len(hanging) == 1) is (process in ("php-worker", "ucarp"))


def test_killed_worker_and_killed_postgres(cluster: Cluster) -> None:
    with injected(cluster, "process-kill", "app-2", process="php-worker"):
        pass
    with injected(cluster, "process-kill", "db:primary", process="postgres") as machine:
        assert machine.exec(["pg_isready", "-q"]).status == 2  # no answer: it is not restarted
    assert run(machine, "pg_isready").endswith("accepting connections")


@pytest.mark.parametrize("target", ["db:standby", "db:primary"])
def test_disk_error_makes_drbd_let_go_and_take_back(cluster: Cluster, target: str) -> None:
    primary = cluster.machine(str(cluster.state().primary_database))
    with injected(cluster, "disk-error", target) as machine:
        run(primary, "date >/srv/database/touched && sync -f /srv/database && rm /srv/database/touched")
        assert run(machine, "cat /proc/drbd | grep -o 'ds:[A-Za-z]*'") == "ds:Diskless"
        assert cluster.state().primary_database == primary.name  # it serves on, from the other disk
    lifecycle.wait_healthy(cluster, 60)


FILL = "create table full_disk as select repeat(md5(g::text), 20) from generate_series(1, 20000) g"


def test_full_disk_is_what_postgres_sees(cluster: Cluster) -> None:
    sql = f'. /usr/lib/testbed/common; as_postgres psql -qX postgres -c "{FILL}"'
    # A server that was restarted writes a file at its first connection: that may be, the disk being whole.
    run(cluster.machine(str(cluster.state().primary_database)), sql.replace(FILL, "select 1"))
    with injected(cluster, "disk-full", "db:primary") as machine:
        result = machine.exec(["sh", "-c", sql], timeout=60)
        assert result.status == 1
        assert "No space left on device" in result.stderr
    run(machine, sql)
    run(machine, sql.replace(FILL, "drop table full_disk"))


def test_clock_jump(cluster: Cluster) -> None:
    with injected(cluster, "clock-jump", "db:standby", by="-90s") as machine:
        assert _ahead(machine) == pytest.approx(-90, abs=1)
    assert _ahead(machine) == pytest.approx(0, abs=1)


def _ahead(machine: Machine) -> float:
    before = time.time()
    theirs = float(run(machine, "date +%s.%N"))
    return theirs - (before + time.time()) / 2


def test_drained_node_gets_no_new_session(cluster: Cluster) -> None:
    def statuses() -> set[str]:
        return {
            member.status for each in cluster.state().balancers for member in each.members if member.name == "app-2"
        }  # fmt: skip

    with injected(cluster, "drain", "app-2"):
        assert {"Drn" in status for status in statuses()} == {True}
        assert set(visitors(cluster.machine(str(cluster.state().active_balancer)), 6)) == {"app-1"}
    assert {"Drn" in status for status in statuses()} == {False}


def test_a_cut_dies_with_the_machine(cluster: Cluster) -> None:
    entry = faults.inject(cluster.fleet, cluster.ledger, "silent-cut", "lb:standby", {"network": "public"})
    machine = cluster.machine(entry.node)
    machine.kill()
    machine.start()
    faults.heal_all(cluster.fleet, cluster.ledger)
    assert traces(cluster, machine) == []
