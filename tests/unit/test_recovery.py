"""Bringing a cluster back to health: what heals by itself is waited for, then one remedy after the other is taken."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from docker.errors import DockerException
from docker.models.containers import Container
from fakes import FakeMachine, fleet
from test_health import TOPOLOGY, whole, with_balancer, with_databases
from test_remedies import NEW, NONE, OLD, OTHER, SICK, with_generations

from testbed.balancers.apache.apache_member import ApacheMember
from testbed.cluster import Cluster, ClusterState, cluster_recovery, complaints, unrecorded_faults
from testbed.cluster.cluster_recovery import SplitBrainError, recover
from testbed.errors import TestbedError
from testbed.faults import Ledger
from testbed.machines import ExecResult, Power, Unreachable
from testbed.machines.virtual import VirtualMachine


class FakeTime:
    """A clock that goes on by itself whenever somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeCluster:
    """A cluster whose state is a function of what was done to it.

    Args:
        state: the state, by the deeds so far.
    """

    topology = TOPOLOGY

    def __init__(self, state: Callable[[list[str]], ClusterState], ledger: Ledger) -> None:
        self.deeds: list[str] = []
        self._state = state
        self._machines = {name: FakeMachine(name, ledger) for name in whole().power}
        self.fleet = fleet(*self._machines.values())

    def state(self, *_: object) -> ClusterState:
        for machine in self._machines.values():
            self.deeds += [f"{machine.name} {deed}" for deed in machine.done]
            machine.done.clear()
        state = self._state(self.deeds)
        for name, machine in self._machines.items():
            machine.frozen = state.power[name] is Power.FROZEN
            machine.on = state.power[name] is not Power.OFF
        return state

    def machine(self, name: str) -> FakeMachine:
        return self._machines[name]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "faults")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    time = FakeTime()
    for module in ("testbed.cluster.cluster_recovery.time", "testbed.wait.time"):
        monkeypatch.setattr(module, time)
    return time


def recovered(state: Callable[[list[str]], ClusterState], ledger: Ledger) -> list[str]:
    """What was done until the cluster was healthy."""
    cluster = FakeCluster(state, ledger)
    printed: list[str] = []
    recover(cast("Cluster", cluster), 120.0, printed.append)
    assert len(printed) == len(cluster.deeds)  # nothing is done in silence
    return cluster.deeds


def after(deed: str, before: ClusterState) -> Callable[[list[str]], ClusterState]:
    """A cluster that is sick until something is done."""
    return lambda deeds: whole() if any(deed in each for each in deeds) else before


def test_what_heals_by_itself_is_left_alone(clock: FakeTime, ledger: Ledger) -> None:
    assert recovered(lambda _: whole() if clock.now > 25 else with_databases(SICK, {}), ledger) == []


@pytest.mark.parametrize(
    ("before", "deeds"),
    [
        (with_databases({"damaged": True}, {}), ["db1 sh -c resign"]),
        (with_databases({"drbd_disks": "Diskless/UpToDate"}, {}), ["db1 sh -c drbdadm attach database"]),
        (with_databases({}, {"drbd_connection": "StandAlone"}), ["db2 sh -c drbdadm connect database"]),
        (with_balancer({"apache": False}), ["lb2 kill", "lb2 start"]),
    ],
    ids=["filesystem with lost writes", "disk detached", "DRBD stands alone", "Apache down"],
)
def test_what_stays_sick_is_repaired(before: ClusterState, deeds: list[str], clock: FakeTime, ledger: Ledger) -> None:
    printed: list[str] = []
    cluster = FakeCluster(after(deeds[-1], before), ledger)
    recover(cast("Cluster", cluster), 120.0, printed.append)
    assert cluster.deeds == deeds
    assert len(printed) == 1
    assert cluster_recovery.PATIENCE_SECONDS <= clock.now < 60


def test_a_power_cycle_is_the_last_resort(clock: FakeTime, ledger: Ledger) -> None:
    cluster = FakeCluster(after("db2 start", with_databases(SICK, {})), ledger)
    recover(cast("Cluster", cluster), 120.0, print)
    assert [deed.partition("\n")[0] for deed in cluster.deeds] == ["db1 sh -c ", "db1 sh -c resign", "db2 kill",
                                                                   "db2 start"]  # fmt: skip
    assert clock.now > 3 * cluster_recovery.PATIENCE_SECONDS


@pytest.mark.parametrize(("power", "deed"), [(Power.FROZEN, "db2 unpause"), (Power.OFF, "db2 start")])
def test_power_comes_back_at_once(power: Power, deed: str, clock: FakeTime, ledger: Ledger) -> None:
    before = replace(whole(), power={**whole().power, "db2": power})
    assert recovered(after(deed, before), ledger) == [deed]
    assert clock.now < 5


