"""The commands as a user types them, on the real cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from testbed.cluster import Cluster, lifecycle
from testbed.machines import Power
from testbed.wait import wait_until

TESTBED = Path(sys.executable).with_name("testbed")


def typed(*arguments: str, status: int | tuple[int, ...] = 0) -> subprocess.CompletedProcess[str]:
    result = subprocess.run([TESTBED, *arguments], capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode in (status if isinstance(status, tuple) else (status,)), (
        f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}"
    )
    return result


def test_up_again_builds_nothing_and_restarts_nothing(cluster: Cluster) -> None:
    before = {machine.name: machine.started_at() for machine in cluster.fleet.machines()}
    result = typed("up")
    assert "building" not in result.stderr
    assert {machine.name: machine.started_at() for machine in cluster.fleet.machines()} == before


def test_status_names_the_active_nodes(cluster: Cluster) -> None:
    document = json.loads(typed("status", "--json").stdout)
    assert document["healthy"]
    assert document["primary_database"] in ("db1", "db2")
    assert document["active_balancer"] in ("lb1", "lb2")
    assert {each["drbd_role"] for each in document["databases"]} == {"Primary", "Secondary"}
    assert document["faults"] == []
    assert document["power"].keys() == {machine.name for machine in cluster.fleet.machines()}


@pytest.mark.parametrize("node", ["db1", "app-1"])
def test_exec_runs_on_the_machine_itself(cluster: Cluster, node: str) -> None:  # noqa: ARG001
    # A VM has a kernel of its own, a container the host's.
    own = typed("exec", node, "uname", "-r").stdout.strip() != os.uname().release
    assert own is (node == "db1")
    typed("exec", node, "sh", "-c", "exit 7", status=7)


def test_logs_are_one_timeline(cluster: Cluster) -> None:  # noqa: ARG001
    lines = typed("logs", "--events").stdout.splitlines()
    stamps = [line.split()[0] for line in lines]
    assert stamps == sorted(stamps)
    assert any("event=postgres-accepting" in line for line in lines)


def test_console_of_a_vm_answers(cluster: Cluster) -> None:  # noqa: ARG001
    result = subprocess.run(
        ["sh", "-c", f"(sleep 1; echo 'echo answer-$((6*7))'; sleep 3) | {TESTBED} console db1"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "answer-42" in result.stdout, result.stdout + result.stderr


def test_fault_is_on_record_and_healed_after_kill_9(cluster: Cluster) -> None:
    """The process that injects is killed at once; another one heals."""
    victim = "app-1"
    code = (
        "import os, signal; from testbed import faults; from testbed.cluster import Cluster; c = Cluster(); "
        f"faults.inject(c.fleet, c.ledger, 'power-loss', '{victim}'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    result = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert result.returncode == -signal.SIGKILL
    assert cluster.machine(victim).power() is Power.OFF
    assert [entry.node for entry in cluster.ledger.entries()] == [victim]
    assert victim in typed("status", status=1).stderr
    typed("heal")
    assert cluster.ledger.entries() == []
    lifecycle.wait_healthy(cluster, 60)


def test_a_run_that_is_killed_is_healed_and_judged_by_others(cluster: Cluster) -> None:
    """Killed in the middle of an incident: the next command heals its fault, the journal says what is known."""
    process = subprocess.Popen([TESTBED, "run", "app-power-loss"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_until(cluster.ledger.entries, 120, "the incident's fault to be on record", hint="does it become steady?")
    finally:
        process.kill()
        process.communicate(timeout=30)
    typed("heal")
    assert cluster.ledger.entries() == []
    for name in ("client", "observer"):
        left = typed("exec", name, "sh", "-c", "cat /proc/[0-9]*/comm").stdout.split()
        assert not {"python3", "locust"} & set(left)
    lifecycle.wait_healthy(cluster, 60)
    newest = max(
        (cluster.settings.state_dir / "runs").glob("*-app-power-loss"), key=lambda folder: folder.stat().st_mtime
    )
    result = typed("report", str(newest), status=(1, 3))  # a starved machine may have failed a check before
    assert "has no end of the run" in result.stdout + result.stderr
    assert (newest / "report.html").is_file()


@pytest.mark.parametrize("node", ["lb1", "db1"])
def test_a_file_goes_to_a_node_and_back(cluster: Cluster, node: str, tmp_path: Path) -> None:  # noqa: ARG001
    file, back = tmp_path / "file", tmp_path / "back"
    file.write_bytes(os.urandom(300_000))
    file.chmod(0o640)
    typed("cp", str(file), f"{node}:/tmp/copied")
    try:
        assert typed("exec", node, "stat", "-c", "%a", "/tmp/copied").stdout.strip() == "640"  # noqa: S108
        typed("cp", f"{node}:/tmp/copied", str(back))
    finally:
        typed("exec", node, "rm", "-f", "/tmp/copied")  # noqa: S108
    assert back.read_bytes() == file.read_bytes()


def test_a_command_of_a_container_reads_standard_input(cluster: Cluster) -> None:  # noqa: ARG001
    command: list[str | Path] = [TESTBED, "exec", "-i", "lb1", "cat"]
    done = subprocess.run(command, input="hello", capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "hello"


@pytest.mark.parametrize("where", ["public", "lb1", "db1"])
def test_packets_are_captured(cluster: Cluster, where: str, tmp_path: Path) -> None:  # noqa: ARG001
    file = tmp_path / "packets.pcap"
    typed("capture", where, "--for", "5s", "--size", "1MiB", "--output", str(file))
    content = file.read_bytes()
    assert content.startswith(bytes.fromhex("4d3cb2a1"))
    assert 24 < len(content) <= 1024**2  # both balancers and databases advertise, every second


def test_the_cluster_is_described(cluster: Cluster, tmp_path: Path) -> None:
    state = cluster.state()
    found = json.loads(typed("inspect", "--json").stdout)
    assert [each["node"] for each in found] == [machine.name for machine in cluster.fleet.machines()]
    assert f"active, {cluster.topology.site.address}" in typed("graph").stdout
    assert json.loads(typed("inspect", "db1", "--json").stdout)["state"]["node"] == "db1"
    assert state.primary_database
    typed("bundle", "--output", str(tmp_path / "bundle.tar.gz"))
    with tarfile.open(tmp_path / "bundle.tar.gz") as archive:
        assert "bundle/status.json" in archive.getnames()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fault", "earthquake", "db1"), "no fault 'earthquake'"),
        (("fault", "power-loss", "db9"), "no node 'db9'"),
        (("fault", "cable-pull", "db1", "--network", "public"), "db1 is not on 'public'"),
        (("resign", "mail"), "it shares no virtual address"),
        (("fault", "resign", "db:primary"), "'resign' is an operation, not a fault; run `testbed resign db:primary`"),
        (("exec", "db9", "true"), "no node 'db9'"),
        (("console", "app-1"), "app-1 is a container and has no serial console"),
        (("up", "--scale", "db1=2"), "'db1' cannot be scaled"),
        (("up", "--scale", "app=many"), "'app=many' is not a scale"),
        (("up", "--overlay", "nowhere"), "no such Compose file"),
        (("bench", "failover", "coffee"), "no failover 'coffee'"),
        (("fault", "power-loss", "db:king"), "db:king"),
        (("run", "nowhere"), "nowhere"),
        (("report", "nowhere"), "nowhere"),
        (("compare", "nowhere", "nowhere"), "nowhere"),
        (("run", "mail-gone", "clock-jump", "--no-heal"), "--no-heal"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_nonsense_is_one_line_and_exit_status_2(cluster: Cluster, arguments: tuple[str, ...], message: str) -> None:
    result = typed(*arguments, status=2)
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert cluster.ledger.entries() == []
