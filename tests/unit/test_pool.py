"""The pool's decisions: on both balancers or on neither; and what of a container is its image's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from fakes import FakeMachine, fleet, topology
from rich.console import Console

from testbed.balancers.apache.apache_member import ApacheMember
from testbed.cluster import Cluster, ClusterState, lifecycle, pool_changes
from testbed.errors import TestbedError, UsageError
from testbed.faults import Ledger
from testbed.machines import ExecResult, Machine
from testbed.machines.recreate import own
from testbed.progress import Progress
from testbed.roles import BalancerState, Member, balancer_state
from testbed.roles import pool_member as roles_pool
from testbed.roles.node_state import split

SAMPLES = Path(__file__).parent / "samples"


def member(name: str, status: str = "Init Ok", of: str = "webmail") -> Member:
    return ApacheMember(name, f"http://{name}:8081", status, 0, of)


BOTH = (member("app-1"), member("app-2"))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[FakeMachine, FakeMachine]:
    ledger = Ledger(tmp_path / "faults")
    return FakeMachine("lb1", ledger), FakeMachine("lb2", ledger)


def cluster(
    machines: Sequence[FakeMachine],
    members: Sequence[Member] = BOTH,
    *,
    second: Sequence[Member] | None = None,
    out: Collection[tuple[str, str]] = (),
) -> Cluster:
    """A cluster of two balancers whose Apache shows these members; the second's may be others."""
    shown = (members, members if second is None else second)
    balancers = tuple(
        BalancerState(each.name, reachable=True, members=tuple(has), out=frozenset(out))
        for each, has in zip(machines, shown, strict=True)
    )
    state = ClusterState(power={}, balancers=balancers, apps=(), databases=(), mail=())
    return cast(
        "Cluster",
        SimpleNamespace(
            topology=topology(), fleet=fleet(*machines), state=lambda role=None: state,  # noqa: ARG005
            ledger=machines[0].ledger, machine=fleet(*machines).__getitem__,
        ),
    )  # fmt: skip


def test_both_balancers_are_changed(pair: tuple[FakeMachine, FakeMachine]) -> None:
    pool_changes.change(cluster(pair), "weight", "webmail", "app-2", 50)
    for each in pair:
        assert each.done[-1] == "pool-member weight webmail app-2 50"


