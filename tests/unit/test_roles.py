"""What nodes print, recorded on a real cluster, and what testbed makes of it."""

from __future__ import annotations

from pathlib import Path

from testbed.cluster.node_summary import describe_state
from testbed.designs.drbd import drbd_state
from testbed.roles import app_state, balancer_state, mail_state, single_state
from testbed.roles.node_state import split

SAMPLES = Path(__file__).parent / "samples"
SITE = "198.18.0.10"
DATABASE = "198.18.1.20"


def sample(name: str) -> dict[str, str]:
    return split((SAMPLES / f"{name}.txt").read_text())


def test_a_primary_that_serves() -> None:
    state = drbd_state.parse("db2", DATABASE, sample("db-primary"))
    assert state.serving
    assert state.replicated
    assert state.carp
    assert (state.drbd_role, state.drbd_connection, state.drbd_disks) == ("Primary", "Connected", "UpToDate/UpToDate")


def test_a_standby_serves_nothing() -> None:
    state = drbd_state.parse("db1", DATABASE, sample("db-standby"))
    assert state.reachable
    assert state.replicated
    assert not state.serving
    assert (state.holds_address, state.drbd_role, state.mounted, state.postgres) == (False, "Secondary", False, False)


def test_another_replicated_device_is_not_the_database() -> None:
    sections = sample("db-standby")
    [proc] = [name for name in sections if name.startswith("cat /proc/drbd")]
    [mounts] = [name for name in sections if name.startswith("grep drbd")]
    other = "10: cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown C r-----\n"
    more = {proc: other + sections[proc], mounts: "/dev/drbd1 /mnt ext3 rw 0 0\n/dev/drbd0p1 /srv ext3 rw 0 0\n"}
    state = drbd_state.parse("db1", DATABASE, {**sections, **more})
    assert (state.mounted, state.drbd_role, state.drbd_connection) == (False, "Secondary", "Connected")


def test_a_primary_without_its_peer() -> None:
    sections = sample("db-primary")
    [proc] = [name for name in sections if name.startswith("cat /proc/drbd")]
    alone = sections[proc].replace("cs:Connected", "cs:WFConnection").replace("UpToDate/UpToDate", "UpToDate/DUnknown")
    state = drbd_state.parse("db2", DATABASE, {**sections, proc: alone})
    assert state.serving
    assert not state.replicated


def test_drbd_that_is_not_configured() -> None:
    sections = sample("db-standby")
    [proc] = [name for name in sections if name.startswith("cat /proc/drbd")]
    state = drbd_state.parse("db1", DATABASE, {**sections, proc: "version: 8.4.11 (api:1/proto:86-101)\n"})
    assert (state.drbd_connection, state.replicated) == ("Unconfigured", False)


def test_an_active_balancer_and_its_pool() -> None:
    state = balancer_state.parse("lb1", SITE, sample("lb"))
    assert (state.holds_address, state.apache, state.carp) == (True, True, True)
    pool = {member.name: member for member in state.members}
    assert pool["app-1"].usable
    assert pool["app-2"].usable
    assert pool["app-1"].url.endswith(":8081")
    assert pool["app-1"].elected == 0


def test_a_member_in_error_is_not_usable() -> None:
    sections = sample("lb")
    # Apache's own words, as they were seen for a node without power.
    xml = sections["balancer-manager"].replace("Init Ok ", "Init Err ", 1)
    usable = {
        member.name: member.usable
        for member in balancer_state.parse("lb1", SITE, {**sections, "balancer-manager": xml}).members
    }
    assert usable == {"app-1": False, "app-2": True}


def test_a_balancer_whose_apache_is_dead() -> None:
    sections = sample("lb")
    status = sections["sv status"].replace("run: /etc/service/apache", "down: /etc/service/apache")
    state = balancer_state.parse("lb1", SITE, {**sections, "sv status": status, "balancer-manager": "\n"})
    assert not state.apache
    assert state.members == ()
    assert state.carp


