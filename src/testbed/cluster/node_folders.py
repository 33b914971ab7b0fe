"""The folders and files that nodes see: closed to everybody on the host but the cluster's user, open to the nodes.

A node's root may lack the capability to read what belongs to another user (``cap_drop: [ALL]``). Compose puts such
nodes into the group of the state folder (``group_add``), so what they need is open to that group. The folders above
are closed, so the group's other members on the host come to none of it; a node reaches its folder by a mount.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from testbed.errors import UsageError
from testbed.settings import SOCKET_PATH_BYTES, Settings, socket_room
from testbed.topology import Topology


def make(settings: Settings, topology: Topology) -> None:
    """Make the folders that are mounted into nodes; Docker would make them too, but as root's and open to all.

    Raises:
        UsageError: the folder of sockets belongs to another user.
    """
    (settings.state_dir / "runs").mkdir(parents=True, exist_ok=True)
    _own(settings.run_dir)
    for node in topology.nodes.values():
        if node.keys.machine == "virtual":
            sockets(settings, settings.run_dir / settings.project / node.name)
    sockets(settings, settings.vm_states_dir)


def sockets(settings: Settings, folder: Path) -> None:
    """Make a folder in which a node makes sockets or files that this user can open.

    Args:
        settings: whose group it is opened to.
        folder: made if it is missing; what is made in it has its group (mkdir(2), set-group-ID).
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    share(settings.state_dir, folder, 0o2770)


def share(state_dir: Path, path: Path, mode: int) -> None:
    """Give a file or folder the group of the state folder.

    Args:
        state_dir: the state folder.
        path: the file or folder.
        mode: its permissions from then on.
    """
    os.chown(path, -1, state_dir.stat().st_gid)
    path.chmod(mode)


def must_be_usable(settings: Settings) -> None:
    """Refuse folders that the cluster cannot use, before anything is built.

    Raises:
        UsageError: the state folder is another user's, or the path of the folder of sockets is too long for one.
    """
    if (room := socket_room(settings.run_dir, settings.project)) < 0:
        raise UsageError(
            f"{settings.run_dir} is too long: the path of a socket in it has {SOCKET_PATH_BYTES} bytes at most",
            where="TESTBED_RUN", fix=f"choose a folder whose path is {-room} bytes shorter",
        )  # fmt: skip
    must_be_writable(settings.state_dir)


def must_be_writable(state_dir: Path) -> None:
    """Refuse a state folder that another user's cluster has.

    Raises:
        UsageError: this user may not write there.
    """
    if state_dir.exists() and not os.access(state_dir, os.W_OK | os.X_OK):
        raise UsageError(
            f"the state folder belongs to {owner(state_dir)}, and this user may not write there", where=str(state_dir),
            fix="run testbed as that user, delete the folder, or set TESTBED_STATE to another one",
        )  # fmt: skip


def owner(path: Path) -> str:
    """Return the name of the user that a file or folder belongs to; a user without a name has a number."""
    try:
        return path.owner()
    except KeyError:
        return f"user {path.stat().st_uid}"


def _own(folder: Path) -> None:
    """Make the folder of sockets; in a folder such as /tmp another user could have made it first."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o755 if os.geteuid() == 0 else 0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (os.geteuid() != 0 and found.st_uid != os.geteuid()):
        raise UsageError(
            "the folder of the VMs' sockets belongs to another user",
            where=str(folder),
            fix="set TESTBED_RUN to another one",
        )
