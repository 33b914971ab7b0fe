"""The comparison of both copies of the database: what is parsed, refused and repaired, by the guest's program too."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from fakes import FakeMachine, fleet
from test_health import TOPOLOGY
from typer.testing import CliRunner

from testbed.cli import status, verify_copies
from testbed.cli.main import app
from testbed.cluster import Cluster, copy_verification, project
from testbed.designs.copy_comparison import CopyComparison
from testbed.designs.design_registry import DEFAULT
from testbed.designs.drbd.drbd_state import DrbdState
from testbed.designs.drbd.online_verification import _POLL, _START, GONE, RUNS, parse
from testbed.errors import TestbedError, UsageError
from testbed.faults import Ledger, heal_all, inject
from testbed.machines import ExecResult, Power
from testbed.recorder.log_events import parse_log_line
from testbed.settings import find_root
from testbed.topology import Role
from testbed.wait import wait_until

ROOT = find_root(Path(__file__).parent)
GUEST = ROOT / "images" / "guest" / "files" / "usr" / "lib" / "testbed"
WHOLE = " 0: cs:Connected ro:{}/{} ds:UpToDate/UpToDate C r-----\n    ns:1 nr:2 oos:0\n"


def drbd(role: str, peer: str) -> str:
    """The section of ``node-state`` that a machine's state is read from."""
    mount = "== grep drbd /proc/mounts\n/dev/drbd0 /srv/database ext3 rw 0 0\n" if role == "Primary" else ""
    return f"== cat /proc/drbd\n{WHOLE.format(role, peer)}{mount}"


# --- what the guest's program prints -------------------------------------------------------------------------------


def test_a_comparison_is_parsed() -> None:
    assert parse("noise\nout-of-sync=0 repaired=0\n") == CopyComparison(0)
    assert parse("out-of-sync=43132 repaired=0").equal is False
    assert parse("out-of-sync=43132 repaired=43132").equal is True
    with pytest.raises(TestbedError, match="the node printed 'cs:Connected'"):
        parse("cs:Connected")


@pytest.mark.parametrize(("connection", "whole"), [("VerifyS", True), ("VerifyT", True), ("SyncSource", False)])
def test_copies_that_are_compared_are_connected(connection: str, whole: bool) -> None:
    state = DrbdState("db1", reachable=True, drbd_connection=connection, drbd_disks="UpToDate/UpToDate")
    assert state.replicated is whole


def test_a_comparison_changes_no_state_in_the_journal() -> None:
    parsed = parse_log_line(Role.DATABASE, "event=drbd conn( Connected -> VerifyS ) up=12.5", DEFAULT.recorded)
    assert (parsed.name, parsed.changes) == ("drbd", ())
    again = parse_log_line(Role.DATABASE, "event=drbd conn( VerifyT -> Connected ) up=90.5", DEFAULT.recorded)
    assert again.changes == (("drbd-connection", "Connected"),)


# --- the guest's program, with a DRBD of ours ----------------------------------------------------------------------

