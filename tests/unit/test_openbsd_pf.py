"""pf.conf: pfctl's grammar takes it, and it lets pass what the Debian balancer's filter does, packet by packet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import product
from pathlib import Path

import pytest
from openbsd_grammar import nft, pf
from openbsd_grammar.pf import Packet, passes
from openbsd_grammar.tokens import Refused
from test_topology import CLUSTER, merged

from testbed.openbsd.node.balancer import Balancer
from testbed.openbsd.node.pf import pf_conf
from testbed.topology import resolve

FIREWALL = Path(__file__).parents[2] / "images" / "lb" / "bin" / "firewall"
BALANCER = Balancer.of(resolve(merged(), [CLUSTER]), "lb1")
TEXT = pf_conf(BALANCER)
RULES = pf.parse(TEXT)
# As in profile hardened, whose health check asks the other balancer and the neighbours.
CHECKING = replace(
    BALANCER,
    peer=IPv4Address("198.18.0.12"),
    neighbours=tuple(IPv4Address(f"198.18.0.{host}") for host in (60, 50, 11, 12)),
)
CHECKED = pf.parse(pf_conf(CHECKING))
DEBIAN = nft.read(
    FIREWALL.read_text(),
    {
        "advertiser": str(BALANCER.public.network),
        "public": "vio0",
        "ports": ",".join(str(port) for port in BALANCER.ports),
        # Rules that are there when the other balancer is known, which UCARP does not need.
        "hear_peer": "",
        "ask_peer": "",
    },
)

HARDENED = nft.read(
    FIREWALL.read_text(),
    {
        "advertiser": str(BALANCER.public.network),
        "public": "vio0",
        "ports": ",".join(str(port) for port in BALANCER.ports),
        "hear_peer": 'iifname "vio0" ip saddr 198.18.0.12 tcp sport 443 ct state established accept',
        "ask_peer": 'oifname "vio0" ip daddr 198.18.0.12 tcp dport 443 accept',
    },
)

CLIENT, PEER, STRANGER = (IPv4Address(text) for text in ("198.18.0.50", "198.18.0.12", "203.0.113.9"))
APP, MULTICAST = IPv4Address("198.18.1.130"), IPv4Address("224.0.0.18")
OWN, BACKEND, SITE = BALANCER.public.ip, BALANCER.backend.ip, BALANCER.site_address.ip
HOST, GUEST = IPv4Address("169.254.77.1"), IPv4Address("169.254.77.2")
TCP, UDP, ICMP, CARP, IGMP = 6, 17, 1, 112, 2
PORTS = (22, 53, 80, 443, 5432, 8008, 8081, 8083, 40000)


def begun() -> Iterator[Packet]:
    """Packets that begin something, on the networks that both platforms have."""
    for interface, direction, protocol in product(("vio0", "vio1"), ("in", "out"), (TCP, UDP, ICMP, CARP, IGMP)):
        ports = product(PORTS, PORTS) if protocol in (TCP, UDP) else [(0, 0)]
        for (source, destination), (sport, dport) in product(_ends(interface, direction), ports):
            flags = "S" if protocol == TCP else ""
            yield Packet(interface, direction, protocol, source, destination, sport, dport, flags)


def _ends(interface: str, direction: str) -> list[tuple[IPv4Address, IPv4Address]]:
    if interface == "vio0":
        ends = [(CLIENT, SITE), (CLIENT, OWN), (PEER, MULTICAST), (PEER, OWN), (STRANGER, MULTICAST), (STRANGER, SITE)]
        back = [(OWN, CLIENT), (OWN, PEER), (SITE, CLIENT), (OWN, MULTICAST), (OWN, STRANGER)]
        return ends if direction == "in" else back
    return [(APP, BACKEND), (APP, SITE)] if direction == "in" else [(BACKEND, APP)]


def reply(packet: Packet) -> Packet:
    """What the other end answers."""
    return replace(
        packet,
        direction="out" if packet.direction == "in" else "in",
        source=packet.destination,
        destination=packet.source,
        source_port=packet.destination_port,
        destination_port=packet.source_port,
        flags="SA" if packet.protocol == TCP else "",
        first=packet,
    )


def compared(rules: pf.Ruleset, debian: nft.Tables = DEBIAN) -> Iterator[tuple[Packet, bool, bool]]:
    """Every packet, and whether it passes here and on Debian."""
    for first in begun():
        packets = [first]
        if passes(rules, first):  # a packet that was dropped has no answer and no successor
            packets += [reply(first), replace(first, flags="A" if first.protocol == TCP else "", first=first)]
        for packet in packets:
            yield packet, passes(rules, packet), debian.passes(packet)


def test_every_packet_fares_as_on_debian() -> None:
    verdicts = list(compared(RULES))
    assert [packet for packet, here, there in verdicts if here is not there] == []
    passed = sum(here for _, here, _ in verdicts)
    assert passed > 300
    assert len(verdicts) - passed > 300


def test_every_packet_of_the_hardened_profile_fares_as_on_debian_but_for_echoes() -> None:
    different = [packet for packet, here, there in compared(CHECKED, HARDENED) if here is not there]
    assert {packet.protocol for packet in different} == {ICMP}
    ends = {(packet.interface, packet.direction, packet.source, packet.destination) for packet in different}
    assert ends == {
        # Questions to neighbours and their answers; the other balancer's question and the answer.
        ("vio0", "out", OWN, CLIENT),
        ("vio0", "out", OWN, PEER),
        ("vio0", "in", CLIENT, OWN),
        ("vio0", "in", PEER, OWN),
    }


def test_only_echoes_are_asked_and_only_of_neighbours() -> None:
    question = Packet("vio0", "out", ICMP, OWN, CLIENT)
    assert passes(CHECKED, question)
    assert passes(CHECKED, replace(reply(question), icmp_type=0))
    assert not passes(RULES, question)
    for other in (
        replace(question, icmp_type=5),
        replace(question, destination=STRANGER),
        replace(question, source=SITE),
        replace(question, interface="vio1"),
        Packet("vio0", "in", ICMP, CLIENT, OWN),
        Packet("vio0", "in", ICMP, PEER, SITE),
    ):
        assert not passes(CHECKED, other), other


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("block all", "block in all"),
        ("port { 8081 8082 8083 }", "port { 8081 8082 8083 5432 }"),
        ("port { 80 443 } flags", "port { 80 443 22 } flags"),
        ("from 198.18.0.0/24 to 224.0.0.18", "from any to 224.0.0.18"),
        ("to 224.0.0.18", "to any"),
        ("pass out quick on $backend", "pass quick on $backend"),
        ("pass out quick on $backend", "block out quick on $backend"),
        ("port { 8081 8082 8083 }", "port { 8081 8082 8083 } flags any no state"),
    ],
)
def test_rules_that_are_looser_or_stricter_than_debians_are_found(old: str, new: str) -> None:
    assert old in TEXT
    assert any(here is not there for _, here, there in compared(pf.parse(TEXT.replace(old, new, 1))))


@pytest.mark.parametrize("flags", ["A", "PA", "FA", "R"])
@pytest.mark.parametrize("port", [80, 443])
def test_the_new_master_sees_and_refuses_the_connections_of_the_dead(flags: str, port: int) -> None:
    strange = Packet("vio0", "in", TCP, CLIENT, SITE, 40000, port, flags)
    assert passes(RULES, strange)
    assert passes(RULES, replace(strange, direction="out", source=SITE, destination=CLIENT, flags="R",
                                 source_port=port, destination_port=40000))  # fmt: skip
    assert passes(pf.parse(TEXT.replace(" flags any no state", "")), strange) is False  # why it is stateless


def test_ssh_comes_from_the_container_alone() -> None:
    login = Packet("vio2", "in", TCP, HOST, GUEST, 40000, 22, "S")
    assert passes(RULES, login)
    assert passes(RULES, reply(login))
    assert not passes(RULES, replace(login, flags="A"))
    assert not passes(RULES, replace(login, source=CLIENT))
    assert not passes(RULES, replace(login, destination=SITE))
    assert not passes(RULES, replace(login, destination_port=443))
    for interface in ("vio0", "vio1"):
        assert not passes(RULES, replace(login, interface=interface))
    assert not passes(RULES, Packet("vio2", "out", TCP, GUEST, HOST, 40000, 22, "S"))


def test_names_are_asked_of_the_container_alone() -> None:
    question = Packet("vio2", "out", UDP, GUEST, HOST, 40000, 53)
    assert passes(RULES, question)
    assert passes(RULES, reply(question))
    assert not passes(RULES, replace(reply(question), first=None))
    assert not passes(RULES, replace(question, destination=CLIENT))
    for interface in ("vio0", "vio1"):
        assert not passes(RULES, replace(question, interface=interface))


def test_an_answer_comes_where_the_question_went() -> None:
    asked = Packet("vio1", "out", TCP, BACKEND, APP, 40000, 8081, "S")
    assert passes(RULES, reply(asked))
    assert not passes(RULES, replace(reply(asked), interface="vio0"))


def test_the_balancer_talks_to_itself() -> None:
    assert passes(
        RULES, Packet("lo0", "out", TCP, IPv4Address("127.0.0.1"), IPv4Address("127.0.0.1"), 40000, 8008, "S")
    )


def test_nothing_is_logged() -> None:
    assert "log" not in {word.text for word in pf.lex(TEXT)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pass in quick on $public", "pass quick in on $public"),
        ("pass in quick on $public inet proto tcp", "pass in quick on $public proto tcp inet"),
        ("quick on $control inet", "quick inet on $control"),
        ("from any to any port", "to any from any port"),
        ("$backend", "$backyard"),
        ('control = "vio2"', 'pass = "vio2"'),
        ('public = "vio0"', 'public = "vio0'),
        ('public = "vio0"\n', ""),
        ("port { 80 443 }", "port { 80 443"),
        ("port { 80 443 }", "port { }"),
        ("port { 8081 8082 8083 }", "port { 8081 8082 80830 }"),
        ("port 22", "port ssh-web"),
        ("proto carp", "proto ucarp"),
        ("proto carp from", "proto carp from any port 80 from"),
        ("proto udp from 169.254.77.2", "proto udp from 169.254.77.256"),
        ("198.18.0.0/24", "198.18.0.1/24"),
        ("198.18.0.0/24", "198.18.0.0/33"),
        ("flags any no state", "flags any stateless"),
        ("flags any", "flags S/Z"),
        ("to 224.0.0.18 no state", "to 224.0.0.18 flags any no state"),
        ("set skip on lo", "skip on lo"),
        ("set block-policy drop", "set block-policy refuse"),
        ("block all", "deny all"),
    ],
)
def test_what_pfctl_refuses_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(Refused):
        pf.parse(TEXT.replace(old, new, 1))


def test_the_last_match_decides_unless_one_is_quick() -> None:
    def decided(text: str) -> bool:
        return passes(pf.parse(text), Packet("vio0", "in", TCP, CLIENT, SITE, 40000, 443, "S"))

    assert decided("")
    assert decided("block all\npass in all\n")
    assert not decided("pass in all\nblock all\n")
    assert decided("pass in quick all\nblock all\n")
    assert not decided("pass out all\nblock in on { vio0 vio1 } proto tcp to port 443\n")
