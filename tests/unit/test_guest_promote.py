"""`promote` and `demote` of the database guest: the order of their steps, and what becomes of a step that fails."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_programs import SLEEP, Node

GUEST = Path(__file__).parents[2] / "images/guest/files/usr/lib/testbed"
ENVIRONMENT = """NODE=db1
DATABASE_ADDRESS=198.18.1.20
BACKEND_PREFIX=24
DATABASE_FILESYSTEM=ext3
REPLICATION_ADDRESS=198.18.2.21
PEER_REPLICATION_ADDRESS=198.18.2.22
PROMOTE_SECONDS=2
"""
MOUNTED = "/dev/drbd0 {root}/srv/database ext3 rw 0 0\n"


@pytest.fixture
def guest(tmp_path: Path) -> Node:
    """A guest that VRRP has just made master, with DRBD connected and both copies up to date."""
    node = Node(tmp_path, usr_lib_testbed=GUEST)
    node.write("run/testbed/node.env", ENVIRONMENT)
    node.write("run/testbed/secrets.env", "HORDE_DB_PASSWORD=abc\nPROBE_DB_PASSWORD=def\n")
    node.write("run/testbed/secrets.sha256", "1\n")
    node.write("srv/database/secrets.sha256", "1\n")
    node.write("run/testbed/wish", "master\n")
    for name in ("ip", "arping", "resign", "fuser", "pkill", "poweroff", "nft"):
        node.command(name)
    node.command("setpriv")
    node.command("drbdsetup-84", path="lib/drbd")
    mounted = MOUNTED.format(root=tmp_path)
    node.command("mount", f'echo "{mounted.strip()}" >>"$ROOT/proc/mounts"')
    node.command("umount", ': >"$ROOT/proc/mounts"')
    node.command("postgres", 'echo ready 1<>"$ROOT/run/testbed/postgres"', path="usr/lib/testbed")
    node.command("share", path="usr/lib/testbed")
    return node


def steps(node: Node) -> list[str]:
    """The first two words of each command that was started."""
    return [" ".join(call.split()[:2]) for call in node.calls]


def test_a_promotion_takes_the_address_first_as_in_2006(guest: Node) -> None:
    assert guest.run("usr/lib/testbed/promote") == 0
    assert guest.events == ["address-claimed", "drbd-primary", "mounted"]
    order = [call for call in steps(guest) if call.split()[0] in ("ip", "drbdsetup-84", "mount", "postgres")]
    assert order == ["ip address", "drbdsetup-84 primary", "mount -t", "postgres"]
    assert "resign" not in steps(guest)


def test_where_drbd_goes_first_the_address_follows_it(guest: Node) -> None:
    assert guest.run("usr/lib/testbed/promote", PROMOTE_ORDER="drbd-first") == 0
    assert guest.events == ["drbd-primary", "address-claimed", "mounted"]


def test_a_node_that_drbd_refuses_gives_the_address_up_and_mounts_nothing(guest: Node) -> None:
    guest.command("drbdsetup-84", "exit 17", path="lib/drbd")
    assert guest.run("usr/lib/testbed/promote") == 1
    assert guest.events == ["address-claimed", "promote-failed step=drbd"]
    assert "resign" in steps(guest)
    assert "mount -t" not in steps(guest)


def test_where_drbd_goes_first_a_refused_node_never_has_the_address(guest: Node) -> None:
    guest.command("drbdsetup-84", "exit 17", path="lib/drbd")
    assert guest.run("usr/lib/testbed/promote", PROMOTE_ORDER="drbd-first") == 1
    assert guest.events == ["promote-failed step=drbd"]
    assert "ip address" not in steps(guest)


@pytest.mark.parametrize(("broken", "script", "step"), [("mount", "exit 32", "mount"), ("ip", "exit 2", "address")])
def test_a_step_that_fails_resigns_and_is_named(guest: Node, broken: str, script: str, step: str) -> None:
    guest.command(broken, script)
    assert guest.run("usr/lib/testbed/promote") == 1
    assert guest.events[-1] == f"promote-failed step={step}"
    assert "resign" in steps(guest)
    assert "postgres" not in steps(guest)


@pytest.mark.parametrize("script", ['echo ended 1<>"$ROOT/run/testbed/postgres"', ":"])
def test_a_postgres_that_ends_or_stays_silent_resigns(guest: Node, script: str) -> None:
    guest.command("postgres", script, path="usr/lib/testbed")
    assert guest.run("usr/lib/testbed/promote") == 1
    assert guest.events[-1] == "promote-failed step=postgres"
    assert "resign" in steps(guest)


def test_a_promotion_ends_where_vrrp_changes_its_mind(guest: Node) -> None:
    guest.command("drbdsetup-84", 'echo backup >"$ROOT/run/testbed/wish"; exit 17', path="lib/drbd")
    assert guest.run("usr/lib/testbed/promote") == 0
    assert "mount -t" not in steps(guest)
    assert "resign" not in steps(guest)


def test_a_node_that_is_not_master_promotes_nothing(guest: Node) -> None:
    guest.write("run/testbed/wish", "backup\n")
    assert guest.run("usr/lib/testbed/promote") == 0
    assert (guest.events, guest.calls) == ([], [])


def test_a_volume_that_is_mounted_is_not_mounted_again(guest: Node) -> None:
    guest.write("proc/mounts", MOUNTED.format(root=guest.root))
    assert guest.run("usr/lib/testbed/promote") == 0
    assert "mount -t" not in steps(guest)


def test_a_second_promotion_starts_no_second_server(guest: Node) -> None:
    """VRRP may call a node backup and master again while its first promotion is at work; the second one waits."""
    guest.write("proc/mounts", MOUNTED.format(root=guest.root))
    pgdata = guest.root / "var/lib/postgresql/15/main"
    pgdata.mkdir(parents=True)
    server = subprocess.Popen(["/bin/sleep", "60"], cwd=pgdata)
    try:
        guest.write("var/lib/postgresql/15/main/postmaster.pid", f"{server.pid}\n")
        assert guest.run("usr/lib/testbed/promote", OPEN_WHEN_READY="on") == 0
    finally:
        server.kill()
        server.wait()
    assert "postgres" not in steps(guest)
    assert guest.read("var/lib/postgresql/15/main/postmaster.pid") == str(server.pid)
    assert guest.events == ["address-claimed", "drbd-primary", "mounted", "port-opened"]


def test_a_server_that_a_power_loss_ended_is_started(guest: Node) -> None:
    """Its process number may be another program's by now."""
    other = subprocess.Popen(["/bin/sleep", "60"])
    try:
        guest.write("var/lib/postgresql/15/main/postmaster.pid", f"{other.pid}\n")
        assert guest.run("usr/lib/testbed/promote") == 0
    finally:
        other.kill()
        other.wait()
    assert "postgres" in steps(guest)


