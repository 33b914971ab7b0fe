"""The arbiter at work: one line asks, one line answers, one after the other.

``SECRET VERB NODE [GENERATION]`` is answered by ``granted GENERATION``, ``refused REASON`` or ``unproved REASON``.
``SECRET await NODE`` decides nothing: the answer is ``off`` when the node's peer loses its power, or ``on`` after a
minute. A line without these fields asks for the state. The asker waits: a decision is on the disk before the answer.
"""

from __future__ import annotations

import hmac
import os
import socketserver
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from arbiter import memory, power, watch
from arbiter.rules import FENCING, VERBS, Memory, Request, after, refusal

PORT = 7000
LINE_SECONDS = 2.0
LONGEST = 200
AWAIT = "await"
AWAIT_SECONDS = 60.0


@dataclass
class Arbiter:
    """Decides.

    Args:
        path: where it remembers.
        machines: the two machines' names and the monitors of their power.
        secret: what a machine proves itself by.
    """

    path: Path
    machines: dict[str, Path]
    secret: str
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.memory = memory.load(self.path)

    def answer(self, line: str) -> str:
        """Answer one line.

        Args:
            line: the question.
        """
        fields = line.split()
        if not fields:
            return describe(self.memory)
        if not hmac.compare_digest(fields[0].encode(), self.secret.encode()):
            return "refused wrong secret"
        if fields[1:2] == [AWAIT]:
            return self._await(fields[2:])
        request = self._request(fields[1:])
        if request is None:
            return "refused not understood"
        with self._lock:
            return self._decide(request)

    def _await(self, fields: list[str]) -> str:
        """Wait for the power of the asker's peer, beside all decisions."""
        peers = [name for name in self.machines if name not in fields]
        if len(fields) != 1 or len(peers) != len(self.machines) - 1:
            return "refused not understood"
        socket = self.machines[peers[0]].with_name("watch.sock")
        return "off" if watch.lost_power(socket, AWAIT_SECONDS) else "on"

    def _request(self, fields: list[str]) -> Request | None:
        if len(fields) not in (2, 3) or fields[0] not in VERBS or fields[1] not in self.machines:
            return None
        if len(fields) == 3 and not fields[2].isdecimal():
            return None
        return Request(fields[0], fields[1], int(fields[2]) if len(fields) == 3 else -1)

    def _decide(self, request: Request) -> str:
        if reason := refusal(self.memory, request):
            print_event(f"fence-refused node={request.node} reason={_one_field(reason)}")
            return f"refused {reason}"
        if request.verb in FENCING:
            [peer] = [name for name in self.machines if name != request.node]
            try:
                how = power.prove_off(self.machines[peer], cut=request.verb == "take")
            except power.NotProved as doubt:
                if request.verb == "take":
                    print_event(f"fence-refused node={request.node} reason={_one_field(f'{peer}: {doubt}')}")
                return f"unproved {peer}: {doubt}"
            print_event(f"fenced peer={peer} by={request.node} how={how}")
        decided = after(self.memory, request)
        if decided != self.memory:
            memory.store(self.path, decided)
            self.memory = decided
            print_event(f"arbiter {describe(decided)}")
        return f"granted {decided.generation}"


def describe(decided: Memory) -> str:
    """Return the decision that is remembered, in one line."""
    return f"alone={decided.alone or 'nobody'} generation={decided.generation}"


def print_event(text: str) -> None:
    """Write an event, with the kernel's time of it."""
    print(f"event={text} up={time.clock_gettime(time.CLOCK_BOOTTIME):.2f}", flush=True)


def _one_field(text: str) -> str:
    return text.replace(" ", "-")


class Question(socketserver.StreamRequestHandler):
    """One line in, one line out."""

    timeout = LINE_SECONDS

    def handle(self) -> None:
        """Answer."""
        try:
            line = self.rfile.readline(LONGEST).decode(errors="replace")
            self.wfile.write(f"{arbiter.answer(line)}\n".encode())
        except OSError:
            return  # it asks too slowly, or did not wait: it will ask again


class Door(socketserver.ThreadingTCPServer):
    """Where questions come in."""

    allow_reuse_address = True
    daemon_threads = True


def main() -> int:
    """Serve until killed.

    Returns:
        The container's exit status.
    """
    with Door(("0.0.0.0", PORT), Question) as door:  # noqa: S104 - its networks are the cluster's own
        print_event(f"booted node={os.environ['NODE']}")
        print_event(f"arbiter {describe(arbiter.memory)}")
        door.serve_forever()
    return 0


if __name__ == "__main__":
    env = dict(line.split("=", 1) for line in Path("/etc/testbed/secrets.env").read_text().splitlines() if "=" in line)
    arbiter = Arbiter(
        Path("/var/lib/arbiter/memory.json"),
        {name: Path(f"/run/power/{name}/power.sock") for name in os.environ["MACHINES"].split()},
        env["ARBITER_SECRET"],
    )
    sys.exit(main())
