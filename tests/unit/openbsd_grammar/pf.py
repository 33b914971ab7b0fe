"""pf.conf(5), as far as a balancer uses it: its grammar, and which rule decides.

From the BNF of the manual page, and sbin/pfctl/parse.y: its lexer (what may stand in a bare token, macros expanded in
place), and rule_consistent() ("port only applies to tcp/udp", "flags" likewise). What is outside the subset is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from openbsd_grammar.tokens import Refused, Token, Tokens, in_range

RESERVED = frozenset(
    {"all", "any", "block", "drop", "flags", "from", "in", "inet", "inet6", "keep", "label", "log", "match", "no"}
    | {"on", "out", "pass", "port", "proto", "quick", "return", "set", "skip", "state", "table", "tag", "to", "user"}
)
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "carp": 112}
ECHO_REQUEST = 8
EVERYWHERE = IPv4Network("0.0.0.0/0")
_LEXER = re.compile(
    r"(?P<continued>\\\n)|(?P<newline>\n)|(?P<blank>[ \t]+)|(?P<comment>#[^\n]*)|(?P<string>\"[^\"\n]*\"|'[^'\n]*')"
    r"|(?P<macro>\$[A-Za-z]\w*)|(?P<word>[^\s(){}<>!=/#,\"'$]+)|(?P<mark>[(){}<>!=/,])"
)


@dataclass
class Rule:
    """A rule of filtering; empty means any."""

    action: str
    direction: str | None = None
    quick: bool = False
    interfaces: tuple[str, ...] = ()
    family: str | None = None
    protocols: tuple[int, ...] = ()
    source: IPv4Network = EVERYWHERE
    destination: IPv4Network = EVERYWHERE
    source_ports: tuple[int, ...] = ()
    destination_ports: tuple[int, ...] = ()
    flags: tuple[str, str] | None = None
    icmp_type: int | None = None
    state: bool = True
    line: int = 0


@dataclass
class Ruleset:
    """A whole file."""

    rules: list[Rule] = field(default_factory=list)
    skipped: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)


def lex(text: str) -> list[Token]:
    """The file's tokens; an unquoted newline is one."""
    tokens, at, line = [], 0, 1
    while at < len(text):
        match = _LEXER.match(text, at)
        if match is None:
            raise Refused(f"line {line}: cannot be read: {text[at : at + 20]!r}")
        kind, found = str(match.lastgroup), match[0]
        if kind == "string":
            tokens.append(Token(found[1:-1], line, quoted=True))
        elif kind in {"macro", "word", "mark", "newline"}:
            tokens.append(Token(found, line))
        line += found.count("\n")
        at = match.end()
    return tokens


def parse(text: str) -> Ruleset:
    """Parse a file.

    Raises:
        Refused: pfctl(8) would refuse it, or it uses what the subset does not know.
    """
    ruleset, macros = Ruleset(), {}
    line: list[Token] = []
    for token in lex(f"{text}\n"):
        if token.text != "\n" or token.quoted:
            line.append(token)
            continue
        if len(line) > 1 and line[1].text == "=" and not line[1].quoted:
            name, value = _macro(line)
            macros[name] = value
        elif line:
            _statement(Tokens(_expanded(line, macros)), ruleset, line[0].line)
        line = []
    return ruleset


def _macro(line: list[Token]) -> tuple[str, str]:
    name = line[0]
    if name.quoted or not re.fullmatch(r"[A-Za-z]\w*", name.text) or name.text in RESERVED:
        raise Refused(f"line {name.line}: {name.text!r} cannot name a macro")
    if len(line) != 3:
        raise Refused(f"line {name.line}: a macro's value is one string")
    return name.text, line[2].text


def _expanded(line: list[Token], macros: dict[str, str]) -> list[Token]:
    tokens = []
    for token in line:
        if token.quoted or not token.text.startswith("$"):
            tokens.append(token)
        elif token.text[1:] not in macros:
            raise Refused(f"line {token.line}: macro {token.text[1:]!r} not defined")
        else:
            tokens += [Token(each.text, token.line, each.quoted) for each in lex(macros[token.text[1:]])]
    return tokens


def _statement(tokens: Tokens, ruleset: Ruleset, line: int) -> None:
    try:
        if tokens.accept("set"):
            _option(tokens, ruleset)
        else:
            rule = _rule(tokens)
            rule.line = line
            _consistent(rule)
            ruleset.rules.append(rule)
        tokens.end()
    except Refused as refused:
        raise Refused(f"line {line}: {refused}") from None


def _option(tokens: Tokens, ruleset: Ruleset) -> None:
    name = tokens.expect("block-policy", "state-policy", "skip")
    if name == "skip":
        tokens.expect("on")
        ruleset.skipped = _interfaces(tokens)
    else:
        choices = {"block-policy": ("drop", "return"), "state-policy": ("if-bound", "floating")}
        ruleset.options[name] = tokens.expect(*choices[name])


def _rule(tokens: Tokens) -> Rule:
    """Action [direction] [quick] [on interfaces] [family] [proto protocols] hosts [options], in this order."""
    rule = Rule(tokens.expect("pass", "block"))
    if rule.action == "block":
        tokens.accept("drop", "return")
    rule.direction = tokens.accept("in", "out")
    rule.quick = tokens.accept("quick") is not None
    if tokens.accept("on"):
        rule.interfaces = _interfaces(tokens)
    rule.family = tokens.accept("inet", "inet6")
    if tokens.accept("proto"):
        rule.protocols = tuple(_protocol(token) for token in _listed(tokens))
    if not tokens.accept("all"):
        if tokens.accept("from"):
            rule.source, rule.source_ports = _host(tokens)
        if tokens.accept("to"):
            rule.destination, rule.destination_ports = _host(tokens)
    while not tokens.done:
        _rule_option(tokens, rule)
    return rule


