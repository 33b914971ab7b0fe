"""Copies of a database node's disk, kept when its data is dropped, and a way to open them later.

A copy is a complete disk (qcow2), taken by QEMU while the guest lets it alone. It is opened in a VM of its own, which
has no network and writes into a layer over the copy: reading it changes nothing.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from docker.errors import NotFound
from docker.models.containers import Container

from testbed.cluster import node_folders
from testbed.cluster.cluster import Cluster
from testbed.designs.design_registry import design_of
from testbed.host import engine, identity
from testbed.machines import Unreachable
from testbed.machines.guest_agent import GuestAgent
from testbed.machines.machine import ExecResult
from testbed.roles.database_state import DATA_DISK
from testbed.wait import wait_until

FOLDER = "discarded"
BOOT_SECONDS = 180.0
START_SECONDS = 90.0
SQL_SECONDS = 120.0
# The name of the throw-away VM; its sockets lie beside those of the cluster's.
NAME = "opened-copy"
SQL = '. /usr/lib/testbed/common; as_postgres psql -qXAt -v ON_ERROR_STOP=1 -d "$0" -c "$1"'


def keep(cluster: Cluster, node: str, name: str = "") -> Path:
    """Copy the data disk of a database node, as it is at this moment.

    Args:
        node: the node; its guest must not be writing.
        name: of the file, without its ending; by default the time and the node. An older one of that name is
            replaced.

    Returns:
        The copy.

    Raises:
        TestbedError: QEMU cannot copy it.
    """
    folder = cluster.settings.state_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{name or time.strftime('%Y%m%d-%H%M%S-') + node}.qcow2"
    cluster.machine(node).copy_disk(DATA_DISK, path)
    return path


def sql(cluster: Cluster, node: str, database: str, query: str) -> list[str]:
    """Ask the PostgreSQL of a node that serves.

    Args:
        database: ``horde``, ``probe`` ...
        query: one statement.

    Returns:
        Its rows, columns parted by ``|``.

    Raises:
        TestbedError: it refuses; with its own message.
    """
    return _rows(cluster.machine(node).exec(["sh", "-c", SQL, database, query], SQL_SECONDS), node)


class OpenedCopy:
    """An opened copy: a VM without a network, whose PostgreSQL testbed can query.

    Args:
        cluster: whose image it is opened with.
        copy: the copy; it is not changed.
        node: a database node of the cluster, whose image fits the copy.
    """

    def __init__(self, cluster: Cluster, copy: Path, node: str) -> None:
        self._cluster = cluster
        self._copy = copy
        self._node = cluster.topology.nodes[node]

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._begin(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def _begin(self, undo: ExitStack) -> None:
        base = self._cluster.settings.run_dir / self._cluster.settings.project
        base.mkdir(parents=True, exist_ok=True)
        self._sockets = Path(tempfile.mkdtemp(prefix=f"{NAME}-", dir=base))
        undo.callback(shutil.rmtree, self._sockets, ignore_errors=True)
        node_folders.sockets(self._cluster.settings, self._sockets)
        node_folders.share(self._cluster.settings.state_dir, self._copy, 0o640)  # its folder is closed to others
        container = self._start()
        undo.callback(_remove, container)
        wait_until(
            self._answers, BOOT_SECONDS, f"the VM that opens {self._copy.name} to boot",
            hint="the copy is complete all the same", describe=lambda: _last_line(container),
            fatal=lambda: _exited(container),
        )  # fmt: skip
        self._open()

    def sql(self, database: str, query: str) -> list[str]:
        """Ask the copy's PostgreSQL; see ``sql``."""
        return _rows(self._exec(["sh", "-c", SQL, database, query], SQL_SECONDS), str(self._copy))

    def _start(self) -> Container:
        layer = "qemu-img create -q -f qcow2 -F qcow2 -b /copy.qcow2 /disk/data.qcow2"
        accel = self._cluster.shape.accel
        return engine.client().containers.run(
            self._node.image, ["-c", f"{layer} && exec python3 -m launcher"], entrypoint="sh", detach=True,
            network_mode="none", cap_drop=["ALL"], security_opt=["no-new-privileges=true"],
            group_add=[self._cluster.settings.group],
            devices=["/dev/kvm"] if accel == "kvm" else [],
            labels=identity.labels(self._cluster.settings),
            volumes={str(self._copy.resolve()): {"bind": "/copy.qcow2", "mode": "ro"},
                     str(self._sockets): {"bind": "/run/vm", "mode": "rw"}},
            tmpfs={"/disk": ""},
            environment={"NODE": NAME, "VM_ACCEL": accel, "VM_NICS": "", "VM_MEMORY_MIB": "256",
                         "REHEARSE_AFTER_SECONDS": "86400"},
        )  # fmt: skip

    def _open(self) -> None:
        script = design_of(self._cluster.topology).open_copy
        self._exec(["sh", "-c", script], START_SECONDS).check("the copy cannot be opened", str(self._copy))

    def _answers(self) -> bool:
        try:
            return self._exec(["test", "-e", "/var/log/carp.log"], 5).status == 0
        except Unreachable:
            return False

    def _exec(self, command: list[str], timeout: float) -> ExecResult:
        with GuestAgent(self._sockets / "agent.sock", NAME) as agent:
            return agent.exec(command, timeout)


def _remove(container: Container) -> None:
    with suppress(NotFound):  # `testbed down` has removed it
        container.remove(v=True, force=True)


def _exited(container: Container) -> str:
    """Return that the VM's container has exited, with the last line of its log; empty while it runs."""
    try:
        container.reload()
        return f"QEMU ended: {_last_line(container)}" if container.status in ("exited", "dead") else ""
    except NotFound:
        return "its container was removed"


def _last_line(container: Container) -> str:
    return container.logs(tail=1).decode(errors="replace").strip() or "it wrote nothing"


def _rows(result: ExecResult, where: str) -> list[str]:
    return result.check("PostgreSQL refuses", where).splitlines()
