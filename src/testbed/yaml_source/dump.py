"""Data as the text of a YAML file."""

from __future__ import annotations

from io import StringIO

from ruamel.yaml import YAML


def dump(data: object) -> str:
    """Return mappings, lists and scalars as YAML 1.2 in block style, in their own order."""
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # declared as None
    text = StringIO()
    writer.dump(data, text)
    return text.getvalue()
