"""The YAML parser that keeps to a dialect."""

from __future__ import annotations

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError

from testbed.yaml_source.dialect import Dialect
from testbed.yaml_source.problem import quoted


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
