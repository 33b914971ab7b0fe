"""What ran, laid out to be read: the long lists of packages are folded away, and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A table of more rows than this is a list to search in, not to read.
LONG = 12
# Digits of a digest that are shown: enough to distinguish two.
DIGEST = 12

Rows = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class VersionSection:
    """Something that ran: the host, an image.

    Args:
        name: which one.
        facts: what is to be read of it.
        lists: by name, such as packages, what is long.
    """

    name: str
    facts: Rows
    lists: Mapping[str, Rows]

    @property
    def title(self) -> str:
        """Its name, and how much there is in its lists."""
        return ", ".join([self.name, *(f"{len(rows)} {name}" for name, rows in self.lists.items())])


def version_sections(versions: Mapping[str, Any]) -> list[VersionSection]:
    """What ran: first all that is short, as one part without a name, then each that has long lists.

    Args:
        versions: of each part, its facts; they may be tables of tables.
    """
    general: Rows = []
    found: list[VersionSection] = []
    for name, facts in versions.items():
        if not isinstance(facts, Mapping):
            general += flatten(facts, name)
            continue
        large = {each: table for each, table in facts.items() if _has_long(table)}
        if _is_long(facts):
            found.append(VersionSection(name, [], {"entries": flatten(facts)}))
            continue
        general += flatten({each: table for each, table in facts.items() if each not in large}, name)
        for each, table in large.items():
            found.append(_part(name, each, table))
    return [*([VersionSection("", general, {})] if general else []), *found]


def flatten(value: Any, prefix: str = "") -> Rows:  # noqa: ANN401 - data from a file
    """Nested data as rows of a table, without what is empty."""
    if isinstance(value, Mapping):
        return [row for key, each in value.items() for row in flatten(each, f"{prefix} {key}".strip())]
    if isinstance(value, list | tuple):
        value = ", ".join(str(each) for each in value)
    return [] if value in (None, "", False) else [(prefix, _short(str(value)))]


def _part(group: str, name: str, table: Mapping[str, Any]) -> VersionSection:
    if _is_long(table):
        return VersionSection(group, [], {name: flatten(table)})
    facts = {key: value for key, value in table.items() if not _is_long(value)}
    return VersionSection(
        name, flatten(facts), {key: flatten(value) for key, value in table.items() if _is_long(value)}
    )


def _is_long(table: Any) -> bool:  # noqa: ANN401
    """A table of more than a few plain values."""
    if not isinstance(table, Mapping) or len(table) <= LONG:
        return False
    return not any(isinstance(value, Mapping) for value in table.values())


def _has_long(table: Any) -> bool:  # noqa: ANN401
    return isinstance(table, Mapping) and (_is_long(table) or any(_is_long(value) for value in table.values()))


def _short(text: str) -> str:
    """A digest by its first figures; anything else as it is."""
    figures = text.removeprefix("sha256:")
    is_digest = len(figures) == 64 and all(figure in "0123456789abcdef" for figure in figures)
    return figures[:DIGEST] if is_digest else text
