"""The web server the installer fetches everything from: every request is written down, in order.

OpenBSD's ftp(1) asks with plain GET and reads until the announced length, or the connection's end; nothing the
installer or pkg_add(1) does asks for a part of a file (usr.bin/ftp/fetch.c sends a range for ``-C`` alone). pkg_add(1)
reads the list of packages out of the links of the folder's page.
"""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TextIO

ADDRESS = ("127.0.0.1", 80)  # what the guest knows as 10.0.2.2


class Handler(SimpleHTTPRequestHandler):
    """Serves one request from the tree.

    Args:
        arguments: those of the base class.
        log: gets a line for each request.
        folder: the tree.
    """

    server_version = "testbed"

    def __init__(self, *arguments: object, log: TextIO, folder: Path) -> None:
        self.log = log
        super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Write the request down: method, path with its query, status."""
        del size
        status = int(code) if isinstance(code, int) else code
        self.log.write(f"{self.command} {self.path} {status}\n")

    def log_message(self, *_: object) -> None:
        """Send nothing else: the status is enough."""


def serve(folder: Path, log: Path, address: tuple[str, int] = ADDRESS) -> ThreadingHTTPServer:
    """Serve a folder in threads of its own.

    Args:
        folder: the tree.
        log: gets a line for each request: ``GET /install.conf?path=8.0/amd64 200``.
        address: to listen at.

    Returns:
        The running server.
    """
    output = log.open("a", buffering=1)
    server = ThreadingHTTPServer(address, partial(Handler, log=output, folder=folder))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server
