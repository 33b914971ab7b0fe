"""The files of an OpenBSD balancer: made of the topology and the secrets, in the words their readers know."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key
from openbsd_grammar import hostname_if, settings
from openbsd_grammar.tokens import Refused
from test_topology import CLUSTER, merged

from testbed.balancers.apache.apache_openbsd import (
    ACCESS_LOG,
    CONFIG_FILE,
    ERROR_LOG,
    PID_FILE,
    POOL_FOLDER,
    httpd_conf,
)
from testbed.cluster import secrets
from testbed.errors import TestbedError, UsageError
from testbed.openbsd.node import Balancer, GuestFile, NodeSecrets, files, write
from testbed.openbsd.node.interfaces import hostname_if as interface_files
from testbed.topology import Topology, resolve

IMAGES = Path(__file__).parents[2] / "images"
TEMPLATES = IMAGES / "lb"


def topology(profile: str = "reference", **environment: str) -> Topology:
    document = merged()
    document["x-testbed"]["profile"] = profile
    if profile == "hardened":
        document["services"]["arbiter"] = {"image": "testbed/arbiter", "x-testbed": {"role": "arbiter"}}
    for name in ("lb1", "lb2"):
        document["services"][name]["x-testbed"] = {"role": "balancer", "platform": "openbsd", "machine": "virtual"}
        document["services"][name]["environment"] |= environment
    return resolve(document, [CLUSTER])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    secrets.ensure(tmp_path, topology())
    return tmp_path


@pytest.fixture
def guest(state: Path) -> dict[str, GuestFile]:
    return dict(files(topology(), "lb1", NodeSecrets.read(state), TEMPLATES))


def text(guest: dict[str, GuestFile], path: str) -> str:
    return guest[path].content.decode()


def test_the_interfaces_are_the_topologys(guest: dict[str, GuestFile]) -> None:
    found = {
        name: hostname_if.parse(name, text(guest, f"etc/hostname.{name}")) for name in ("vio0", "vio1", "vio2", "carp0")
    }
    assert {name: str(interface.address) for name, interface in found.items()} == {
        "vio0": "198.18.0.11/24",
        "vio1": "198.18.1.11/24",
        "vio2": "169.254.77.2/30",
        "carp0": "198.18.0.10/24",
    }
    carp = found["carp0"].carp
    assert carp.pop("pass").isalnum()
    assert carp == {"vhid": "1", "carpdev": "vio0", "advbase": "1", "advskew": "0"}


def test_both_balancers_share_the_virtual_host_and_differ_in_skew(state: Path) -> None:
    both = [
        files(topology(), name, NodeSecrets.read(state), TEMPLATES)["etc/hostname.carp0"] for name in ("lb1", "lb2")
    ]
    first, second = (hostname_if.parse("carp0", each.content.decode()) for each in both)
    assert second.carp == {**first.carp, "advskew": "10"}
    assert second.address == first.address


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("inet ", "inet6 "),
        ("255.255.255.0", "255.0.255.0"),
        ("255.255.255.0", "24"),
        ("198.18.0.255", "198.18.1.255"),
        ("vhid 1", "vhid 256"),
        ("vhid 1", "vhid 0"),
        ("vhid 1", "vhid"),
        ("advskew 0", "advskew 255"),
        ("advbase 1", "advbase -1"),
        ("advbase 1", "advbas 1"),
        ("carpdev vio0", "carpdev"),
        ("carpdev vio0 ", ""),
        ("pass ", "pass $(id)"),
        ("pass ", "pass aaaaaaaaaaaaaaaaa"),
    ],
)
def test_what_ifconfig_refuses_is_refused(guest: dict[str, GuestFile], old: str, new: str) -> None:
    line = text(guest, "etc/hostname.carp0")
    assert old in line
    with pytest.raises(Refused):
        hostname_if.parse("carp0", line.replace(old, new, 1))


@pytest.mark.parametrize("password", ["a$(reboot)", "a b", "", "x" * 21, "ü"])
def test_a_password_that_a_shell_would_read_is_not_written(password: str) -> None:
    with pytest.raises(TestbedError, match="CARP_PASSWORD"):
        interface_files(Balancer.of(topology(), "lb1"), password)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CARP_VHID", "0"), ("CARP_VHID", "256"), ("CARP_ADVBASE", "0"), ("RETRY_SECONDS", "")],
)
def test_an_invalid_value_is_reported_with_its_place(variable: str, value: str) -> None:
    with pytest.raises(UsageError, match=rf"services\.lb1\.environment\.{variable}: .*use a number") as caught:
        Balancer.of(topology(**{variable: value}), "lb1")
    assert "\n" not in str(caught.value)


def test_a_balancer_that_comes_back_stays_backup_and_forwards_nothing(guest: dict[str, GuestFile]) -> None:
    found = settings.sysctl_conf(text(guest, "etc/sysctl.conf"))
    assert found["net.inet.carp.preempt"] == 0
    assert found["net.inet.ip.forwarding"] == 0
    assert "etc/mygate" not in guest  # no default route


def test_names_are_asked_of_the_container(guest: dict[str, GuestFile]) -> None:
    assert settings.resolv_conf(text(guest, "etc/resolv.conf"))["nameserver"] == ["169.254.77.1"]
    assert "198.18.0.10 webmail.testbed.test\n" in text(guest, "etc/hosts")
    assert text(guest, "etc/myname") == "lb1\n"


@pytest.mark.parametrize("profile", ["reference", "hardened"])
def test_daemons(state: Path, profile: str) -> None:
    made = dict(files(topology(profile), "lb1", NodeSecrets.read(state), TEMPLATES))
    found = settings.rc_conf_local(text(made, "etc/rc.conf.local"))
    off = {name.removesuffix("_flags") for name, value in found.items() if value == "NO" and name.endswith("_flags")}
    assert {"smtpd", "sndiod", "slaacd", "dhcpleased", "resolvd", "ntpd"} <= off
    assert found["pf"] == "YES"
    assert found["sshd_flags"] == ""


def test_the_sealed_disk_starts_the_same_daemons(guest: dict[str, GuestFile]) -> None:
    """A node's very first boot reads the disk's own file: the drive's is unpacked too late for it."""
    sealed = (IMAGES / "openbsd/site/usr/local/share/testbed/rc.conf.local").read_bytes()
    assert sealed == guest["etc/rc.conf.local"].content


