"""``testbed console``: a VM's serial console."""

from __future__ import annotations

import os
import select
import socket
import sys
import termios
import tty
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.output import err
from testbed.cluster import Cluster
from testbed.errors import UsageError

LEAVE = b"\x1d"  # Ctrl-], as in telnet(1) and virsh(1)


app = new_app()


@app.command(epilog=examples("testbed console db1"))
def console(node: Annotated[str, typer.Argument(help="A VM, such as db1.", autocompletion=complete.nodes)]) -> None:
    """Attach to a VM's serial console; Ctrl-] leaves it."""
    machine = Cluster().machine(node)
    path = machine.console()
    if path is None:
        raise UsageError(f"{node} is a container and has no serial console", fix=f"use `testbed exec {node} COMMAND`")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            line.connect(str(path))
        except OSError as error:
            raise UsageError(
                f"{node} has no console now ({error.strerror})", fix="is it on? see `testbed status`"
            ) from None
        err.print(
            f"console of {node}: {machine.system.console}; Ctrl-] leaves; its log: {_log(path)}",
            highlight=False,
        )
        _attach(line)


def _log(path: Path) -> Path:
    return path.with_name("console.log")


def _attach(line: socket.socket) -> None:
    """Copy both ways until Ctrl-], end of input or end of the line."""
    keyboard = sys.stdin.fileno()
    saved = termios.tcgetattr(keyboard) if os.isatty(keyboard) else None
    try:
        if saved is not None:
            tty.setraw(keyboard)
        line.sendall(b"\n")
        while True:
            ready, _, _ = select.select([keyboard, line], [], [])
            if line in ready:
                data = line.recv(4096)
                if not data:
                    return
                os.write(sys.stdout.fileno(), data)
            if keyboard in ready:
                data = os.read(keyboard, 4096)
                if not data or LEAVE in data:
                    return
                line.sendall(data)
    finally:
        if saved is not None:
            termios.tcsetattr(keyboard, termios.TCSADRAIN, saved)
            sys.stdout.write("\n")