CUT_OFF = {"reachable": False, "drbd_connection": "Unknown", "carp": False}


def test_a_node_without_a_network_is_connected_at_once(clock: FakeTime, ledger: Ledger) -> None:
    before = replace(with_databases({}, CUT_OFF), missing_networks={"db2": ("backend", "replication")})
    cluster = FakeCluster(after("db2 start", before), ledger)
    recover(cast("Cluster", cluster), 120.0, print)
    assert cluster.deeds == ["db2 kill", "db2 connect networks", "db2 start"]
    assert clock.now < 5


def test_of_two_database_nodes_without_a_network_the_second_waits_for_the_first(
    clock: FakeTime, ledger: Ledger
) -> None:
    begun: dict[str, float] = {}

    def state(deeds: list[str]) -> ClusterState:
        missing = {node: ("replication",) for node in ("db1", "db2") if f"{node} start" not in deeds}
        for deed in deeds:
            begun.setdefault(deed, clock.now)
        boots = [deed for deed, at in begun.items() if deed.endswith("start") and clock.now < at + 20]
        answers = [{} if f"{node} start" not in boots else CUT_OFF for node in ("db1", "db2")]
        return replace(with_databases(*answers), missing_networks=missing)

    recover(cast("Cluster", FakeCluster(state, ledger)), 120.0, print)
    assert 20 <= begun["db2 kill"] - begun["db1 start"] < 30


def test_a_network_that_cannot_be_connected_is_no_reason_to_restart_again(clock: FakeTime, ledger: Ledger) -> None:
    before = replace(whole(), missing_networks={"app-1": ("backend",)})
    cluster = FakeCluster(lambda _: before, ledger)
    with pytest.raises(TestbedError, match="app-1 is not connected to the Docker network backend"):
        recover(cast("Cluster", cluster), 120.0, print)
    assert cluster.deeds.count("app-1 connect networks") == 1
    assert clock.now < 600


def test_a_machine_that_goes_off_again_and_again_is_given_up(
    clock: FakeTime, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [SimpleNamespace(text="QEMU failed: no space left")]
    monkeypatch.setattr(FakeMachine, "logs", lambda *_, **__: lines, raising=False)
    off = replace(whole(), power={**whole().power, "db2": Power.OFF})
    with pytest.raises(TestbedError, match="db2 went off: QEMU failed: no space left; `testbed logs db2`"):
        recovered(lambda _: off, ledger)
    assert clock.now < 10


def test_a_split_brain_is_left_to_people_at_once(clock: FakeTime, ledger: Ledger) -> None:
    parted = with_generations((NEW, OLD, NONE, NONE), (OTHER, OLD, NONE, NONE), drbd_connection="StandAlone")
    cluster = FakeCluster(lambda _: parted, ledger)
    with pytest.raises(SplitBrainError, match="`testbed resolve split-brain`"):
        recover(cast("Cluster", cluster), 120.0, print)
    assert cluster.deeds == []
    assert clock.now == 0


def test_when_no_remedy_helps_the_message_names_what_is_wrong(clock: FakeTime, ledger: Ledger) -> None:
    with pytest.raises(TestbedError, match=r"does not become healthy: db1: DRBD .* `testbed logs NODE`"):
        recovered(lambda _: with_databases({"drbd_connection": "WFConnection"}, {}), ledger)
    assert clock.now < 1200


@pytest.mark.usefixtures("clock")
def test_a_member_that_fails_its_health_check_is_sent_no_request(ledger: Ledger) -> None:
    """Apache would not pass the request on, and on a cluster that starts there are a dozen of them."""
    looks: list[int] = []

    def state(_: list[str]) -> ClusterState:
        looks.append(0)
        return with_balancer({"members": (ApacheMember("app-1", "", "Init HcFl", 0),)}) if len(looks) < 9 else whole()

    cluster = FakeCluster(state, ledger)
    recover(cast("Cluster", cluster), 120.0, print)
    assert cluster.deeds == []


def disk_full(*_: object) -> bool:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("before", "deed"),
    [
        (with_databases({}, {"drbd_connection": "StandAlone"}), "db2 sh -c drbdadm connect database"),
        (with_balancer({"apache": False}), "lb2 start"),
        (replace(whole(), power={**whole().power, "db2": Power.OFF}), "db2 start"),
        (with_balancer({"members": (ApacheMember("app-1", "", "Init Err", 0),)}), "lb2 try-member app-1 webmail"),
    ],
    ids=["script", "restart", "power", "member"],
)
def test_a_full_disk_keeps_no_remedy_from_being_taken(before: ClusterState, deed: str, ledger: Ledger) -> None:
    cluster = FakeCluster(after(deed, before), ledger)
    with pytest.raises(OSError, match="No space left"):
        recover(cast("Cluster", cluster), 120.0, disk_full, disk_full)  # type: ignore[arg-type]
    assert deed in cluster.deeds
    assert complaints(cluster.state(), TOPOLOGY) == []