def test_a_balancer_that_has_resigned_takes_no_part_in_the_election() -> None:
    sections = sample("lb")
    services = sections["sv status"].replace("/ucarp:", "/keepalived:")
    states = ("MASTER", "BACKUP", "FAULT", "STOP", "")
    asked = [
        balancer_state.parse(
            "lb1", SITE, {**sections, "sv status": services, "cat /run/failover/state": f"{state}\n"}
        ).carp
        for state in states
    ]
    assert asked == [True, True, False, False, False]


# The format is that of sbin/ifconfig/ifconfig.c (printif, carp_status, in_status) and pgrep(1): not recorded, no
# OpenBSD was at hand.
CARP0 = """carp0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\tlladdr 00:00:5e:00:01:01
\tindex 7 priority 15 llprio 3
\tcarp: MASTER carpdev vio0 vhid 1 advbase 1 advskew 0
\tgroups: carp
\tstatus: master
\tinet 198.18.0.10 netmask 0xffffff00 broadcast 198.18.0.255
"""


def openbsd(carp0: str, apache: str = "61923\n") -> balancer_state.BalancerState:
    pool = sample("lb")["balancer-manager"]
    sections = split(f"== ifconfig carp0\n{carp0}== balancer-manager\n{pool}== pgrep -x httpd2\n{apache}")
    return balancer_state.parse("lb1", SITE, sections)


def test_an_openbsd_balancer_holds_the_address_while_it_is_master() -> None:
    active, standby = (
        openbsd(CARP0),
        openbsd(CARP0.replace("MASTER", "BACKUP").replace("status: master", "status: backup")),
    )
    assert (active.holds_address, active.carp, active.apache) == (True, True, True)
    assert (standby.holds_address, standby.carp) == (False, True)
    assert active.members == balancer_state.parse("lb1", SITE, sample("lb")).members
    assert not openbsd(CARP0.replace("198.18.0.10", "198.18.0.100")).holds_address


def test_an_openbsd_balancer_out_of_carp() -> None:
    for carp0 in (CARP0.replace("MASTER", "INIT"), "carp0: no such interface\n"):
        state = openbsd(carp0, apache="")
        assert (state.reachable, state.holds_address, state.carp, state.apache) == (True, False, False, False)


def test_an_address_is_not_mistaken_for_a_longer_one() -> None:
    assert not balancer_state.parse("lb1", "198.18.0.1", sample("lb")).holds_address


def test_an_app_node_and_its_sessions() -> None:
    state = app_state.parse("app-1", sample("app"))
    assert state.apache
    assert state.sessions > 0
    assert state.silent == {}


def test_an_application_that_runs_and_does_not_serve() -> None:
    health = "files 302 /\nwebmail 503 /up?a=1\nwiki 0 /wiki/\n"
    state = app_state.parse("app-1", {**sample("app"), "application-health": health})
    assert state.silent == {"webmail": "status 503 for /up?a=1"}, "a redirection is an answer; the wiki does not run"
    assert "; webmail does not serve: status 503 for /up?a=1" in describe_state(state)


def test_the_mail_server() -> None:
    sections = sample("mail")
    assert mail_state.parse("mail", sections).imap
    assert mail_state.parse("mail", sections).smtp
    [status] = [name for name in sections if name.startswith("sv status")]
    dead = {**sections, status: sections[status].replace("run: /etc/service/dovecot", "down: /etc/service/dovecot")}
    assert not mail_state.parse("mail", dead).imap


def test_a_single_server_and_its_daemons() -> None:
    state = single_state.parse("single", sample("single"))
    assert (state.reachable, state.apache, state.database, state.sessions) == (True, True, True, 3)
    dead = {**sample("single"), "mariadb-admin ping": "mariadb-admin: connect to server at 'localhost' failed\n"}
    assert not single_state.parse("single", dead).database
