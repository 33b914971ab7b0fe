"""Files, up and down: a folder behind HTTP.

GET of the prefix lists them, PUT of a name stores the request's body there, GET sends it, DELETE removes it. What has
been answered with 201 or 204 is on the disk.
"""

from __future__ import annotations

import html
import mimetypes
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

FOLDER = Path(os.environ["STATE_FOLDER"])
PREFIX = os.environ["URL_PATH"]
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
LIMIT = 64 << 20
PIECE = 1 << 16

PAGE = """<!doctype html>
<title>Files</title>
<h1>Files</h1>
<ul>{items}</ul>
<input type="file" onchange="fetch(encodeURIComponent(this.files[0].name), {{method: 'PUT', body: this.files[0]}})
    .then(() => location.reload())">
"""


class Refused(Exception):
    """A request that gets no more than a status."""


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The WSGI application."""
    try:
        status, headers, body = answer(environ)
    except Refused as refused:
        status, headers, body = refused.args[0], [("Content-Type", "text/plain")], [f"{refused.args[0]}\n".encode()]
    start_response(status, headers)
    return body


def answer(environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], Iterable[bytes]]:
    """Status, headers and body of the answer to a request."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    name = path[len(PREFIX) :] if path.startswith(PREFIX) else None
    if name == "" and method in ("GET", "HEAD"):
        return listing()
    if not name or not NAME.fullmatch(name):
        raise Refused("404 Not Found")
    place = FOLDER / name
    if method == "PUT":
        return store(place, environ)
    try:
        if method == "DELETE":
            place.unlink()
            return "204 No Content", [], []
        if method in ("GET", "HEAD"):
            return send(place, environ)
    except FileNotFoundError:
        raise Refused("404 Not Found") from None
    raise Refused("405 Method Not Allowed")


def listing() -> tuple[str, list[tuple[str, str]], Iterable[bytes]]:
    """The page of all files, by name."""
    names = sorted(file.name for file in FOLDER.iterdir() if NAME.fullmatch(file.name))
    items = "".join(f'<li><a href="{html.escape(name)}">{html.escape(name)}</a>' for name in names)
    page = PAGE.format(items=items).encode()
    return "200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))], [page]


def send(place: Path, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], Iterable[bytes]]:
    """A file, in pieces."""
    file = place.open("rb")  # the server closes it when it has sent it
    kind = mimetypes.guess_type(place.name)[0] or "application/octet-stream"
    length = os.fstat(file.fileno()).st_size
    headers = [("Content-Type", kind), ("Content-Length", str(length)), ("X-Content-Type-Options", "nosniff")]
    return "200 OK", headers, environ["wsgi.file_wrapper"](file, PIECE)


def store(place: Path, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], Iterable[bytes]]:
    """Keep the request's body; a concurrent reader gets the complete old file."""
    there = place.exists()
    with tempfile.NamedTemporaryFile(dir=FOLDER, prefix=".", delete=False) as file:
        try:
            copy(environ["wsgi.input"], file, int(environ.get("CONTENT_LENGTH") or -1))
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(place)
        except BaseException:
            Path(file.name).unlink()
            raise
    return ("204 No Content" if there else "201 Created"), [("Content-Length", "0")], []


def copy(source: IO[bytes], file: IO[bytes], expected: int) -> None:
    """Copy a body that must be as long as was said, where that was said."""
    length = 0
    while piece := source.read(PIECE):
        length += len(piece)
        if length > LIMIT:
            raise Refused("413 Content Too Large")
        file.write(piece)
    if expected not in (-1, length):
        raise Refused("400 Bad Request")
