"""A server for one run's folder, on loopback only."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from testbed.errors import UsageError
from testbed.report.run_folders import PAGE

ADDRESS = "127.0.0.1"
# Names by which a browser may call this server: another one is a page of somebody else that points at loopback.
NAMES = frozenset({ADDRESS, "localhost"})


class _Handler(SimpleHTTPRequestHandler):
    """Gives out the files of a folder; a request for the folder gets the report."""

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Refuse foreign names, and turn the folder's own address into the page's."""
        name = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if name not in NAMES:
            self.send_error(HTTPStatus.FORBIDDEN, "only for this computer")
            return None
        if self.path == "/":
            self.path = f"/{PAGE}"
        return super().send_head()

    def list_directory(self, path: object) -> None:  # noqa: ARG002 - of the standard library
        """A folder's content is not listed."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def serve(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Open a server for a run's report and the files beside it; ``serve_forever`` runs it.

    Args:
        folder: the run's.
        port: on loopback; 0: any that is free.

    Raises:
        UsageError: the port is taken.
    """
    try:
        return ThreadingHTTPServer((ADDRESS, port), partial(_Handler, directory=str(folder)))
    except OSError as error:
        raise UsageError(f"port {port}: {error.strerror}", where="--port", fix="choose another port, or 0") from None
