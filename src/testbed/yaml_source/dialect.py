"""What a kind of file may hold, and the YAML parser that keeps to it."""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError

from testbed.yaml_source.problem import quoted


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a kind of file may hold.

    Attributes:
        noun: what one is called in messages.
        guide: where its form is described.
        size: bytes at most.
        values: values at most, counting the ones that an alias repeats as often as it does.
        depth: blocks within blocks at most.
        tags: whether values may have tags (``!reset``).
    """

    noun: str
    guide: str
    size: int
    values: int
    depth: int
    tags: bool = False


INCIDENT = Dialect("an incident", "docs/incidents.md shows how a file looks", size=2**16, values=20_000, depth=12)
COMPOSE = Dialect(
    "a Compose file", "compose/cluster.yaml shows how one looks", size=2**20, values=100_000, depth=40, tags=True
)


class _Untagged(Composer):
    """A composer that refuses tags: in an incident file they could only change what a value plainly is."""

    def compose_node(self, parent: object, index: object) -> object:
        event = self.parser.peek_event()
        if getattr(event, "ctag", None) is not None:
            raise ComposerError(None, None, f"found the tag {quoted(str(event.ctag))}", event.start_mark)
        return super().compose_node(parent, index)


def parser_of(dialect: Dialect) -> YAML:
    """Return a parser of YAML 1.2 for one file."""
    # `pure`: the library in C would read YAML 1.1.
    parser = YAML(typ="safe", pure=True)
    parser.max_depth = dialect.depth
    if not dialect.tags:
        parser.Composer = _Untagged
    parser.composer.warn_double_anchors = False
    return parser