@pytest.mark.parametrize("line", ["sound_flags=NO", "pf=maybe", "smtpd_flags NO", "smtpd_flag=NO", "sshd_flags=$(id)"])
def test_what_rc_would_not_know_is_refused(line: str) -> None:
    with pytest.raises(Refused):
        settings.rc_conf_local(f"{line}\n")


def test_sshd_listens_on_the_control_network_alone_and_takes_one_key(guest: dict[str, GuestFile]) -> None:
    found = settings.sshd_config(text(guest, "etc/ssh/sshd_config"))
    assert found["ListenAddress"] == "169.254.77.2"
    assert found["AuthenticationMethods"] == "publickey"
    assert found["HostKey"].lstrip("/") in guest
    assert found["AuthorizedKeysFile"].lstrip("/") in guest


@pytest.mark.parametrize(
    ("old", "new"),
    [("UseDNS no", "UseDNS maybe"), ("UseDNS", "UseDSN"), ("Port 22", "Port ssh"), ("UseDNS no", "Port 23")],
)
def test_what_sshd_refuses_is_refused(guest: dict[str, GuestFile], old: str, new: str) -> None:
    with pytest.raises(Refused):
        settings.sshd_config(text(guest, "etc/ssh/sshd_config").replace(old, new))


def test_ssh_keys_are_one_clusters_and_match_each_other(state: Path, guest: dict[str, GuestFile]) -> None:
    again = NodeSecrets.read(state)
    assert guest["etc/ssh/ssh_host_ed25519_key"].content == again.host.private
    for pair in (again.host, again.client):
        private = load_ssh_private_key(pair.private, password=None)
        assert load_ssh_public_key(pair.public).public_bytes_raw() == private.public_key().public_bytes_raw()  # type: ignore[union-attr]
    assert again.host.private != again.client.private
    assert guest["etc/ssh/authorized_keys"].content == again.client.public