@pytest.mark.parametrize("error", [ConnectionError("connection refused"), DockerException("no engine")], ids=str)
def test_an_engine_that_is_gone_ends_the_recovery(error: Exception, clock: FakeTime, ledger: Ledger) -> None:
    def state(_: list[str]) -> ClusterState:
        if clock.now > 20:
            raise error
        return with_databases(SICK, {})

    with pytest.raises(TestbedError, match=rf"the state of the cluster is unknown: .*{error}; `testbed doctor`"):
        recovered(state, ledger)
    assert 80 <= clock.now < 90


def test_errors_with_answers_between_them_do_not_end_the_recovery(clock: FakeTime, ledger: Ledger) -> None:
    def state(_: list[str]) -> ClusterState:
        if clock.now < 115 and int(clock.now) not in (0, 58):
            raise ConnectionError("connection refused")
        return with_databases(SICK, {}) if clock.now < 115 else whole()

    recover(cast("Cluster", FakeCluster(state, ledger)), 120.0, print)
    assert clock.now >= 115


@pytest.mark.parametrize("command", ["try-member", "unpause"])
def test_what_cannot_be_tried_keeps_no_remedy_from_being_taken(
    command: str, clock: FakeTime, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("connection refused")

    before = with_balancer({"apache": False, "members": (ApacheMember("app-1", "", "Init Err", 0),)})
    if command == "unpause":
        before = replace(before, power={**whole().power, "db2": Power.FROZEN})
    cluster = FakeCluster(after("lb2 start", before), ledger)
    monkeypatch.setattr(cluster.machine("lb2"), "exec", refuse)
    monkeypatch.setattr(cluster.machine("db2"), "unpause", refuse)
    monkeypatch.setattr(cluster_recovery, "STARTS", 1000)
    monkeypatch.setattr(cluster_recovery.Recovery, "_allow", lambda *_: None)
    recover(cast("Cluster", cluster), 120.0, print)
    assert cluster.deeds == ["lb2 kill", "lb2 start"]
    assert clock.now < 140


@pytest.mark.parametrize(("deadline", "boots"), [(180.0, 170), (60.0, 70)])
def test_a_machine_that_boots_has_the_time_that_the_caller_gives(
    deadline: float, boots: float, clock: FakeTime, ledger: Ledger
) -> None:
    silent = with_databases({}, {"reachable": False})
    cluster = FakeCluster(lambda _: whole() if clock.now >= boots else silent, ledger)
    recover(cast("Cluster", cluster), deadline, print)
    assert cluster.deeds == []


def test_an_application_may_take_as_long_as_a_machine_to_serve(clock: FakeTime, ledger: Ledger) -> None:
    first, second = whole().apps
    slow = replace(whole(), apps=(first, replace(second, silent={"wiki": "no answer for /wiki/"})))
    cluster = FakeCluster(lambda _: whole() if clock.now >= 170 else slow, ledger)
    recover(cast("Cluster", cluster), 180.0, print)
    assert cluster.deeds == []


SYNCHRONISING = with_databases(
    {"drbd_connection": "SyncSource", "drbd_disks": "UpToDate/Inconsistent"},
    {"drbd_connection": "SyncTarget", "drbd_disks": "Inconsistent/UpToDate"},
)


def test_a_resynchronisation_is_waited_for_beyond_the_deadline(clock: FakeTime, ledger: Ledger) -> None:
    cluster = FakeCluster(lambda _: whole() if clock.now >= 500 else SYNCHRONISING, ledger)
    recover(cast("Cluster", cluster), 120.0, print)
    assert cluster.deeds == []


def test_a_resynchronisation_that_never_ends_is_not_waited_for_without_limit(clock: FakeTime, ledger: Ledger) -> None:
    with pytest.raises(TestbedError, match="does not become healthy"):
        recovered(lambda _: SYNCHRONISING, ledger)
    assert cluster_recovery.RESYNC_SECONDS < clock.now < 3600


@pytest.mark.usefixtures("clock")
def test_when_no_copy_is_good_the_decision_is_named(ledger: Ledger) -> None:
    lost = {"drbd_connection": "WFConnection", "drbd_disks": "Inconsistent/DUnknown"}
    with pytest.raises(TestbedError, match="neither copy of the database is known to be up to date"):
        recovered(lambda _: with_databases(lost, lost), ledger)


def undone(machine: FakeMachine) -> list[str]:
    """What is undone on one machine."""
    return list(unrecorded_faults.undo(cast("Cluster", SimpleNamespace(fleet=fleet(machine), topology=TOPOLOGY))))


LINKS = '[{"ifname": "lo", "flags": ["LOOPBACK"]}, {"ifname": "backend", "flags": [%s], "link_type": "ether"}]'


@pytest.mark.parametrize(
    ("answers", "deed", "message"),
    [
        ({"ip -j link": LINKS % '"NO-CARRIER", "UP"'}, "plug backend", "had no carrier"),
        ({"ip -j link": LINKS % '"BROADCAST"'}, "sh -c ip link set dev backend up", "was down"),
        ({"is stopped": "process 42 (postgres) is stopped\ncore /core"}, "sh -c kill -CONT 42", "postgres"),
        ({"tc -j qdisc": '[{"kind": "netem", "dev": "backend"}]'}, "sh -c tc qdisc del dev backend root", "delayed"),
        ({"date +%s": "1000"}, "sh -c date -s @", "clock"),
        (
            {"list tables": "table netdev silent-cut-backend-in\ntable netdev of-another\n"},
            "nft table netdev silent-cut-backend-in delete table netdev silent-cut-backend-in",
            "the rules silent-cut-backend-in dropped packets",
        ),
    ],
    ids=["cable", "interface", "process", "queue", "clock", "rules"],
)
def test_a_fault_that_no_record_names_is_undone(
    answers: dict[str, str | ExecResult], deed: str, message: str, ledger: Ledger
) -> None:
    machine = FakeMachine("db1", ledger, {"mountpoint": ExecResult(1, "", ""), **answers})
    lines = undone(machine)
    assert any(each.startswith(deed) for each in machine.done)
    assert any(message in line for line in lines)


@pytest.mark.parametrize("name", ["db1", "app-1", "lb1"])
def test_a_machine_that_is_well_is_not_changed(name: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.cluster.unrecorded_faults.time.time", lambda: 1000.0)
    answers: dict[str, str | ExecResult] = {"mountpoint": ExecResult(1, "", ""), "date +%s": "1000",
                                            "ip -j link": LINKS % '"UP", "LOWER_UP"'}  # fmt: skip
    machine = FakeMachine(name, ledger, answers)
    assert undone(machine) == []
    changes = [deed for deed in machine.done if deed.startswith(("plug", "own", "host", "unpause", "start"))]
    assert changes == []


def test_a_frozen_machine_is_thawed_before_it_is_asked(ledger: Ledger) -> None:
    machine = FakeMachine("app-1", ledger, {"ip -j link": LINKS % '"NO-CARRIER", "UP"'})
    machine.frozen = True
    assert undone(machine)[0] == "app-1 was frozen: thawed"
    assert "plug backend" in machine.done


@pytest.mark.parametrize("error", [Unreachable("QEMU does not answer", where="db1"), OSError("the engine is gone")])
def test_a_node_that_cannot_be_thawed_keeps_no_other_broken(
    error: Exception, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise error

    stuck, off = FakeMachine("db1", ledger), FakeMachine("app-1", ledger, {"ip -j link": LINKS % '"NO-CARRIER", "UP"'})
    stuck.frozen, off.on = True, False
    monkeypatch.setattr(stuck, "unpause", refuse)
    lines = list(unrecorded_faults.undo(cast("Cluster", SimpleNamespace(fleet=fleet(stuck, off), topology=TOPOLOGY))))
    assert lines[:2] == [f"not healed: db1: {str(error).removeprefix('db1: ')}", "app-1 was off: started"]
    assert "plug backend" in off.done


def test_a_stage_that_fails_keeps_no_other_from_being_taken(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Cluster) -> list[str]:
        raise TestbedError("no helper can be run")

    node = FakeMachine("app-1", ledger, {"ip -j link": LINKS % '"NO-CARRIER", "UP"'})
    monkeypatch.setattr(unrecorded_faults, "sweep_host", refuse)
    undoing = unrecorded_faults.undo(cast("Cluster", SimpleNamespace(fleet=fleet(node), topology=TOPOLOGY)))
    assert next(undoing) == "not healed: no helper can be run"
    with pytest.raises(TestbedError, match="no helper"):
        list(undoing)
    assert "plug backend" in node.done


def test_a_vm_whose_container_is_frozen_is_thawed_before_qemu_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    state = {"Paused": True, "Running": True}

    def unpause() -> None:
        state["Paused"] = False
        done.append("docker unpause")

    def ask(_: VirtualMachine, command: str) -> dict[str, object]:
        if state["Paused"]:
            raise Unreachable("QEMU does not answer", where="db1")
        done.append(command)
        return {}

    monkeypatch.setattr(VirtualMachine, "_qmp", ask)
    container = SimpleNamespace(attrs={"State": state}, reload=lambda: None, unpause=unpause)
    machine = VirtualMachine("db1", TOPOLOGY.nodes["db1"], cast("Container", container), tmp_path)
    machine.unpause()
    machine.unpause()
    assert done == ["docker unpause", "cont", "cont"]
