"""The database guest's part of the measurements: transactions and disk requests, on disks added for them alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files

from testbed.errors import TestbedError
from testbed.machines import Machine

SETUP_SECONDS = 180.0
TURN_SECONDS = 60.0
# fio's jobs: what each gives, its key in the answer, and the factor to its unit.
JOBS: Mapping[str, tuple[str, str, float]] = {
    "read": ("read", "bw", 1 / 1024),  # KiB/s to MiB/s
    "write": ("write", "bw", 1 / 1024),
    "random-read": ("read", "iops", 1.0),
    "commit": ("write", "iops", 1.0),
}


class BenchGuest:
    """A database guest with the disks of the measurement.

    Args:
        machine: the guest.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._program = files("testbed.designs.drbd.paper").joinpath("guest.sh").read_text()

    def attach(self, filesystem: str, protocol: str) -> None:
        """Bring the DRBD resource of the measurement up, with metadata that equals the other node's."""
        self._run("attach", filesystem, protocol)

    def detach(self) -> None:
        """Stop what runs on the resource, and take it down; nothing changes if it is down."""
        self._run("detach")

    def make(self, filesystem: str) -> None:
        """Fill the disk through DRBD: filesystem, PostgreSQL cluster, and the file that fio uses."""
        self._run("make", filesystem, timeout=SETUP_SECONDS)

    def begin(self, filesystem: str, mode: str) -> None:
        """Mount the filesystem and start PostgreSQL on it.

        Args:
            filesystem: which disk.
            mode: ``raw`` (the disk itself), ``connected`` or ``disconnected`` (through DRBD).
        """
        self._run("begin", filesystem, mode)

    def pgbench(self, seconds: float, clients: Sequence[int]) -> dict[str, float]:
        """Transactions a second: ``select-N`` and ``write-N`` for each number of clients."""
        whole = max(1, round(seconds))
        limit = TURN_SECONDS + 2 * whole * len(clients)
        return rates(self._run("pgbench", str(whole), *map(str, clients), timeout=limit), self._machine.name)

    def fio(self, seconds: float) -> dict[str, float]:
        """What the disk itself does: MiB/s of sequential requests, and random requests a second."""
        whole = max(1, round(seconds))
        return disk_rates(self._run("fio", str(whole), timeout=TURN_SECONDS + 4 * whole), self._machine.name)

    def finish(self, mode: str) -> None:
        """Stop PostgreSQL and unmount; fails if DRBD was not as it should be during the measurement."""
        self._run("finish", mode)

    def clean(self) -> None:
        """Remove every trace from the guest."""
        self._run("clean")

    def _run(self, *arguments: str, timeout: float = TURN_SECONDS) -> str:
        result = self._machine.exec(["sh", "-c", self._program, "bench", *arguments], timeout=timeout)
        if result.status:
            lines = (result.stderr or result.stdout).strip().splitlines() or [f"status {result.status}"]
            raise TestbedError(f"bench {' '.join(arguments)}: {' / '.join(lines[-3:])}", where=self._machine.name)
        return result.stdout


def rates(text: str, where: str) -> dict[str, float]:
    """Return the transactions a second that the guest printed: a name and a number on each line.

    Args:
        text: what it printed.
        where: the guest's name, for the message.

    Raises:
        TestbedError: pgbench failed.
    """
    found = {}
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        try:
            found[name] = float(number)
        except ValueError:
            raise TestbedError(f"pgbench printed no rate for {name}", where=where) from None
    return found


def disk_rates(text: str, where: str) -> dict[str, float]:
    """Return what fio's JSON says of each job.

    Args:
        text: its output.
        where: the guest's name, for the message.

    Raises:
        TestbedError: that is not fio's answer, or a job of it failed.
    """
    try:
        jobs = {job["jobname"]: job for job in json.loads(text[text.index("{") :])["jobs"]}
        found = {f"disk-{name}": float(jobs[name][way][key]) * factor for name, (way, key, factor) in JOBS.items()}
    except (ValueError, KeyError, TypeError):
        raise TestbedError(f"fio's answer cannot be read: {text[:120]!r}", where=where) from None
    if any(jobs[name].get("error") for name in JOBS):
        raise TestbedError("a job of fio failed", where=where)
    return found
