"""One YAML file: its data, and the place and the text of each value in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, StreamMark
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from testbed.errors import UsageError
from testbed.yaml_source import scalars
from testbed.yaml_source.dialect import INCIDENT, Dialect
from testbed.yaml_source.parser import parser_of
from testbed.yaml_source.problem import QUOTE_CHARACTERS, KeyPath, Problem, quoted, shortened

WHAT_CHARACTERS = 300
MERGE = "<<"


class Source:
    """A YAML file, read.

    Aliases and merge keys (``<<``) are followed. A key that stands twice, an alias inside the value that it repeats,
    and more data than the dialect allows are refused.

    Args:
        path: the file, for messages.
        text: its content.
        dialect: what it may hold.

    Attributes:
        data: its content as mappings, lists and scalars.

    Raises:
        UsageError: the file is not such YAML.
    """

    def __init__(self, path: Path, text: str, dialect: Dialect = INCIDENT) -> None:
        self.path = path
        self._text = text
        self._dialect = dialect
        self._done: dict[int, tuple[object, int]] = {}
        self._entries_of: dict[int, dict[str, tuple[Node, Node]]] = {}
        self._open: set[int] = set()
        self._merging: set[int] = set()
        try:
            self._root: Node | None = parser_of(dialect).compose(text)
        except MaxDepthExceededError as error:
            what = f"it is nested more than {dialect.depth} levels deep"
            raise self._refused(error.problem_mark, what, dialect.guide) from None
        except MarkedYAMLError as error:
            what = ", ".join(filter(None, (error.context, error.problem)))
            mark = error.problem_mark or error.context_mark
            raise self._refused(mark, what, f"fix the YAML; {dialect.guide}") from None
        except ReaderError as error:
            raise self._refused_character(error.position) from None
        self.data = None if self._root is None else self._data(self._root)[0]

    @classmethod
    def read(cls, path: Path, dialect: Dialect = INCIDENT) -> Source:
        """Read a file.

        Raises:
            UsageError: it cannot be read, is too large, or is not such YAML.
        """
        try:
            with path.open("rb") as file:
                content = file.read(dialect.size + 1)
        except OSError as error:
            what = error.strerror or "unreadable"
            raise UsageError(what, where=str(path), fix="name a YAML file that can be read") from None
        if len(content) > dialect.size:
            what = f"the file is larger than {dialect.size // 1024} KiB"
            raise UsageError(what, where=str(path), fix=f"{dialect.noun} is smaller; {dialect.guide}")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start]
            line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
            where = f"{path}:{line}:{column}"
            what = f"byte 0x{content[error.start]:02x} is not UTF-8"
            raise UsageError(what, where=where, fix="save the file as text in UTF-8") from None
        return cls(path, text, dialect)

    def place(self, path: KeyPath, *, at_key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the deepest part of ``path`` that is in the file.

        Args:
            path: keys from the top.
            at_key: the place of the last key, not of its value. If the path is incomplete, it is the place of
                the last key that is.
        """
        mark = None
        for depth, (name, node) in enumerate(self._descend(path)):
            is_value = depth == len(path) - 1 and not at_key and not _is_empty(node)
            mark = node.start_mark if is_value else name.start_mark
        return (mark.line + 1, mark.column + 1) if mark else (1, 1)

    def found(self, path: KeyPath) -> int:
        """How many keys of ``path`` are in the file."""
        return sum(1 for _ in self._descend(path))

    def scalar(self, path: KeyPath) -> tuple[str, bool] | None:
        """The text of the scalar at ``path`` and whether it is plain, not in quotation marks; None: there is none."""
        node = self._at(path)
        return (str(node.value), _is_plain(node)) if isinstance(node, ScalarNode) else None

    def written(self, path: KeyPath) -> str:
        """The value at ``path`` as the file has it, in quotation marks and shortened; ``nothing`` if it is empty."""
        node = self._at(path)
        if node is None or _is_empty(node):
            return "nothing"
        if isinstance(node, ScalarNode):
            return quoted(str(node.value))
        return shortened(self._text[node.start_mark.index : node.end_mark.index], QUOTE_CHARACTERS)

    def refusal(self, problems: Iterable[Problem]) -> UsageError:
        """The error that reports the first of ``problems``, in the order of the file.

        Args:
            problems: at least one.
        """
        # Of several at one place a mistyped key explains why another one is missing.
        first = min(problems, key=lambda each: (self.place(each.path, at_key=each.at_key), not each.at_key))
        return self._error(self.place(first.path, at_key=first.at_key), first.what, first.fix)

    def refuse_ambiguous(self, path: KeyPath = ()) -> None:
        """Refuse numbers below ``path`` that YAML 1.1 and YAML 1.2 read differently.

        Raises:
            UsageError: there is one.
        """
        node = self._at(path) if path else self._root
        for each in _scalars(node, set()):
            if _is_plain(each) and scalars.is_ambiguous(each.value):
                what = f"{quoted(each.value)} is ambiguous: YAML 1.1 and YAML 1.2 read it as different numbers"
                fix = "write it in decimal without leading zeros and underscores, or put it in quotes"
                raise self._refused(each.start_mark, what, fix)

    def _at(self, path: KeyPath) -> Node | None:
        steps = list(self._descend(path))
        return steps[-1][1] if steps and len(steps) == len(path) else None

    def _descend(self, path: KeyPath) -> Iterator[tuple[Node, Node]]:
        """Key and value for each key of ``path``, as far as the file has them."""
        node = self._root
        for key in path:
            found: tuple[Node, Node] | None = None
            if isinstance(node, SequenceNode) and isinstance(key, int) and 0 <= key < len(node.value):
                found = (node.value[key], node.value[key])
            elif isinstance(node, MappingNode):
                found = self._entries(node).get(str(key))
            if found is None:
                return
            yield found
            node = found[1]

    def _data(self, node: Node) -> tuple[object, int]:
        """The data of a node, and how many values it has when every alias is written out."""
        if id(node) not in self._done:
            if id(node) in self._open:
                raise self._refused(node.start_mark, "an alias repeats the value that it is part of", "write it out")
            self._open.add(id(node))
            self._done[id(node)] = self._built(node)
            self._open.discard(id(node))
        return self._done[id(node)]

    def _built(self, node: Node) -> tuple[object, int]:
        if isinstance(node, ScalarNode):
            return self._value(node), 1
        if isinstance(node, SequenceNode):
            parts = [self._data(each) for each in node.value]
            data: object = [part for part, _ in parts]
        else:
            assert isinstance(node, MappingNode)  # noqa: S101 - there is no other kind of node
            named = {name: self._data(value) for name, (_, value) in self._entries(node).items()}
            parts = list(named.values())
            data = {name: part for name, (part, _) in named.items()}
        count = 1 + sum(size for _, size in parts)
        if count > self._dialect.values:
            what = f"with every alias written out this has more than {self._dialect.values} values"
            raise self._refused(node.start_mark, what, f"{self._dialect.noun} has fewer; repeat less")
        return data, count

    def _value(self, node: ScalarNode) -> object:
        # YAML has an escape for half a character; no text can hold one.
        if any("\ud800" <= letter <= "\udfff" for letter in node.value):
            raise self._refused(node.start_mark, "half a character (a lone surrogate)", "write the whole character")
        if not _is_plain(node):
            return node.value
        try:
            return scalars.resolve(node.value)
        except ValueError:
            what = f"{quoted(node.value)} has too many digits"
            raise self._refused(node.start_mark, what, "write a smaller number, or put it in quotes") from None

    def _entries(self, node: MappingNode) -> dict[str, tuple[Node, Node]]:
        """Key and value nodes by key; what a merge key brings in comes first, and gives way to the mapping's own."""
        if id(node) not in self._entries_of:
            own: dict[str, tuple[Node, Node]] = {}
            for name, value in node.value:
                if not isinstance(name, ScalarNode):
                    raise self._refused(name.start_mark, "a key must be one word", "write `key: value`")
                if name.value in own:
                    line = own[name.value][0].start_mark.line + 1
                    what = f"key {quoted(name.value)} stands here twice, first on line {line}"
                    raise self._refused(name.start_mark, what, "keep one of them")
                own[name.value] = (name, value)
            merge = own.pop(MERGE, None)
            if id(node) in self._merging:
                raise self._refused(node.start_mark, "an alias repeats the value that it is part of", "write it out")
            self._merging.add(id(node))
            self._entries_of[id(node)] = {**(self._merged(merge[1]) if merge else {}), **own}
            self._merging.discard(id(node))
        return self._entries_of[id(node)]

    def _merged(self, node: Node) -> dict[str, tuple[Node, Node]]:
        """What a merge key brings in: of several mappings the first that has a key counts."""
        several = node.value if isinstance(node, SequenceNode) else [node]
        entries: dict[str, tuple[Node, Node]] = {}
        work = 0
        for each in several:
            if not isinstance(each, MappingNode):
                raise self._refused(each.start_mark, f"{MERGE} merges mappings alone", "write `<<: *anchor`")
            mapping = self._entries(each)
            work += len(mapping)
            if work > self._dialect.values:
                what = f"{MERGE} merges more than {self._dialect.values} values"
                raise self._refused(node.start_mark, what, f"{self._dialect.noun} has fewer; repeat less")
            entries = {**mapping, **entries} if entries else mapping
        return entries

    def _refused_character(self, position: int) -> UsageError:
        before = self._text[:position]
        line, column = before.count("\n") + 1, position - before.rfind("\n")
        return self._error((line, column), f"character {self._text[position]!r} is not allowed", "write text in UTF-8")

    def _refused(self, mark: StreamMark | None, what: str, fix: str) -> UsageError:
        return self._error((mark.line + 1, mark.column + 1) if mark else (1, 1), what, fix)

    def _error(self, place: tuple[int, int], what: str, fix: str) -> UsageError:
        """The error in its one form; whatever was quoted in it, it is short and on one line."""
        where = f"{self.path}:{place[0]}:{place[1]}"
        return UsageError(shortened(what, WHAT_CHARACTERS), where=where, fix=shortened(fix, 2 * WHAT_CHARACTERS))


def _is_plain(node: ScalarNode) -> bool:
    return not node.style


def _is_empty(node: Node) -> bool:
    """Whether nothing is written: the parser places such a value at what comes next."""
    return isinstance(node, ScalarNode) and _is_plain(node) and not node.value


def _scalars(node: Node | None, seen: set[int]) -> Iterator[ScalarNode]:
    """The scalars below a node, each once, in the order of the file."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        yield node
    elif isinstance(node, SequenceNode):
        for each in node.value:
            yield from _scalars(each, seen)
    elif isinstance(node, MappingNode):
        for name, value in node.value:
            yield from _scalars(name, seen)
            yield from _scalars(value, seen)