# The kernel's part: `verify` finds what the file `rot` holds, a new connection brings the blocks.
STUBS = {
    "drbdsetup": """[ "$1" = verify ] && echo "$2 $3" >>verified
        connection=Connected; [ -e interrupts ] && connection=WFConnection
        sed -i "s/cs:[A-Za-z]*/cs:$connection/; s/oos:.*/oos:$(cat rot)/" drbd""",
    "drbdadm": """echo "$1" >>drbdadm.log
        [ "$1" = disconnect ] && sed -i 's/cs:Connected/cs:StandAlone/' drbd
        [ "$1" = connect ] && sed -i 's/cs:StandAlone/cs:Connected/; s/oos:.*/oos:0/' drbd; true""",
    "pg_dump": "[ ! -e unreadable ]",
    "setpriv": 'shift 5; exec "$@"',
}


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    """A folder that is the guest: its program, its /proc/drbd, its mount, and stubs of what is not here."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, body in STUBS.items():
        (programs / name).write_text(f"#!/bin/sh\ncd {tmp_path}\n{body}\n")
        (programs / name).chmod(0o755)
    common = (GUEST / "common").read_text()
    for old, new in (
        ("state=/run/testbed", f"state={tmp_path}"), ("/srv/database", str(tmp_path / "mount")),
        ("/usr/lib/postgresql/15/bin", str(programs)), ("/lib/drbd/drbdsetup-84", str(programs / "drbdsetup")),
        ("/dev/kmsg", f">{tmp_path}/events"),
    ):  # fmt: skip
        assert old in common
        common = common.replace(old, new)
    (tmp_path / "common").write_text(common)
    program = (GUEST / "verify-copies").read_text()
    program = program.replace("/usr/lib/testbed/common", f"{tmp_path}/common").replace("/proc/drbd", f"{tmp_path}/drbd")
    (tmp_path / "verify-copies").write_text(program.replace("/proc/sys/vm/drop_caches", "/dev/null"))
    (tmp_path / "verify-copies").chmod(0o755)
    (tmp_path / "node.env").write_text("NODE=db1\n")
    (tmp_path / "mount").mkdir()
    (tmp_path / "rot").write_text("0")
    (tmp_path / "drbd").write_text(WHOLE.format("Primary", "Secondary"))
    return tmp_path


def verify(guest: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{guest / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        [guest / "verify-copies", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env={"PATH": path},
    )


def test_equal_copies_are_left_alone(guest: Path) -> None:
    for arguments in ([], ["repair"]):
        done = verify(guest, *arguments)
        assert (done.returncode, done.stdout) == (0, "out-of-sync=0 repaired=0\n"), done.stderr
    assert not (guest / "drbdadm.log").exists()
    assert (guest / "verified").read_text() == "0 --start=0\n" * 2


def test_a_difference_is_found_and_repaired_only_when_asked(guest: Path) -> None:
    (guest / "rot").write_text("43132")
    assert verify(guest).stdout == "out-of-sync=43132 repaired=0\n"
    assert not (guest / "drbdadm.log").exists()
    done = verify(guest, "resynchronise")
    assert (done.returncode, done.stdout) == (0, "out-of-sync=43132 repaired=43132\n"), done.stderr
    assert (guest / "drbdadm.log").read_text().split() == ["disconnect", "connect"]
    assert (guest / "verified").read_text() == "0 --start=0\n"
    assert "copies-repaired kib=43132" in (guest / "events").read_text()
    assert verify(guest, "repair").stdout == "out-of-sync=43132 repaired=43132\n"


def test_a_primary_that_cannot_read_its_tables_is_not_copied_from(guest: Path) -> None:
    (guest / "rot").write_text("43132")
    (guest / "unreadable").touch()
    done = verify(guest, "repair")
    assert done.returncode == 2
    assert "PostgreSQL cannot read its tables on db1, so the standby's blocks may be the right ones" in done.stderr
    assert not (guest / "drbdadm.log").exists()


@pytest.mark.parametrize(("role", "peer"), [("Secondary", "Primary"), ("Primary", "Unknown")])
def test_only_a_primary_with_a_whole_peer_compares(guest: Path, role: str, peer: str) -> None:
    (guest / "drbd").write_text(WHOLE.format(role, peer))
    done = verify(guest, "repair")
    assert (done.returncode, done.stdout) == (2, "")
    assert "DRBD is not primary here with a complete, connected copy on the peer" in done.stderr
    assert not (guest / "verified").exists()


def test_a_comparison_that_was_interrupted_is_no_result(guest: Path) -> None:
    (guest / "interrupts").touch()
    done = verify(guest)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the comparison was interrupted" in done.stderr


# --- the command ---------------------------------------------------------------------------------------------------


class Asked:
    """A cluster of two database machines, and what its primary is asked."""

    def __init__(self, answer: ExecResult, *states: DrbdState) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.polls = 0
        self.runs = 0
        self.loses_power = False
        self._states = states

    def __call__(self, *_: object) -> Cluster:
        state = SimpleNamespace(databases=self._states, primary_database="db1")
        return cast("Cluster", SimpleNamespace(state=lambda: state, machine=lambda _: self, topology=TOPOLOGY))

    name = "db1"

    def power(self) -> Power:
        return Power.OFF if self.loses_power else Power.ON

    def exec(self, command: list[str], timeout: float = 30) -> ExecResult:  # noqa: ARG002
        if "start" in command:
            self.asked.append(" ".join(command[5:]))
            return ExecResult(0, "", "")
        self.polls += 1
        return self.answer if self.polls > self.runs else ExecResult(RUNS, "", "")


def whole(node: str, connection: str = "Connected") -> DrbdState:
    return DrbdState(node, reachable=True, drbd_connection=connection, drbd_disks="UpToDate/UpToDate")


@pytest.mark.parametrize(
    ("arguments", "output", "code", "message"),
    [
        ([], "out-of-sync=0 repaired=0", 0, "the copies are equal"),
        ([], "out-of-sync=43132 repaired=0", 1, "the copies differ in 43132 KiB: a disk has lost or changed blocks"),
        (["--repair"], "out-of-sync=43132 repaired=43132", 0, "equal again: db2 got 43132 KiB from db1"),
    ],
)
def test_the_command_prints_its_finding(
    arguments: list[str], output: str, code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path / "state"))
    cluster = Asked(ExecResult(0, output, ""), whole("db1"), whole("db2"))
    monkeypatch.setattr(verify_copies, "Cluster", cluster)
    monkeypatch.setattr(project, "exists", lambda _: True)
    assert status.__name__  # another command: with one alone, typer would want no name
    result = CliRunner().invoke(app, ["verify-copies", *arguments])
    assert result.exit_code == code
    assert message in " ".join(result.output.split())
    program = "/usr/lib/testbed/verify-copies" + (" repair" if arguments else "")
    assert cluster.asked == [program]


@pytest.mark.parametrize("other", [whole("db2", "WFConnection"), DrbdState("db2", reachable=False)])
def test_copies_that_are_not_connected_are_not_compared(other: DrbdState) -> None:
    cluster = Asked(ExecResult(0, "", ""), whole("db1"), other)
    with pytest.raises(UsageError, match="the copies cannot be compared: DRBD is not connected and up to date"):
        copy_verification.verify(cluster())
    assert cluster.asked == []


def test_the_refusal_of_a_guest_is_reported() -> None:
    cluster = Asked(ExecResult(2, "", "x\nPostgreSQL cannot read its tables on db1\n"), whole("db1"), whole("db2"))
    with pytest.raises(TestbedError, match="db1: the copies could not be compared or repaired: PostgreSQL cannot read"):
        copy_verification.verify(cluster(), repair=True)


def test_a_profile_that_compares_nothing_daily_is_not_waited_for() -> None:
    cluster = Asked(ExecResult(0, "", ""), whole("db1"), whole("db2"))
    assert copy_verification.verify_as_daily(cluster(), 30) is None
    [asked] = cluster.asked
    assert "VERIFY_SECONDS" in asked


def test_a_comparison_is_waited_for() -> None:
    cluster = Asked(ExecResult(0, "out-of-sync=4 repaired=0", ""), whole("db1"), whole("db2"))
    cluster.runs = 1
    assert copy_verification.verify(cluster()) == CopyComparison(4)
    assert cluster.polls == 2


@pytest.mark.parametrize(
    ("answer", "off", "message"),
    [(ExecResult(0, "", ""), True, "lost its power"), (ExecResult(GONE, "", ""), False, "was restarted meanwhile")],
)
def test_a_machine_that_goes_away_meanwhile_has_no_result(answer: ExecResult, off: bool, message: str) -> None:
    cluster = Asked(answer, whole("db1"), whole("db2"))
    cluster.loses_power = off
    with pytest.raises(TestbedError, match=f"db1: the copies could not be compared or repaired: the node {message}"):
        copy_verification.verify(cluster())


def test_a_long_command_runs_in_the_background_of_a_guest(tmp_path: Path) -> None:
    files = tmp_path / "verify.1"

    def sh(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", "-c", script, "sh", str(files), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    assert sh(_POLL).returncode == GONE
    (tmp_path / "go").touch()
    waits = f"while [ -e {tmp_path}/go ]; do sleep 0.05; done; echo found; echo trouble >&2; exit 2"
    assert sh(_START, "sh", "-c", waits).returncode == 0
    assert sh(_POLL).returncode == RUNS
    (tmp_path / "go").unlink()
    wait_until((tmp_path / "verify.1.status").exists, 20, "the command to end")
    done = sh(_POLL)
    assert (done.returncode, done.stdout, done.stderr) == (2, "found\n", "trouble\n")
    assert sh(_POLL).returncode == GONE


# --- the fault -----------------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "faults")


def pair(ledger: Ledger, differ: int) -> tuple[FakeMachine, FakeMachine]:
    answers: dict[str, str | ExecResult] = {
        "poll /run": f"out-of-sync={differ} repaired=0",
        "filefrag": "34304+2\n40960+300\n",
        "node-state": drbd("Primary", "Secondary"),
    }
    spare: dict[str, str | ExecResult] = {"node-state": drbd("Secondary", "Primary"), "filefrag": ExecResult(3, "", "")}
    return FakeMachine("db1", ledger, answers), FakeMachine("db2", ledger, {**answers, **spare})


def deeds(machine: FakeMachine) -> list[str]:
    programs = ("perl", "verify-copies", "resign")
    return [next((each for each in programs if each in line), "") for line in machine.done if "node-state" not in line]


def test_the_tables_of_the_standby_are_overwritten_where_the_primary_has_them(ledger: Ledger) -> None:
    primary, spare = pair(ledger, 1208)
    inject(fleet(primary, spare), ledger, "disk-corruption", "db2")
    assert spare.done[-1].endswith("overwrite 34304+2 40960+300")
    heal_all(fleet(primary, spare), ledger)
    assert [line.rpartition("/")[2] for line in primary.done if "verify-copies" in line] == [
        "verify-copies", "verify-copies resynchronise",
    ]  # fmt: skip
    assert "resign" not in deeds(spare) + deeds(primary)
    assert ledger.entries() == []


def test_equal_copies_need_no_healing(ledger: Ledger) -> None:
    primary, spare = pair(ledger, 0)
    inject(fleet(primary, spare), ledger, "disk-corruption", "db2")
    heal_all(fleet(primary, spare), ledger)
    assert not any("resynchronise" in line for line in primary.done)


def test_a_machine_that_serves_from_a_bad_disk_hands_over_before_it_is_healed(ledger: Ledger) -> None:
    bad, peer = pair(ledger, 1208)
    inject(fleet(bad, peer), ledger, "disk-corruption", "db1")
    exec_ = bad.exec

    def hand_over(command: list[str], timeout: float = 30) -> ExecResult:
        done = exec_(command, timeout)
        if "resign" in " ".join(command):
            bad.answers["node-state"], peer.answers["node-state"] = (
                drbd("Secondary", "Primary"), drbd("Primary", "Secondary"),
            )  # fmt: skip
        return done

    bad.exec = hand_over  # type: ignore[assignment,method-assign]
    heal_all(fleet(bad, peer), ledger)
    assert not any("resynchronise" in line for line in bad.done)
    assert any("resynchronise" in line for line in peer.done)


def test_nothing_is_compared_while_a_machine_is_off(ledger: Ledger) -> None:
    primary, spare = pair(ledger, 1208)
    inject(fleet(primary, spare), ledger, "disk-corruption", "db2")
    primary.on = False
    with pytest.raises(TestbedError, match="db1: the node is off, so DRBD cannot compare both copies"):
        heal_all(fleet(primary, spare), ledger)
    assert len(ledger.entries()) == 1
