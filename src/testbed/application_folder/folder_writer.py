"""Writes the folder of a new application: block, code, probe, Locust users and incident."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from testbed.errors import UsageError

COMMON = "common"
ENDING = ".j2"
NAME = r"[a-z][a-z0-9-]{0,30}"
# Applications that the cluster ships.
SHIPPED = ("webmail", "wiki", "files")


def write_folder(name: str, kind: str, folder: Path, port: int) -> Path:
    """Write the folder of a new application.

    Args:
        name: the application's.
        kind: ``wsgi``, ``php`` or ``command``.
        folder: the new folder; it may be anywhere.
        port: where the application listens on its app nodes.

    Returns:
        The folder.

    Raises:
        UsageError: the name is invalid or taken, or the folder exists; nothing was written.
    """
    if not re.fullmatch(NAME, name):
        raise UsageError(f"{name!r} cannot be a name", fix="use small letters, digits and -")
    if name in SHIPPED:
        raise UsageError(f"the cluster has an application {name!r}", fix="choose another name")
    if folder.exists():
        raise UsageError(f"{str(folder)!r} exists", where="--folder", fix="name a new folder")
    environment = Environment(
        loader=PackageLoader("testbed.application_folder"), undefined=StrictUndefined, keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - YAML, Python and PHP, from a name of letters and digits
    )  # fmt: skip
    for template in environment.list_templates(extensions=["j2"]):
        part, _, path = template.removesuffix(ENDING).partition("/")
        if part in (COMMON, kind):
            file = folder / path.replace("NAME", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(environment.get_template(template).render(name=name, kind=kind, port=port))
    return folder