def test_healing_ends_the_drains_of_a_roll_that_was_cut_off_and_no_others(
    pair: tuple[FakeMachine, FakeMachine], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The balancer lists what an operator drained as a decision. It does not list what a roll drained.
    drained = [member("app-1", "Init Drn Ok"), member("app-2", "Init Drn Ok")]
    half = cluster(pair, drained, second=BOTH, out={("webmail", "app-2")})
    monkeypatch.setattr("testbed.cluster.unrecorded_faults.undo", lambda _: [])
    assert lifecycle.heal(half, Progress(Console())) == 0
    assert [each.done for each in pair] == [["pool-member --until-boot enable webmail app-1"], []]
    assert "lb1: app-1 was still drained, from webmail" in capsys.readouterr().out


def test_the_first_balancer_is_rolled_back_when_the_second_cannot_be_changed(
    pair: tuple[FakeMachine, FakeMachine],
) -> None:
    lb1, lb2 = pair
    lb1.answers = {"pool-member show": "webmail app-2 serving 7\n"}
    lb2.answers = {"pool-member drain": ExecResult(1, "", "pool-member: Apache does not do as decided\n")}
    with pytest.raises(TestbedError, match="lb2: pool-member: Apache does not do as decided; taken back on lb1"):
        pool_changes.change(cluster(pair), "drain", "webmail", "app-1")
    assert lb1.done[-2:] == ["pool-member drain webmail app-1", "pool-member take webmail app-2 serving 7"]


@pytest.mark.parametrize(("verb", "word"), [("remove", "remove"), ("add", "enable")])
def test_what_was_cut_off_half_way_is_completed(pair: tuple[FakeMachine, FakeMachine], verb: str, word: str) -> None:
    has, lacks = BOTH, BOTH[1:]
    first, second = (lacks, has) if verb == "remove" else (has, lacks)
    pool_changes.change(cluster(pair, first, second=second), verb, "webmail", "app-1")
    assert f"pool-member {word} webmail app-1" not in pair[0].done
    assert f"pool-member {word} webmail app-1" in pair[1].done


def test_enabling_ends_what_a_roll_left_behind_and_no_fault(pair: tuple[FakeMachine, FakeMachine]) -> None:
    pool_changes.change(cluster(pair), "enable", "webmail", "app-1")
    assert all(each.done[-1] == "pool-member --until-boot enable webmail app-1" for each in pair)
    pair[0].ledger.write("drain", "app-1", "app:any", {})
    pool_changes.change(cluster(pair), "enable", "webmail", "app-1")
    assert all(each.done[-1] == "pool-member enable webmail app-1" for each in pair)


def test_nothing_is_changed_while_one_is_off(pair: tuple[FakeMachine, FakeMachine]) -> None:
    pair[1].on = False
    with pytest.raises(TestbedError, match="lb2: it is off: the change would reach the other balancer only"):
        pool_changes.change(cluster(pair), "drain", "webmail", "app-1")
    assert not pair[0].done


@pytest.mark.parametrize(
    ("arguments", "members", "message"),
    [
        (("drain", "mail", "app-1"), BOTH, "no application 'mail'; the applications are webmail"),
        (("drain", "webmail", "app-3"), BOTH, "no app node 'app-3'; webmail runs on app-1, app-2"),
        (("add", "webmail", "app-1"), BOTH, "lb1: app-1 is in the pool of webmail already"),
        (("enable", "webmail", "app-1"), BOTH[1:], "lb1: app-1 is not in the pool of webmail; `testbed pool add"),
        (("drain", "webmail", "app-1"), BOTH[:1], "lb1: app-1 is the last node that takes new sessions of webmail"),
        (("disable", "webmail", "app-1"), (BOTH[0], member("app-2", "Init Drn Ok")), "app-1 is the last node"),
        (
            ("remove", "webmail", "app-1"), (*BOTH, member("app-1", of="webmail.desk")),
            "app-1 is the last node that takes new sessions of webmail for the rule 'desk'",
        ),
    ],
)  # fmt: skip
def test_an_invalid_change_is_refused_before_any_balancer_is_changed(
    pair: tuple[FakeMachine, FakeMachine], arguments: tuple[str, str, str], members: Sequence[Member], message: str
) -> None:
    with pytest.raises(UsageError) as refused:
        pool_changes.change(cluster(pair, members), *arguments)
    assert message in str(refused.value)
    assert not any(each.done for each in pair)


def test_scaling_down_to_nodes_that_were_taken_out_is_refused(pair: tuple[FakeMachine, FakeMachine]) -> None:
    out = frozenset({("webmail", "app-1"), ("webmail", "app-2")})
    state = ClusterState({}, (BalancerState("lb2", reachable=True, members=BOTH, out=out),), (), (), ())
    scaled = cast("Cluster", SimpleNamespace(topology=topology(), state=lambda: state))
    with pytest.raises(UsageError, match="lb2: all nodes of webmail that would be left are taken out of its pool"):
        pool_changes.must_serve(scaled)
    pool_changes.must_serve(cluster(pair))


def test_statistics_and_decisions_are_read() -> None:
    sections = split((SAMPLES / "lb.txt").read_text())
    answers = {**sections, "pool-member show": "webmail app-1 draining 1\nwebmail app-2 serving 50\n"}
    state = balancer_state.parse("lb1", "198.18.0.10", answers)
    assert [(each.pool, each.application, each.weight, each.busy) for each in state.members] == [
        ("webmail", "webmail", 1.0, 0), ("webmail", "webmail", 1.0, 0),
    ]  # fmt: skip
    # A weight takes no node out.
    assert state.out == {("webmail", "app-1")}


def test_a_container_that_is_recreated_keeps_its_own_settings_and_leaves_the_images() -> None:
    image = {"Env": ["PATH=/bin", "A=1"], "Entrypoint": ["boot"], "Cmd": None, "WorkingDir": ""}
    configuration = {
        "Env": ["NODE=lb1", "A=2", "PATH=/bin"], "Entrypoint": ["boot"], "Cmd": ["now"], "WorkingDir": "",
        "Labels": {"a": "b"}, "Hostname": "lb1",
    }  # fmt: skip
    kept = own(configuration, image)
    assert kept["Env"] == ["NODE=lb1", "A=2"]
    assert "Entrypoint" not in kept
    assert (kept["Cmd"], kept["Labels"], kept["Hostname"]) == (["now"], {"a": "b"}, "lb1")


@pytest.mark.parametrize("command", ["forget-member", "pool-member forget"])
def test_a_member_that_could_not_be_forgotten_is_reported(pair: tuple[FakeMachine, FakeMachine], command: str) -> None:
    lb1, _ = pair
    lb1.answers[command] = ExecResult(1, "", "forget-member: cannot create /run/pool/dismissed: No such file\n")
    with pytest.raises(TestbedError, match=r"lb1: .*cannot create /run/pool/dismissed"):
        roles_pool.forget(cast("Machine", lb1), "app-3")
    lb1.answers.clear()
    roles_pool.forget(cast("Machine", lb1), "app-3")
    assert lb1.done[-2:] == ["forget-member app-3", "pool-member forget app-3"]