def test_changed_passwords_are_applied_once(guest: Node) -> None:
    guest.write("srv/database/secrets.sha256", "0\n")
    guest.command("setpriv", 'cat >"$ROOT/sql"')
    assert guest.run("usr/lib/testbed/promote") == 0
    assert guest.read("sql").splitlines() == ["alter role horde password 'abc';", "alter role probe password 'def';"]
    assert guest.read("srv/database/secrets.sha256") == "1"


# --- demote ---------------------------------------------------------------------------------------------


@pytest.fixture
def serving(guest: Node) -> Iterator[Node]:
    """A guest that serves, and that VRRP has just made backup; its PostgreSQL is a process that ends at SIGINT."""
    server = subprocess.Popen(["/bin/sleep", "60"])
    reaper = threading.Thread(target=server.wait)
    reaper.start()
    guest.write("run/testbed/wish", "backup\n")
    guest.write("var/lib/postgresql/15/main/postmaster.pid", f"{server.pid}\n")
    guest.write("proc/mounts", MOUNTED.format(root=guest.root))
    guest.write("proc/drbd", " 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n")
    yield guest
    server.kill()
    reaper.join()


def test_a_demotion_gives_the_address_up_before_the_volume(serving: Node) -> None:
    assert serving.run("usr/lib/testbed/demote") == 0
    assert serving.events == ["address-released", "unmounted", "drbd-secondary"]
    order = [call for call in steps(serving) if call.split()[0] in ("ip", "share", "umount", "drbdsetup-84")]
    assert [call.split()[0] for call in order] == ["ip", "share", "umount", "drbdsetup-84"]


