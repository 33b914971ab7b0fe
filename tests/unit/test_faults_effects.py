"""Each fault: what it does to a machine, when it is refused, and that healing twice changes nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, get_args

import pytest
from fakes import FakeMachine, fleet, topology

from testbed import faults
from testbed.errors import TestbedError, UsageError
from testbed.faults import Ledger, heal_all, inject, resign
from testbed.faults.fault_options import format_options
from testbed.faults.process_faults import ServiceName
from testbed.faults.service_processes import SERVICES
from testbed.journal import FaultStep
from testbed.machines import ExecResult, packet_rules
from testbed.machines.linux import Linux

parse = Linux().processes
STAT = "{pid} ({name}) {state} {parent} 7 7 0 -1 4194624 3 0 0 0 {user} {system} 0 0 20 0 1 0 40 9 9"


def stat(pid: int, name: str, parent: int, *, state: str = "S", ticks: int = 0, mark: str = "") -> str:
    return mark + STAT.format(pid=pid, name=name, state=state, parent=parent, user=ticks, system=1)


# An app node: a supervisor, its Apache with three workers and a filter of its log; a shell of somebody else's.
APP = "\n".join(
    [
        stat(1, "docker-init", 0),
        stat(26, "apache2", 16),
        stat(40, "grep", 26, ticks=900),
        stat(55, "apache2", 26, ticks=30),
        stat(56, "apache2", 26, ticks=70),
        stat(57, "apache2", 26, ticks=50, state="T"),
        stat(90, "sh", 1),
    ]
)
# A database guest: a script called postgres reads the log of the server, whose file is marked.
GUEST = "\n".join(
    [
        stat(500, "postgres", 1),
        stat(501, "postgres", 500, mark="* "),
        stat(502, "postgres", 500),
        stat(503, "postgres", 501, mark="* "),
        stat(504, "postgres", 501, mark="* "),
    ]
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "faults")


def machine(name: str, ledger: Ledger, **answers: str | ExecResult) -> FakeMachine:
    return FakeMachine(name, ledger, {"/proc/[0-9]*": GUEST if name.startswith("db") else APP, **answers})


@pytest.mark.parametrize(
    ("fault", "node", "options"),
    [
        ("reboot", "db1", {}),
        ("silent-cut", "lb1", {"direction": "in"}),
        ("loss", "db1", {"share": "30%", "network": "backend"}),
        ("delay", "db1", {"delay": "100ms"}),
        ("rate-limit", "app-1", {"rate": "256kbit/s"}),
        ("process-hang", "app-1", {"process": "php-worker"}),
        ("process-kill", "app-1", {"process": "php-worker"}),
        ("disk-error", "db1", {}),
        ("disk-full", "db1", {}),
        ("clock-jump", "db1", {"by": "+90s"}),
    ],
)
def test_written_down_first_and_healed_to_the_last_trace(
    fault: str, node: str, options: dict[str, str], ledger: Ledger
) -> None:
    victim = machine(node, ledger)
    if fault == "process-kill":
        # A process that was killed is no longer listed.
        survivors = "\n".join(line for line in APP.splitlines() if not line.startswith("56 "))
        answers = iter([APP, APP, survivors])
        victim.answers = {"/proc/[0-9]*": ""}
        exec_ = victim.exec
        victim.exec = lambda command, timeout=30: (  # type: ignore[method-assign]
            ExecResult(0, next(answers), "") if "/proc/[0-9]*" in " ".join(command) else exec_(command, timeout)
        )
    entry = inject(fleet(victim), ledger, fault, node, options)
    assert victim.done
    assert all(victim.recorded_before)
    assert entry.options == options
    assert entry.target == node
    heal_all(fleet(victim), ledger)
    assert ledger.entries() == []


def test_packets_vanish_one_way(ledger: Ledger) -> None:
    victim = machine("db2", ledger)
    inject(fleet(victim), ledger, "silent-cut", "db2", {"network": "replication", "direction": "out"})
    assert victim.done == ["cut replication silent-cut-replication-out out"]
    heal_all(fleet(victim), ledger)
    assert victim.done[1:] == ["let pass silent-cut-replication-out"]


def test_a_share_of_the_packets_is_lost_both_ways(ledger: Ledger) -> None:
    victim = machine("lb1", ledger)
    inject(fleet(victim), ledger, "loss", "lb1", {"network": "public", "share": "2.5%"})
    assert victim.done == ["cut public loss-public-both in out numgen random mod 10000 < 250"]


def test_rules_stand_where_the_machine_cannot_see_them() -> None:
    towards = packet_rules.drop_rules("t", "veth1", packet_rules.TOWARDS_NODE, ("in", "out"))
    assert "chain in {\ntype filter hook egress device veth1" in towards
    assert "chain out {\ntype filter hook ingress device veth1" in towards
    assert "chain in {\ntype filter hook ingress device eth0" in packet_rules.drop_rules(
        "t", "eth0", packet_rules.FROM_NODE, ["in"]
    )


def test_rules_of_a_machine_that_lost_power_are_gone_with_it(ledger: Ledger) -> None:
    for fault, options in (
        ("rate-limit", {"rate": "64kbit/s"}), ("disk-error", {}), ("clock-jump", {"by": "-5m"}),
    ):  # fmt: skip
        victim = machine("db2", ledger)
        inject(fleet(victim), ledger, fault, "db2", options)
        victim.on = False
        before = list(victim.done)
        heal_all(fleet(victim), ledger)
        assert victim.done == before


def test_a_rate_is_limited_at_both_ends_and_once(ledger: Ledger) -> None:
    victim = machine("app-1", ledger)
    inject(fleet(victim), ledger, "rate-limit", "app-1", {"rate": "256kbit/s"})
    assert [line.partition(":")[0] for line in victim.done] == ["own backend", "host backend"]
    assert all("tbf rate 256kbit" in line for line in victim.done)
    with pytest.raises(UsageError, match="backend is limited already"):
        inject(fleet(victim), ledger, "rate-limit", "app-1", {"rate": "64kbit/s"})
    heal_all(fleet(victim), ledger)
    assert not any(victim.queues.values())


def test_delay_is_refused_where_the_kernel_has_no_emulator(ledger: Ledger) -> None:
    answer = ExecResult(2, "", "Error: Specified qdisc kind is unknown.\n")
    victim = machine("db1", ledger, unshare=answer)
    with pytest.raises(UsageError, match=r"its kernel has no network emulator \(netem\): Error: Specified"):
        inject(fleet(victim), ledger, "delay", "db1", {"delay": "100ms"})
    assert victim.done == []
    assert ledger.entries() == []


def test_processes_are_read_from_proc() -> None:
    processes = parse(APP + "\n" + stat(7, "odd) (name", 1, mark="* ") + "\nnonsense\n")
    assert [each.pid for each in processes] == [1, 26, 40, 55, 56, 57, 90, 7]
    assert processes[-1].name == "odd) (name"
    assert processes[-1].program
    assert processes[3].ticks == 31
    assert [each.pid for each in SERVICES["apache"].of(processes)] == [26, 40, 55, 56, 57]
    # The one that worked most; the filter of the log is none.
    assert [each.pid for each in SERVICES["php-worker"].of(processes)] == [56]
    assert [each.pid for each in SERVICES["postgres"].of(parse(GUEST))] == [501, 503, 504]
    assert SERVICES["postgres"].of(parse(APP)) == []
    assert SERVICES["php-worker"].of(parse(stat(26, "apache2", 1))) == []


def test_a_stopped_service_goes_on(ledger: Ledger) -> None:
    victim = machine("app-1", ledger)
    inject(fleet(victim), ledger, "process-hang", "app-1", {"process": "php-worker"})
    heal_all(fleet(victim), ledger)
    assert victim.done == [
        "sh -c kill -STOP 56 2>/dev/null; true",
        "sh -c kill -CONT 57 2>/dev/null; true",  # the one that the machine shows as stopped
    ]


def test_the_clock_is_set_from_the_hosts(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    victim = machine("db1", ledger)
    inject(fleet(victim), ledger, "clock-jump", "db1", {"by": "-2m"})
    heal_all(fleet(victim), ledger)
    assert victim.done == ["sh -c date -s @880.000", "sh -c date -s @1000.000"]


@pytest.mark.parametrize(("state", "attached"), [("Diskless/UpToDate", True), ("UpToDate/UpToDate", False)])
def test_a_repaired_disk_is_attached_unless_it_is(state: str, attached: bool, ledger: Ledger) -> None:
    victim = machine("db1", ledger, dstate=state)
    inject(fleet(victim), ledger, "disk-error", "db1")
    heal_all(fleet(victim), ledger)
    assert victim.done[:2] == ["break disk 1", "repair disk 1"]
    assert ["drbdadm attach database" in deed for deed in victim.done[2:]] == ([True] if attached else [])


def test_a_full_volume_is_healed_where_it_is_by_then(ledger: Ledger) -> None:
    db1, db2 = machine("db1", ledger), machine("db2", ledger)
    inject(fleet(db1, db2), ledger, "disk-full", "db1")
    db1.answers["grep -q"] = ExecResult(3, "", "")  # the service has moved
    del db1.done[:]
    heal_all(fleet(db1, db2), ledger)
    assert not any("promote" in line for line in db1.asked)
    assert "rm -f" in db2.asked[0]
    assert "promote" in db2.asked[1]


def test_draining_takes_both_balancers(ledger: Ledger) -> None:
    app, lb1, lb2 = machine("app-1", ledger), machine("lb1", ledger), machine("lb2", ledger)
    inject(fleet(app, lb1, lb2), ledger, "drain", "app-1")
    assert app.done == []
    for balancer in (lb1, lb2):
        assert balancer.done == ["pool-member --until-boot drain webmail app-1"]
    lb2.on = False
    refusal = "pool-member: Apache does not do as decided about webmail app-1\n"
    lb1.answers = {"pool-member": ExecResult(1, "", refusal)}
    with pytest.raises(TestbedError, match="lb1: pool-member: Apache does not do as decided about webmail app-1"):
        heal_all(fleet(app, lb1, lb2), ledger)
    lb1.answers = {}
    heal_all(fleet(app, lb1, lb2), ledger)
    assert lb1.done[-1] == "pool-member --until-boot enable webmail app-1"
    assert len(lb2.done) == 1


def test_a_node_that_resigned_has_nothing_to_heal(ledger: Ledger) -> None:
    lb1 = machine("lb1", ledger)
    steps: list[FaultStep] = []
    entry = resign(fleet(lb1), ledger, "lb1", on_step=steps.append)
    assert (entry.fault, entry.node) == ("resign", "lb1")
    assert lb1.done == ["resign"]
    assert all(lb1.recorded_before)
    assert ledger.entries() == []
    assert [step.step for step in steps] == ["inject", "injected", "heal", "healed"]


def test_a_balancer_that_was_frozen_does_not_go_on_draining_when_it_thaws(ledger: Ledger) -> None:
    app, lb1 = machine("app-1", ledger), machine("lb1", ledger)
    inject(fleet(app, lb1), ledger, "drain", "app-1")
    inject(fleet(app, lb1), ledger, "freeze", "lb1")
    healed = heal_all(fleet(app, lb1), ledger)
    assert [entry.fault for entry in healed] == ["freeze", "drain"]
    assert lb1.done[-1] == "pool-member --until-boot enable webmail app-1"


def test_an_engine_that_is_late_for_one_machine_keeps_no_other_broken(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, other = machine("db1", ledger), machine("db2", ledger)
    for each in (slow, other):
        inject(fleet(slow, other), ledger, "power-loss", each.name)

    def late() -> None:
        raise TimeoutError("read timed out")

    monkeypatch.setattr(slow, "start", late)
    with pytest.raises(TimeoutError):
        heal_all(fleet(slow, other), ledger)
    assert other.done[-1] == "start"
    assert [entry.node for entry in ledger.entries()] == ["db1"]


def test_faults_of_a_frozen_node_are_healed_after_it_thaws(ledger: Ledger) -> None:
    victim = machine("db1", ledger)
    inject(fleet(victim), ledger, "clock-jump", "db1", {"by": "1h"})
    inject(fleet(victim), ledger, "freeze", "db1")
    healed = heal_all(fleet(victim), ledger)
    assert [entry.fault for entry in healed] == ["freeze", "clock-jump"]
    assert victim.done[-2:][0] == "unpause"


@pytest.mark.parametrize(
    ("fault", "target", "options", "message"),
    [
        ("clock-jump", "app-1", {"by": "1h"}, "clock-jump is impossible on app-1: a container's clock is the host's"),
        ("clock-jump", "db1", {}, "clock-jump needs the option 'by'; the options of clock-jump are by"),
        ("clock-jump", "db1", {"by": "90"}, "by: '90' is not a jump; write a number with its unit, as"),
        ("clock-jump", "db1", {"by": "0s"}, "by: '0s' is not a jump"),
        ("disk-full", "mail", {}, "disk-full is impossible on mail: it holds no database"),
        ("disk-error", "lb:any", {}, "disk-error is impossible on lb1: it has no DRBD device"),
        ("drain", "db1", {}, "drain is impossible on db1: it is not an app node"),
        ("loss", "db1", {"share": "0%"}, "share: '0%' is invalid: input should be greater than 0"),
        ("loss", "db1", {"share": 30}, "share: 30 is not a share; write a number with its unit, as 30%"),
        ("loss", "db1", {"share": "5%", "direction": "up"}, "direction: 'up' is invalid: input should be 'both', 'in'"),
        ("rate-limit", "db1", {"rate": "1mbit"}, "rate: '1mbit' is not a rate"),
        ("delay", "db1", {"delay": "fast"}, "delay: 'fast' is not a duration; write a number with its unit"),
        ("process-hang", "lb:any", {"process": "php-worker"}, r"it runs no php-worker \(but ucarp, apache\)"),
        ("process-kill", "mail", {"process": "exim"}, "process: 'exim' is invalid: input should be 'postgres'"),
    ],
)
def test_what_could_never_be_is_refused_before_anything_runs(
    fault: str, target: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        faults.check_fault(fault, target, options, topology())


@pytest.mark.parametrize(
    ("fault", "node", "options", "answers", "message"),
    [
        ("process-kill", "db1", {"process": "postgres"}, {"/proc/[0-9]*": APP}, "no postgres runs there now"),
        ("disk-full", "db1", {}, {"grep -q": ExecResult(1, "", "")}, "volume is not mounted there: db:primary has it"),
    ],
)
def test_a_standby_is_refused_faults_of_the_primary(
    fault: str, node: str, options: dict[str, str], answers: dict[str, Any], message: str, ledger: Ledger
) -> None:
    victim = FakeMachine(node, ledger, answers)
    with pytest.raises(UsageError, match=message):
        inject(fleet(victim), ledger, fault, node, options)
    assert victim.done == []
    assert ledger.entries() == []


@pytest.mark.parametrize(
    ("fault", "given", "text"),
    [
        ("loss", {"share": "2.50%", "direction": "in"}, {"share": "2.5%", "direction": "in"}),
        ("loss", {"share": "2.50%", "direction": "both"}, {"share": "2.5%"}),
        ("clock-jump", {"by": "-2h"}, {"by": "-7200s"}),
        ("rate-limit", {"rate": "64 kbit/s"}, {"rate": "64kbit/s"}),
        ("delay", {"delay": "0.1s"}, {"delay": "100ms"}),
        ("process-kill", {"process": "ucarp"}, {"process": "ucarp"}),
    ],
)
def test_options_are_kept_as_text_that_means_the_same(fault: str, given: dict[str, str], text: dict[str, str]) -> None:
    options = faults.parse_options(fault, given)
    assert format_options(options) == text
    assert faults.parse_options(fault, text) == options


def test_every_service_that_is_known_can_be_broken() -> None:
    assert set(get_args(ServiceName)) == set(SERVICES)