def test_private_files_are_private(guest: dict[str, GuestFile]) -> None:
    private = {path for path, file in guest.items() if not file.mode & 0o007}
    assert private == {
        *(f"etc/hostname.{name}" for name in ("vio0", "vio1", "vio2", "carp0")),  # netstart insists
        "etc/pf.conf",
        "etc/testbed/site.key",
        "etc/ssh/ssh_host_ed25519_key",
        "etc/ssh/authorized_keys",
    }
    for path in set(guest) - private:
        assert b"PRIVATE KEY" not in guest[path].content
        assert b" pass " not in guest[path].content


def test_site_conf_is_the_debian_platforms_byte_by_byte(guest: dict[str, GuestFile]) -> None:
    assert guest["etc/balancer/site.conf"].content == (TEMPLATES / "site.conf").read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("PidFile           /run/apache2/httpd.pid\n", "", "PidFile"),
        ("StartServers          2", "ScoreBoardFile /run/apache2/board", "ScoreBoardFile"),
        ("modules/mod_alias.so", "/opt/mod_alias.so", "mod_alias"),
    ],
)
def test_a_template_that_has_changed_is_reported(old: str, new: str, message: str) -> None:
    debian = (TEMPLATES / "httpd.conf").read_text()
    assert old in debian
    with pytest.raises(TestbedError, match=message):
        httpd_conf(Balancer.of(topology(), "lb1"), debian.replace(old, new))


@pytest.mark.parametrize("name", ["POOL_FOLDER", "PidFile", "ERROR_LOG", "ACCESS_LOG"])
def test_the_guests_scripts_find_apaches_files_in_its_configuration(
    guest: dict[str, GuestFile], tmp_path: Path, name: str
) -> None:
    platform = (IMAGES / "openbsd/site/usr/local/libexec/testbed/platform").read_text()
    function = re.search(r"^apache_setting\(\).*?^}$", platform, re.MULTILINE | re.DOTALL)
    assert function
    (tmp_path / "httpd2.conf").write_bytes(guest["etc/apache2/httpd2.conf"].content)
    script = f"HTTPD_CONF={tmp_path}/httpd2.conf\n{function[0]}\napache_setting {name}"
    output = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True).stdout.strip()
    assert output == str(
        {"POOL_FOLDER": POOL_FOLDER, "PidFile": PID_FILE, "ERROR_LOG": ERROR_LOG, "ACCESS_LOG": ACCESS_LOG}[name]
    )
    assert re.search(rf"HTTPD_CONF={CONFIG_FILE}$", platform, re.MULTILINE)


def test_written_where_the_container_looks_and_nothing_of_another_profile_stays(state: Path) -> None:
    folder = state / "nodes" / "lb2"
    (folder / "guest" / "etc").mkdir(parents=True)
    (folder / "guest" / "etc" / "relayd.conf").write_text("")
    write(state, topology(), "lb2", TEMPLATES)
    assert (folder / "secrets.env").read_text() == (state / "nodes" / "lb" / "secrets.env").read_text()
    made = files(topology(), "lb2", NodeSecrets.read(state), TEMPLATES)
    found = {str(path.relative_to(folder / "guest")) for path in folder.rglob("guest/**/*") if path.is_file()}
    assert found == set(made)
    for path, file in made.items():
        assert stat.S_IMODE((folder / "guest" / path).stat().st_mode) == file.mode
        assert (folder / "guest" / path).read_bytes() == file.content
    key = folder / "control" / "id_ed25519"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.stat().st_uid == os.geteuid()
    assert (folder / "control" / "known_hosts").read_text().startswith("169.254.77.2 ssh-ed25519 ")


def test_without_secrets_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match="secrets cannot be read"):
        write(tmp_path, topology(), "lb1", TEMPLATES)
    assert not (tmp_path / "nodes" / "lb1").exists()
