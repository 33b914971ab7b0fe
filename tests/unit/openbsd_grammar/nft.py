"""The Debian balancer's packet filter, read out of its own program and evaluated: what pf.conf has to equal.

nft(8), as far as ``images/lb/bin/firewall`` uses it; any other token is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network

from openbsd_grammar.pf import PROTOCOLS, Packet
from openbsd_grammar.tokens import Refused, Token, Tokens, in_range

Test = Callable[[Packet], bool]


@dataclass
class Tables:
    """The rules of the two chains that count; what no rule accepts is dropped."""

    chains: dict[str, list[list[Test]]]

    def passes(self, packet: Packet) -> bool:
        """Whether a packet passes."""
        rules = self.chains["input" if packet.direction == "in" else "output"]
        return any(all(test(self._known(packet)) for test in rule) for rule in rules)

    def _known(self, packet: Packet) -> Packet:
        """The packet as connection tracking sees it: what belongs to a refused packet belongs to nothing."""
        if packet.first is not None and not self.passes(packet.first):
            return Packet(**{**packet.__dict__, "first": None})
        return packet


def read(program: str, variables: dict[str, str]) -> Tables:
    """The rules in a shell program's here document.

    Args:
        program: its text.
        variables: values of its variables.
    """
    text = program.partition("<<RULES\n")[2].partition("\nRULES\n")[0]
    for name, value in variables.items():
        text = text.replace(f"${name}", value)
    if "$" in text:
        raise Refused("a variable without a value")
    chains: dict[str, list[list[Test]]] = {}
    for name, body in re.findall(r"chain (\w+) \{\n(.*?)\n    \}", text, re.DOTALL):
        lines = [line.strip() for line in body.splitlines()]
        policy, *lines = [line for line in lines if line and not line.startswith("#")]
        if not policy.endswith("policy drop;"):
            raise Refused(f"chain {name} lets pass what it does not know")
        chains[name] = [_rule(line) for line in lines]
    return Tables(chains)


def _rule(line: str) -> list[Test]:
    tokens = Tokens([Token(text, 0) for text in re.findall(r'!=|[{}]|[^\s{},"]+', line)])
    tests: list[Test] = []
    while not tokens.accept("accept"):
        tests.append(_test(tokens))
    tokens.end()
    return tests


def _test(tokens: Tokens) -> Test:
    match tokens.take().text:
        case "iifname" | "oifname":
            unlike, name = tokens.accept("!=") is not None, tokens.take().text
            return lambda packet: (packet.interface == name) is not unlike
        case "tcp":
            field, ports = tokens.expect("dport", "sport"), _ports(tokens)
            attribute = {"dport": "destination_port", "sport": "source_port"}[field]
            return lambda packet: packet.protocol == PROTOCOLS["tcp"] and getattr(packet, attribute) in ports
        case "ip":
            field, network = tokens.expect("saddr", "daddr"), IPv4Network(tokens.take().text)
            if field == "saddr":
                return lambda packet: packet.source in network
            return lambda packet: packet.destination in network
        case "meta":
            tokens.expect("l4proto")
            protocol = tokens.number("protocol", 1, 255)
            return lambda packet: packet.protocol == protocol
        case "ct":
            tokens.expect("state")
            tokens.expect("established")
            tokens.accept("related")
            return lambda packet: packet.first is not None
        case other:
            raise Refused(f"unknown: {other}")


def _ports(tokens: Tokens) -> set[int]:
    if not tokens.accept("{"):
        return {tokens.number("port", 0, 65535)}
    ports = set()
    while not tokens.accept("}"):
        ports.add(in_range(tokens.take().text, "port", 0, 65535))
    return ports
