"""Where in the Compose sources a key stands, so that an error can name file and line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml


def locate(files: Sequence[Path], path: Sequence[str | int]) -> str:
    """The place ``path`` comes from, as ``file:line``.

    Args:
        files: the Compose files in the order Compose merges them; the last that has the most of the path wins.
        path: keys from the top of the file.

    Returns:
        ``file:line`` of the deepest key found, or the first file's name alone.
    """
    best, depth = files[0].name, 0
    for file in files:
        line, found = _descend(yaml.compose(file.read_text(), Loader=yaml.SafeLoader), path)
        if found and found >= depth:
            best, depth = f"{file.name}:{line}", found
    return best


def _descend(node: yaml.Node | None, path: Sequence[str | int]) -> tuple[int, int]:
    """Line of the deepest part of ``path`` below ``node``, and how many keys of it were found."""
    line = 0
    for depth, key in enumerate(path):
        entry = _entry(node, str(key))
        if entry is None:
            return line, depth
        mark, node = entry
        line = mark.line + 1
    return line, len(path)


def _entry(node: yaml.Node | None, key: str) -> tuple[yaml.Mark, yaml.Node] | None:
    """Key and value under ``key`` of a mapping, looking through merges (``<<``) as YAML does."""
    if not isinstance(node, yaml.MappingNode):
        return None
    merged: tuple[yaml.Mark, yaml.Node] | None = None
    for name, value in node.value:
        if name.value == key:
            return name.start_mark, value
        if name.value == "<<":
            merged = _entry(value, key) or merged
    return merged
