"""ifstated.conf(5): its grammar, and the state machine it describes.

From the BNF of the manual page and usr.sbin/ifstated (parse.y: strings in either kind of quotes, macros expanded in
place and defined before; ifstated.c: a state's tests are run as it is entered, then its ``init``, then its body; later
its body alone, whenever a test's result changes).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from openbsd_grammar.words import Refused, Word, Words

KEYWORDS = frozenset({"every", "if", "init", "init-state", "run", "set-state", "state"})
_LEXER = re.compile(
    r"(?P<blank>\s+)|(?P<comment>#[^\n]*)|(?P<string>\"[^\"\n]*\"|'[^'\n]*')|(?P<macro>\$\w+)"
    r"|(?P<mark>&&|\|\||[{}()!=])|(?P<word>[^\s{}()!=&|\"'$#]+)"
)

Expression = Callable[[Callable[[str], bool]], bool]


@dataclass
class Action:
    """``run``, ``set-state`` or ``if``."""

    kind: str
    text: str = ""
    condition: Expression | None = None
    then: list[Action] = field(default_factory=list)


@dataclass
class State:
    """A state; ``tests`` are commands, with the seconds between two runs."""

    name: str
    init: list[Action] = field(default_factory=list)
    body: list[Action] = field(default_factory=list)
    tests: dict[str, int] = field(default_factory=dict)


@dataclass
class Machine:
    """A whole file."""

    states: dict[str, State]
    initial: str


class _Parser:
    def __init__(self, text: str) -> None:
        self.words = Words(_lex(text))
        self.macros: dict[str, str] = {}
        self.states: dict[str, State] = {}
        self.initial: str | None = None
        self.tests: dict[str, int] = {}
        self.wanted: list[str] = []

    def file(self) -> Machine:
        while not self.words.done:
            if self.words.accept("init-state"):
                self.initial = self.string()
            elif self.words.accept("state"):
                self.state()
            else:
                self.macro()
        if not self.states:
            raise Refused("no state")
        initial = self.initial or next(iter(self.states))
        for name in [initial, *self.wanted]:
            if name not in self.states:
                raise Refused(f"no state {name!r}")
        return Machine(self.states, initial)

    def macro(self) -> None:
        name = self.words.take()
        if name.quoted or name.text in KEYWORDS or not re.fullmatch(r"\w+", name.text):
            raise Refused(f"{name.text!r} cannot name a macro")
        self.words.expect("=")
        self.macros[name.text] = self.string()

    def string(self) -> str:
        word = self.words.take("a string")
        if not word.quoted and (word.text in KEYWORDS or not re.fullmatch(r"[\w.-]+", word.text)):
            raise Refused(f"{word.text!r} where a string is due")
        return word.text

    def state(self) -> None:
        state = State(self.string())
        if state.name in self.states:
            raise Refused(f"state {state.name} twice")
        self.tests = state.tests
        self.words.expect("{")
        while not self.words.accept("}"):
            if self.words.accept("init"):
                state.init += self.block()
            else:
                state.body.append(self.action())
        self.states[state.name] = state

    def block(self) -> list[Action]:
        if not self.words.accept("{"):
            return [self.action()]
        actions: list[Action] = []
        while not self.words.accept("}"):
            actions.append(self.action())
        if not actions:
            raise Refused("an empty block")
        return actions

    def action(self) -> Action:
        kind = self.words.expect("run", "set-state", "if")
        if kind == "if":
            return Action(kind, condition=self.either(), then=self.block())
        text = self.string()
        if kind == "set-state":
            self.wanted.append(text)
        return Action(kind, text)

    def either(self) -> Expression:
        left = self.both()
        while self.words.accept("||"):
            left = _either(left, self.both())
        return left

    def both(self) -> Expression:
        left = self.term()
        while self.words.accept("&&"):
            left = _both(left, self.term())
        return left

    def term(self) -> Expression:
        if self.words.accept("!"):
            inner = self.term()
            return lambda ask: not inner(ask)
        if self.words.accept("("):
            inside = self.either()
            self.words.expect(")")
            return inside
        word = self.words.take("a test")
        if not word.quoted and word.text.startswith("$"):
            if word.text[1:] not in self.macros:
                raise Refused(f"macro {word.text[1:]!r} not defined")
            self.words.push(_lex(self.macros[word.text[1:]]))
            return self.term()
        if not word.quoted and re.fullmatch(r"[a-z]+\d+\.link\.(up|down|unknown)", word.text):
            return lambda ask: ask(word.text)
        if not word.quoted:
            raise Refused(f"{word.text!r} where a test is due")
        self.words.expect("every")
        self.tests[word.text] = self.words.number("every", 1, 2**31)
        return lambda ask: ask(word.text)


def _either(one: Expression, two: Expression) -> Expression:
    return lambda ask: one(ask) or two(ask)


def _both(one: Expression, two: Expression) -> Expression:
    return lambda ask: one(ask) and two(ask)


def _lex(text: str) -> list[Word]:
    words, at = [], 0
    while at < len(text):
        match = _LEXER.match(text, at)
        if match is None:
            raise Refused(f"cannot be read: {text[at : at + 20]!r}")
        if match.lastgroup == "string":
            words.append(Word(match[0][1:-1], 0, quoted=True))
        elif match.lastgroup in {"macro", "mark", "word"}:
            words.append(Word(match[0], 0))
        at = match.end()
    return words


def parse(text: str) -> Machine:
    """Parse a file.

    Raises:
        Refused: ifstated(8) would refuse it.
    """
    return _Parser(text).file()


class Running:
    """An ifstated that runs.

    Args:
        machine: its file.
        ask: the result of a test, by its command.

    Attributes:
        state: the name of the state it is in.
        commands: what it has run.
    """

    def __init__(self, machine: Machine, ask: Callable[[str], bool]) -> None:
        self._machine = machine
        self._ask = ask
        self.state = machine.initial
        self.commands: list[str] = []
        self._enter()

    def results_changed(self) -> None:
        """Some test has another result than before."""
        self._do(self._machine.states[self.state].body)

    def _enter(self) -> None:
        state = self._machine.states[self.state]
        self._do(state.init)
        if self.state == state.name:
            self._do(state.body)

    def _do(self, actions: list[Action]) -> None:
        following = self._follow(actions)
        if following and following != self.state:
            self.state = following
            self._enter()

    def _follow(self, actions: list[Action]) -> str | None:
        """Do the actions; the state that is to come, which comes when they are done."""
        following = None
        for action in actions:
            if action.kind == "run":
                self.commands.append(action.text)
            elif action.kind == "set-state":
                following = action.text
            elif action.condition is not None and action.condition(self._ask):
                following = self._follow(action.then) or following
        return following
