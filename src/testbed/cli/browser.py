"""Show a page: in a browser of this computer, or, from a remote host, by the command that brings it there."""

from __future__ import annotations

import getpass
import os
import socket
import webbrowser

import typer

from testbed.cli.output import err


def has_display() -> bool:
    """Return whether a browser that is started here can be seen by the user."""
    displays = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(displays) and not os.environ.get("SSH_CONNECTION")


def show(url: str, port: int | None = None) -> None:
    """Print an address, and open it in a browser where there is a display.

    Args:
        url: of the page.
        port: on loopback, which a browser elsewhere reaches through SSH; None: a file.
    """
    typer.echo(url)
    if has_display():
        webbrowser.open(url)
    elif port is not None:
        err.print(f"from another computer, first: {forward(port)}", highlight=False, markup=False)


def forward(*ports: int) -> str:
    """Return the command that makes ports of this host's loopback reachable from the user's own computer.

    The host's name is the address that the user's SSH client used, where this is an SSH session.
    """
    parts = os.environ.get("SSH_CONNECTION", "").split()
    host = parts[2] if len(parts) == 4 else socket.gethostname()
    options = " ".join(f"-L {port}:127.0.0.1:{port}" for port in ports)
    return f"ssh {options} {getpass.getuser()}@{host}"