def _rule_option(tokens: Tokens, rule: Rule) -> None:
    match tokens.expect("flags", "icmp-type", "no", "keep"):
        case "icmp-type":
            tokens.expect("echoreq")
            rule.icmp_type = ECHO_REQUEST
        case "flags":
            rule.flags = _flags(tokens)
        case "no":
            tokens.expect("state")
            rule.state = False
        case _:
            tokens.expect("state")


def _flags(tokens: Tokens) -> tuple[str, str]:
    if tokens.accept("any"):
        return "", ""
    wanted = "" if tokens.next_is("/") else tokens.take().text
    tokens.expect("/")
    mask = tokens.take("flags").text
    if set(wanted + mask) - set("FSRPAUEW"):
        raise Refused(f"flags {wanted}/{mask} are none")
    return wanted, mask


def _consistent(rule: Rule) -> None:
    portless = not rule.protocols or bool(set(rule.protocols) - {PROTOCOLS["tcp"], PROTOCOLS["udp"]})
    if portless and (rule.source_ports or rule.destination_ports):
        raise Refused("port only applies to tcp/udp")
    if rule.flags is not None and rule.protocols != (6,):
        raise Refused("flags only apply to tcp")
    if rule.icmp_type is not None and rule.protocols != (PROTOCOLS["icmp"],):
        raise Refused("icmp-type only applies to icmp")


def _listed(tokens: Tokens) -> list[str]:
    """One token, or several in braces."""
    if not tokens.accept("{"):
        return [tokens.take().text]
    found: list[str] = []
    while not tokens.accept("}"):
        if found:
            tokens.accept(",")
        found.append(tokens.take("a member of the list").text)
    if not found:
        raise Refused("an empty list")
    return found


def _interfaces(tokens: Tokens) -> tuple[str, ...]:
    names = _listed(tokens)
    for name in names:
        if not re.fullmatch(r"[a-z]+\d*", name) or name in RESERVED:
            raise Refused(f"{name!r} is not an interface")
    return tuple(names)


def _protocol(name: str) -> int:
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    return in_range(name, "protocol", 1, 255)


def _host(tokens: Tokens) -> tuple[IPv4Network, tuple[int, ...]]:
    network = EVERYWHERE
    if not tokens.next_is("port") and not tokens.accept("any"):
        address = tokens.take("a host").text
        bits = f"/{tokens.number('mask', 0, 32)}" if tokens.accept("/") else ""
        try:
            network = IPv4Network(address + bits)
        except ValueError:
            raise Refused(f"{address}{bits} is not an address") from None
    ports: tuple[int, ...] = ()
    if tokens.accept("port"):
        ports = tuple(in_range(port, "port", 0, 65535) for port in _listed(tokens))
    return network, ports


@dataclass(frozen=True)
class Packet:
    """A packet as a filter sees it.

    Args:
        interface: where it passes.
        direction: ``in`` or ``out``.
        protocol: its number.
        source: where it comes from.
        destination: where it goes.
        source_port: of TCP and UDP.
        destination_port: likewise.
        flags: TCP's, such as ``S`` or ``SA``.
        icmp_type: ICMP's.
        first: the packet that began what this one belongs to, None when this one begins it.
    """

    interface: str
    direction: str
    protocol: int
    source: IPv4Address
    destination: IPv4Address
    source_port: int = 0
    destination_port: int = 0
    flags: str = ""
    icmp_type: int = ECHO_REQUEST
    first: Packet | None = None


def passes(ruleset: Ruleset, packet: Packet) -> bool:
    """Whether a packet passes: by a state, else by the last rule that matches it, or the first that is quick."""
    if any(re.fullmatch(rf"{name}\d*", packet.interface) for name in ruleset.skipped):
        return True
    if packet.first is not None:
        decided = _decides(ruleset, packet.first)
        bound = ruleset.options.get("state-policy") == "if-bound" and packet.interface != packet.first.interface
        if decided is not None and decided.action == "pass" and decided.state and not bound:
            return True
    decided = _decides(ruleset, packet)
    return decided is None or decided.action == "pass"


def _decides(ruleset: Ruleset, packet: Packet) -> Rule | None:
    found = None
    for rule in ruleset.rules:
        if _matches(rule, packet):
            found = rule
            if rule.quick:
                break
    return found


def _matches(rule: Rule, packet: Packet) -> bool:
    return (
        rule.direction in (None, packet.direction)
        and (not rule.interfaces or packet.interface in rule.interfaces)
        and rule.family != "inet6"
        and (not rule.protocols or packet.protocol in rule.protocols)
        and packet.source in rule.source
        and packet.destination in rule.destination
        and (not rule.source_ports or packet.source_port in rule.source_ports)
        and (not rule.destination_ports or packet.destination_port in rule.destination_ports)
        and rule.icmp_type in (None, packet.icmp_type)
        and _flags_match(rule, packet)
    )


def _flags_match(rule: Rule, packet: Packet) -> bool:
    if packet.protocol != PROTOCOLS["tcp"]:
        return True
    stateful = rule.action == "pass" and rule.state
    wanted, mask = rule.flags if rule.flags is not None else (("S", "SA") if stateful else ("", ""))
    return not mask or {flag for flag in packet.flags if flag in mask} == set(wanted)
