"""The Compose files that were merged: the place of each value, and its text there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.errors import UsageError
from testbed.yaml_source import COMPOSE, KeyPath, Problem, quoted, resolve_scalar

if TYPE_CHECKING:
    from testbed.yaml_source import Source

OURS = "x-testbed"
# Blocks are merged to this depth: x-testbed, applications, notes. What is below belongs to one block.
MERGED_KEYS = 3


class Sources:
    """Compose files, in the order in which Compose merges them; they are read when they are needed first.

    Args:
        files: without any, the merged data is taken as it is, and mistakes have no place.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def check(self) -> None:
        """Read the files, and refuse what Compose would take in another way than testbed.

        Raises:
            UsageError: one is not YAML, has a number below ``x-testbed`` that Compose reads by YAML 1.1 in another way,
                or would replace another file's block.
        """
        files: dict[str, Path] = {}
        for source in self._sources:
            if not isinstance(source.data, dict | None):
                what = f"a {type(source.data).__name__} where keys belong"
                raise source.refusal([Problem((), what, "write keys, as compose/cluster.yaml does")])
            for path in _our_blocks(source.data):
                source.refuse_ambiguous(path)
                key = str(path[0])
                if len(path) == 1 and (other := files.setdefault(key, source.path)) is not source.path:
                    what = f"{key} is also in {other}, and Compose keeps only one of them"
                    raise source.refusal(
                        [Problem(path, what, f"name it {OURS}-NAME, by a name of its own", at_key=True)]
                    )

    @cached_property
    def _sources(self) -> list[Source]:
        # The parser takes 10 ms to import, and 30 ms to read the files. Commands that find the merge in its cache
        # need neither.
        from testbed.yaml_source import Source  # noqa: PLC0415 - see above

        nothing = Source(Path("docker compose config"), "", COMPOSE)
        return [Source.read(_short(file), COMPOSE) for file in self._files] or [nothing]

    def refusal(self, problem: Problem) -> UsageError:
        """The error that reports a problem, at its place in the file that gave the value, or that lacks it."""
        source, path = self._place(problem.path)
        dotted = ".".join(quoted(str(key))[1:-1] for key in path)
        shown = Problem(path, f"{dotted}: {problem.what}", problem.fix, problem.at_key)
        return source.refusal([shown])

    def written(self, path: KeyPath, value: object) -> str:
        """The value at ``path`` as its file has it, for messages.

        Args:
            path: keys from the top.
            value: what Compose made of it; where a variable gave it, the message shows both.
        """
        source, path = self._place(path)
        text, plain = source.scalar(path) or ("", False)
        if "$" in text:
            return f"{quoted(value)} (from {quoted(text)})"
        return source.written(path) if (resolve_scalar(text) if plain else text) == value else quoted(value)

    def typed_blocks(self, merged: Mapping[str, Any]) -> dict[str, Any]:
        """Merged files whose ``x-testbed`` blocks have the types of the files; see ``typed``."""
        blocks = {name: self.typed(merged[name], (name,)) for name in merged if is_ours(name)}
        services = {
            name: {**service, OURS: self.typed(service[OURS], ("services", name, OURS))}
            for name, service in merged["services"].items()
            if OURS in service
        }
        return {**merged, **blocks, "services": {**merged["services"], **services}}

    def typed(self, data: object, path: KeyPath) -> object:
        """Merged data with the types that the files give its values, by YAML 1.2.

        Compose hands on each value with a variable in it as a text, and a whole number written as ``60.0`` as ``60``.

        Args:
            data: what Compose made of the block at ``path``.
            path: keys from the top.
        """
        if isinstance(data, dict):
            return {key: self.typed(value, (*path, key)) for key, value in data.items()}
        if isinstance(data, list):
            return [self.typed(value, (*path, number)) for number, value in enumerate(data)]
        source = self._of(path)
        text, plain = source.scalar(path) or ("", False)
        if not plain:
            return data
        if isinstance(data, str):
            return resolve_scalar(data) if "$" in text else data
        value = resolve_scalar(text)
        return value if value == data else data

    def _place(self, path: KeyPath) -> tuple[Source, KeyPath]:
        """The file that gave a merged value, and the path of the value there.

        The merged block ``x-testbed`` is also made of each overlay's ``x-testbed-NAME``.
        """
        if path[0] != OURS:
            return self._of(path), path
        own = [
            (source, (key, *path[1:]))
            for source in self._sources
            for key in (source.data if isinstance(source.data, dict) else {})
            if is_ours(key)
        ]
        # The later block replaces the entries of an earlier one (MERGED_KEYS of the path), so a key that the later one
        # lacks is missing there. What no block has more of than its own name is missing in the first.
        entry = [(source.found(place[:MERGED_KEYS]), source, place) for source, place in own]
        depth, source, place = max(reversed(entry), key=lambda each: each[0], default=(0, self._of(path), path))
        return (source, place) if depth > 1 else (self._of(path), path)

    def _of(self, path: KeyPath) -> Source:
        """The last of the files that have the most of ``path``."""
        return max(reversed(self._sources), key=lambda source: source.found(path))


def _our_blocks(data: object) -> list[KeyPath]:
    """Where a Compose file has blocks that testbed reads."""
    top = data if isinstance(data, dict) else {}
    services = top.get("services")
    named = services if isinstance(services, dict) else {}
    blocks: list[KeyPath] = [(key,) for key in top if is_ours(key)]
    inside: list[KeyPath] = [("services", name, OURS) for name, each in named.items() if isinstance(each, dict)]
    return [*blocks, *inside]


def is_ours(key: str) -> bool:
    """Return whether a key at the top of a Compose file holds testbed's keys: ``x-testbed``, ``x-testbed-NAME``."""
    return key == OURS or key.startswith(f"{OURS}-")


def _short(file: Path) -> Path:
    """The path as one would type it here."""
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file
