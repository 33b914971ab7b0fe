"""CARP on the wire: what the cluster's UCARP sends on `public`, held against the format that OpenBSD documents.

Whether a real OpenBSD takes it was not tried; that it passes each check of its kernel's receiving code was.
"""

from __future__ import annotations

import re

import carp_model as carp

from echo import Echo
from testbed.addresses.kernel_carp import PASSWORD_BYTES
from testbed.cluster import Cluster
from testbed.machines.container import ContainerMachine
from testbed.topology import Role

COUNT = 3
SECONDS = 20
# Writes CARP's frames as hexadecimal lines; 0x0800 is IPv4's Ethernet type, byte 23 the IP protocol.
CAPTURE = f"""
import socket, time
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
wire.settimeout({SECONDS})
left = {COUNT}
while left:
    frame = wire.recv(2048)
    if len(frame) > 23 and frame[23] == {carp.PROTOCOL}:
        print(frame.hex(), flush=True)
        left -= 1
"""


def captured(machine: ContainerMachine) -> list[carp.Advertisement]:
    """Advertisements that arrive where a client stands."""
    done = machine.exec(["python3", "-c", CAPTURE], timeout=SECONDS + 10)
    assert done.status == 0, done.stderr
    return [carp.decode(bytes.fromhex(line)) for line in done.stdout.split()]


def test_openbsd_would_accept_what_ucarp_sends(cluster: Cluster, echo: Echo) -> None:
    client = cluster.machine("client")
    assert isinstance(client, ContainerMachine)
    heard = captured(client)

    topology = cluster.topology
    master = topology.nodes[cluster.state().active_balancer or ""]
    secrets = (cluster.settings.state_dir / "nodes" / "lb" / "secrets.env").read_text()
    password = secrets.partition("CARP_PASSWORD=")[2].split()[0]
    assert re.fullmatch(rf"[A-Za-z0-9]{{1,{PASSWORD_BYTES}}}", password), "ifconfig(8) would cut it off"
    vhid, skew, base = (int(master.environment[f"CARP_{key}"]) for key in ("VHID", "ADVSKEW", "ADVBASE"))

    for each in heard:
        assert carp.refusals(each, password, vhid, [topology.site.address]) == []
        assert (each.version, each.kind, each.authlen, each.demote) == (2, 1, 7, 0)
        assert (each.vhid, each.advskew, each.advbase) == (vhid, skew, base)
        assert (each.source, each.target, each.ttl) == (master.addresses["public"], carp.GROUP, 255)
        assert (each.whole, each.target_mac) == (True, carp.GROUP_MAC)
        # The one difference: UCARP's fifth byte is 0. OpenBSD does not look at the sender's Ethernet address.
        assert each.source_mac == bytes.fromhex("00005e0000") + bytes([vhid])
    # No counter comes twice; OpenBSD drops the one it used itself last ("replay or network loop detected"). UCARP
    # counts on from its peer's, or draws a new one each time as long as it has never heard one.
    assert len({each.counter for each in heard}) == COUNT
    echo(f"{COUNT} advertisements of {master.name}: OpenBSD would accept them; {'; '.join(carp.strangeness(heard[0]))}")


def test_both_balancers_are_in_one_group(cluster: Cluster) -> None:
    settings = {
        (node.environment["CARP_VHID"], node.environment["CARP_ADVBASE"])
        for node in cluster.topology.of_role(Role.BALANCER)
    }
    assert len(settings) == 1
