"""A YAML file as data that remembers where each key stands, so that every mistake can be told with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import yaml

from testbed.errors import UsageError

Keys = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file.

    Attributes:
        path: keys from the top of the file to the place.
        what: what is wrong there.
        mend: how to put it right.
        at_key: whether the key itself is meant, not its value.
    """

    path: Keys
    what: str
    mend: str
    at_key: bool = False


class Source:
    """A YAML file, read.

    Args:
        path: where it is.
        text: its content.

    Attributes:
        data: what it says, as mappings, lists and scalars.

    Raises:
        UsageError: it is no YAML, a key stands in a mapping twice, or an alias stands within what it repeats.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._done: dict[int, object] = {}
        self._open: set[int] = set()
        try:
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data = None if self._root is None else self._data(self._root)
        except yaml.MarkedYAMLError as error:
            what = " ".join(filter(None, (error.context, error.problem))).replace("\n", " ")
            mark = error.problem_mark or error.context_mark
            raise self._refused(mark, what, "mend the YAML; docs/incidents.md shows how a file looks") from None
        except RecursionError:
            raise UsageError("it is nested too deeply", where=str(path), mend="an incident has five levels") from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            where = f"{path}:{line}:{error.position - text.rfind(chr(10), 0, error.position)}"
            mend = "write plain text in UTF-8"
            raise UsageError(f"character {chr(error.character)!r} is not allowed", where=where, mend=mend) from None

    def place(self, path: Keys, *, at_key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the deepest part of ``path`` that is in the file.

        Args:
            path: keys from the top.
            at_key: the place of the last key, not of its value. Where the whole path is not there, it is the place of
                the last key that is.
        """
        mark, node = None, self._root
        for depth, key in enumerate(path):
            found = _entry(node, key)
            if found is None:
                break
            name, node = found
            last = depth == len(path) - 1
            mark = node.start_mark if last and not at_key else name
        return (mark.line + 1, mark.column + 1) if mark else (1, 1)

    def refusal(self, problems: Sequence[Problem]) -> UsageError:
        """The error that tells the first of ``problems``, in the order of the file.

        Args:
            problems: at least one.
        """
        first = min(problems, key=lambda each: self.place(each.path, at_key=each.at_key))
        line, column = self.place(first.path, at_key=first.at_key)
        return UsageError(first.what, where=f"{self.path}:{line}:{column}", mend=first.mend)

    def _data(self, node: yaml.Node) -> object:
        if id(node) in self._open:
            raise self._refused(node.start_mark, "an alias repeats what it stands in", "write it out")
        if id(node) not in self._done:
            self._open.add(id(node))
            self._done[id(node)] = self._built(node)
            self._open.discard(id(node))
        return self._done[id(node)]

    def _built(self, node: yaml.Node) -> object:
        if isinstance(node, yaml.SequenceNode):
            return [self._data(each) for each in node.value]
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node))
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (ValueError, KeyError):
            raise self._refused(node.start_mark, f"{node.value!r} is no such value", "quote it") from None

    def _entries(self, node: yaml.MappingNode) -> Iterator[tuple[str, object]]:
        seen: dict[str, int] = {}
        for name, value in node.value:
            if not isinstance(name, yaml.ScalarNode):
                raise self._refused(name.start_mark, "a key must be one word", "write `key: value`")
            if name.value in seen:
                what = f"key {name.value!r} stands here twice, first on line {seen[name.value]}"
                raise self._refused(name.start_mark, what, "keep one of them")
            seen[name.value] = name.start_mark.line + 1
            yield name.value, self._data(value)

    def _refused(self, mark: yaml.Mark | None, what: str, mend: str) -> UsageError:
        where = f"{self.path}:{mark.line + 1}:{mark.column + 1}" if mark else str(self.path)
        return UsageError(what, where=where, mend=mend)


def nearest(word: str, known: Iterable[str], lead: str) -> str:
    """The mend of a mistyped word: the known one that is nearest, and all of them.

    Args:
        word: what was written.
        known: what could be.
        lead: what introduces the list of all.
    """
    words = list(known)
    close = get_close_matches(word, words, n=1, cutoff=0.6)
    listed = f"{lead} {', '.join(words) or 'none'}"
    return f"did you mean {close[0]!r}? {listed}" if close else listed


def _entry(node: yaml.Node | None, key: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    """Where the entry ``key`` of a mapping or list begins, and what it holds."""
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark, node.value[key]
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark, value
    return None