def test_a_client_that_is_gone_does_not_keep_the_address_here(serving: Node) -> None:
    session = "   1: 140112C6:1538 800112C6:A001 04 00000000:00000000 00:00000000 00000000   104\n"
    serving.write("proc/net/tcp", session)
    serving.command("ip", 'cp "$ROOT/proc/uptime" "$ROOT/released"')
    # A node so busy that a pause of a tenth takes half a second.
    serving.command("sleep", SLEEP.replace('more="$1"', "more=0.5"), recorded=False)
    begin = float(serving.read("proc/uptime").split()[0])
    assert serving.run("usr/lib/testbed/demote") == 0
    assert serving.events == ["address-released", "unmounted", "drbd-secondary"]
    assert float(serving.read("released").split()[0]) - begin < 2


def test_a_volume_that_is_busy_is_freed(serving: Node) -> None:
    serving.command("umount", '[ -e "$ROOT/freed" ] && : >"$ROOT/proc/mounts"')
    serving.command("fuser", ': >"$ROOT/freed"')
    assert serving.run("usr/lib/testbed/demote") == 0
    assert steps(serving).count("umount " + str(serving.root / "srv/database")) == 2
    assert "unmounted" in serving.events


@pytest.mark.parametrize(
    ("broken", "path", "step"), [("umount", "bin", "unmount"), ("drbdsetup-84", "lib/drbd", "secondary")]
)
def test_a_node_that_cannot_let_go_of_the_data_switches_itself_off(
    serving: Node, broken: str, path: str, step: str
) -> None:
    serving.command(broken, "exit 1", path=path)
    serving.command("poweroff", "kill -9 $PPID")
    assert serving.run("usr/lib/testbed/demote") != 0
    assert serving.events[-1] == f"demote-failed step={step}"
    assert "poweroff -f" in steps(serving)


def test_a_server_that_hangs_is_killed_and_not_asked(serving: Node) -> None:
    serving.write("run/testbed/hung", "")
    serving.command("pkill", 'kill -9 "$(cat "$ROOT/var/lib/postgresql/15/main/postmaster.pid")" 2>/dev/null')
    assert serving.run("usr/lib/testbed/demote") == 0
    first = next(call for call in serving.calls if call.split()[0] in ("pkill", "ip"))
    assert first == "pkill -KILL -u postgres"
    assert not serving.read("run/testbed/hung")


def test_a_node_that_is_master_demotes_nothing(serving: Node) -> None:
    serving.write("run/testbed/wish", "master\n")
    assert serving.run("usr/lib/testbed/demote") == 0
    assert (serving.events, serving.calls) == ([], [])


def test_a_demotion_of_a_standby_changes_nothing(guest: Node) -> None:
    guest.write("run/testbed/wish", "backup\n")
    guest.write("proc/drbd", " 0: cs:Connected ro:Secondary/Primary ds:UpToDate/UpToDate C r-----\n")
    guest.command("ip", "exit 2")
    assert guest.run("usr/lib/testbed/demote") == 0
    assert guest.events == []
    assert not {"umount", "drbdsetup-84", "poweroff"} & {call.split()[0] for call in guest.calls}
