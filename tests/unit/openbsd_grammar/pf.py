"""pf.conf(5), as far as a balancer uses it: its grammar, and which rule decides.

From the BNF of the manual page, and sbin/pfctl/parse.y: its lexer (what may stand in a bare word, macros expanded in
place), and rule_consistent() ("port only applies to tcp/udp", "flags" likewise). What is outside the subset is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from openbsd_grammar.words import Refused, Word, Words, in_range

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


def lex(text: str) -> list[Word]:
    """The file's words; an unquoted newline is one."""
    words, at, line = [], 0, 1
    while at < len(text):
        match = _LEXER.match(text, at)
        if match is None:
            raise Refused(f"line {line}: cannot be read: {text[at : at + 20]!r}")
        kind, found = str(match.lastgroup), match[0]
        if kind == "string":
            words.append(Word(found[1:-1], line, quoted=True))
        elif kind in {"macro", "word", "mark", "newline"}:
            words.append(Word(found, line))
        line += found.count("\n")
        at = match.end()
    return words


def parse(text: str) -> Ruleset:
    """Parse a file.

    Raises:
        Refused: pfctl(8) would refuse it, or it uses what the subset does not know.
    """
    ruleset, macros = Ruleset(), {}
    line: list[Word] = []
    for word in lex(f"{text}\n"):
        if word.text != "\n" or word.quoted:
            line.append(word)
            continue
        if len(line) > 1 and line[1].text == "=" and not line[1].quoted:
            name, value = _macro(line)
            macros[name] = value
        elif line:
            _statement(Words(_expanded(line, macros)), ruleset, line[0].line)
        line = []
    return ruleset


def _macro(line: list[Word]) -> tuple[str, str]:
    name = line[0]
    if name.quoted or not re.fullmatch(r"[A-Za-z]\w*", name.text) or name.text in RESERVED:
        raise Refused(f"line {name.line}: {name.text!r} cannot name a macro")
    if len(line) != 3:
        raise Refused(f"line {name.line}: a macro's value is one string")
    return name.text, line[2].text


def _expanded(line: list[Word], macros: dict[str, str]) -> list[Word]:
    words = []
    for word in line:
        if word.quoted or not word.text.startswith("$"):
            words.append(word)
        elif word.text[1:] not in macros:
            raise Refused(f"line {word.line}: macro {word.text[1:]!r} not defined")
        else:
            words += [Word(each.text, word.line, each.quoted) for each in lex(macros[word.text[1:]])]
    return words


def _statement(words: Words, ruleset: Ruleset, line: int) -> None:
    try:
        if words.accept("set"):
            _option(words, ruleset)
        else:
            rule = _rule(words)
            rule.line = line
            _consistent(rule)
            ruleset.rules.append(rule)
        words.end()
    except Refused as refused:
        raise Refused(f"line {line}: {refused}") from None


def _option(words: Words, ruleset: Ruleset) -> None:
    name = words.expect("block-policy", "state-policy", "skip")
    if name == "skip":
        words.expect("on")
        ruleset.skipped = _interfaces(words)
    else:
        choices = {"block-policy": ("drop", "return"), "state-policy": ("if-bound", "floating")}
        ruleset.options[name] = words.expect(*choices[name])


def _rule(words: Words) -> Rule:
    """Action [direction] [quick] [on interfaces] [family] [proto protocols] hosts [options], in this order."""
    rule = Rule(words.expect("pass", "block"))
    if rule.action == "block":
        words.accept("drop", "return")
    rule.direction = words.accept("in", "out")
    rule.quick = words.accept("quick") is not None
    if words.accept("on"):
        rule.interfaces = _interfaces(words)
    rule.family = words.accept("inet", "inet6")
    if words.accept("proto"):
        rule.protocols = tuple(_protocol(word) for word in _listed(words))
    if not words.accept("all"):
        if words.accept("from"):
            rule.source, rule.source_ports = _host(words)
        if words.accept("to"):
            rule.destination, rule.destination_ports = _host(words)
    while not words.done:
        _rule_option(words, rule)
    return rule


def _rule_option(words: Words, rule: Rule) -> None:
    match words.expect("flags", "icmp-type", "no", "keep"):
        case "icmp-type":
            words.expect("echoreq")
            rule.icmp_type = ECHO_REQUEST
        case "flags":
            rule.flags = _flags(words)
        case "no":
            words.expect("state")
            rule.state = False
        case _:
            words.expect("state")


def _flags(words: Words) -> tuple[str, str]:
    if words.accept("any"):
        return "", ""
    wanted = "" if words.next_is("/") else words.take().text
    words.expect("/")
    mask = words.take("flags").text
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


def _listed(words: Words) -> list[str]:
    """One word, or several in braces."""
    if not words.accept("{"):
        return [words.take().text]
    found: list[str] = []
    while not words.accept("}"):
        if found:
            words.accept(",")
        found.append(words.take("a member of the list").text)
    if not found:
        raise Refused("an empty list")
    return found


def _interfaces(words: Words) -> tuple[str, ...]:
    names = _listed(words)
    for name in names:
        if not re.fullmatch(r"[a-z]+\d*", name) or name in RESERVED:
            raise Refused(f"{name!r} is no interface")
    return tuple(names)


def _protocol(name: str) -> int:
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    return in_range(name, "protocol", 1, 255)


def _host(words: Words) -> tuple[IPv4Network, tuple[int, ...]]:
    network = EVERYWHERE
    if not words.next_is("port") and not words.accept("any"):
        address = words.take("a host").text
        bits = f"/{words.number('mask', 0, 32)}" if words.accept("/") else ""
        try:
            network = IPv4Network(address + bits)
        except ValueError:
            raise Refused(f"{address}{bits} is no address") from None
    ports: tuple[int, ...] = ()
    if words.accept("port"):
        ports = tuple(in_range(port, "port", 0, 65535) for port in _listed(words))
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
