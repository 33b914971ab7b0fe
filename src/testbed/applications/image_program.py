"""What an app node must know of a container image to run its program."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from testbed.topology import Application


@dataclass(frozen=True, slots=True)
class ImageProgram:
    """The program of a container image (OCI image specification, ``config``).

    Attributes:
        identity: digest of the image, without the algorithm.
        entrypoint: the program, and its first arguments.
        command: further arguments; the program where there is no entrypoint.
        environment: ``NAME=VALUE`` each.
        user: ``USER`` or ``USER:GROUP``, by name or number; empty: root.
        folder: where the program starts; empty: the root folder.
    """

    identity: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: tuple[str, ...]
    user: str
    folder: str


def program_file(application: Application, program: ImageProgram) -> str:
    """Return the file ``NAME.json``, which ``run-image`` reads on the app nodes.

    Args:
        application: its own command and environment replace the image's.
        program: the image's.
    """
    command = program.command if application.command is None else tuple(shlex.split(application.command))
    settings = {
        "id": program.identity,
        "entrypoint": program.entrypoint,
        "command": command,
        "env": program.environment,
        "environment": application.environment,
        "user": program.user,
        "folder": program.folder,
        "state": application.state,
    }
    return json.dumps(settings, indent=1) + "\n"
