"""Writes the folder of a new application: block, code, probe, Locust users and incident."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from testbed.errors import UsageError
from testbed.topology.applications import LOWEST_PORT
from testbed.topology.keys import is_image_name
from testbed.yaml_source.problem import shortened

COMMON = "common"
ENDING = ".j2"
NAME = r"[a-z][a-z0-9-]{0,30}"
# Of a path, in messages.
SHOWN_CHARACTERS = 100
# Names that YAML reads as another type than a text.
NOT_TEXTS = ("null", "true", "false")
# Applications that the cluster ships.
SHIPPED = ("webmail", "wiki", "files")


def write_folder(name: str, kind: str, folder: Path, port: int, image: str | None = None) -> Path:
    """Write the folder of a new application.

    Args:
        name: the application's.
        kind: ``wsgi``, ``php``, ``command`` or ``image``.
        folder: the new folder; it may be anywhere.
        port: where the application listens on its app nodes.
        image: the container image, for the kind ``image``.

    Returns:
        The folder.

    Raises:
        UsageError: the name is invalid or taken, the folder exists, or kind, image and port do not fit together;
            nothing was written.
    """
    if not re.fullmatch(NAME, name) or name in NOT_TEXTS:
        fix = "begin with a small letter, and use at most 31 small letters, digits and -"
        raise UsageError(f"{name!r} cannot be a name", fix=fix)
    if name in SHIPPED:
        raise UsageError(f"the cluster has an application {name!r}", fix="choose another name")
    _must_fit(kind, image, port)
    _make(folder)
    environment = Environment(
        loader=PackageLoader("testbed.application_folder"), undefined=StrictUndefined, keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - YAML, Python and PHP, from names without quotes
    )  # fmt: skip
    values = {"name": name, "kind": kind, "port": port, "image": image}
    for template in environment.list_templates(extensions=["j2"]):
        part, _, path = template.removesuffix(ENDING).partition("/")
        if part in (COMMON, kind):
            file = folder / path.replace("NAME", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(environment.get_template(template).render(**values))
    return folder


def _make(folder: Path) -> None:
    """Make the folder.

    Raises:
        UsageError: it exists, or cannot be made.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(f"{str(folder)!r} exists", where="--folder", fix="name a new folder") from None
    except OSError as error:
        what = f"{shortened(str(folder), SHOWN_CHARACTERS)!r} cannot be made: {error.strerror}"
        raise UsageError(what, where="--folder", fix="name a folder that you may write") from None


def _must_fit(kind: str, image: str | None, port: int) -> None:
    """Refuse options that the written application could not have.

    Raises:
        UsageError: with the option.
    """
    if (kind == "image") != (image is not None):
        what = "--kind image needs an image" if image is None else f"--kind {kind} has no image"
        raise UsageError(what, where="--image", fix="give --kind image and --image IMAGE together")
    if image is not None and not is_image_name(image):
        raise UsageError(f"{image!r} cannot be the name of an image", where="--image", fix="see `docker images`")
    if kind != "image" and port < LOWEST_PORT:
        raise UsageError(f"port {port} is below {LOWEST_PORT}", where="--port", fix="choose a higher one")
