"""Records what happens inside the cluster while a run goes on: states, clocks and alarms, into the run's journal."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from threading import Condition, Lock, Thread
from types import TracebackType
from typing import Self

from docker.models.containers import Container

from testbed.cluster import Cluster
from testbed.designs.design_registry import design_of
from testbed.errors import TestbedError
from testbed.host import engine, identity
from testbed.journal import Mark, Writer
from testbed.machines.fleet import node_name
from testbed.machines.guest_agent import GuestAgent
from testbed.machines.machine import Machine, Power
from testbed.recorder.console_log import ConsoleLog
from testbed.recorder.follow import EngineEvent, EngineEvents, NodeLog, NodeLogLine
from testbed.recorder.nodes import Listener
from testbed.recorder.snapshot import snapshot
from testbed.recorder.wallclock import WallClock

# A guest's clock is read so often: in between the drift that is possible stays below what a reading leaves open.
SYNC_SECONDS = 10.0
AGENT_SECONDS = 1.0
# The wall clock is compared with the monotonic one so often.
LOOK_SECONDS = 1.0


class Recorder:
    """Follows every node's log and the engine's events, and writes what they report into a journal.

    Begins with a snapshot of all states; when it ends, every line written up to that moment has been heard.

    Args:
        cluster: the cluster, up.
        writer: the run's journal.
    """

    def __init__(self, cluster: Cluster, writer: Writer) -> None:
        self._cluster = cluster
        self._writer = writer
        self._lock = Lock()  # of listeners and consoles: lines come from many threads
        self._listeners: dict[str, Listener] = {}
        self._agents: dict[str, Path] = {}
        self._consoles: dict[str, ConsoleLog] = {}
        self._logs: dict[str, tuple[str, NodeLog]] = {}  # by node: the container's id beside its log
        self._numbers = count(1)
        self._clock = WallClock()
        self._due = Condition()
        self._asked: set[str] = set()
        self._ending = False
        self.first_error = ""  # why something that happened may not have been recorded

    def __enter__(self) -> Self:
        self._start()
        with ExitStack() as undo:
            undo.callback(self._end)
            snapshot(self._cluster, self._writer)
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _start(self) -> None:
        settings, topology = self._cluster.settings, self._cluster.topology
        begin = time.time()
        for machine in self._cluster.fleet.machines():
            socket = machine.console()
            self._listeners[machine.name] = self._listener(machine)
            if agent := machine.agent():  # a guest without one asks for the time by itself
                self._agents[machine.name] = agent
            if socket:
                self._consoles[machine.name] = ConsoleLog(socket.with_name("console.log"))
        self._client, own = engine.client(), identity.own(settings)
        self._events = EngineEvents(
            self._client,
            own,
            begin,
            self._clock,
            lambda labels: node_name(labels, topology),
            self._engine,
            self._failed,
        )
        for container in self._client.containers.list(all=True, filters={"label": own}):
            if name := node_name(container.labels, topology):
                self._follow(name, container, begin)
        self._syncer = Thread(target=self._keep_time, name="clocks of the guests", daemon=True)
        self._syncer.start()
        self.sync()

    def _listener(self, machine: Machine) -> Listener:
        recorded = design_of(self._cluster.topology).recorded
        return Listener(machine.name, machine.node.role, machine.console() is not None, recorded)

    def _end(self) -> None:
        until = time.time()
        with self._due:
            self._ending = True
            self._due.notify()
        self._syncer.join(2 * AGENT_SECONDS * max(len(self._agents), 1))
        for _, log in self._logs.values():
            log.end()
        self._events.end(until)
        self._hear_consoles()
        for console in self._consoles.values():
            console.close()
        self._look_at_wall_clock()
        self._client.close()

    def sync(self, node: str = "") -> None:
        """Have a guest's clock read at once, without waiting for it.

        Args:
            node: the guest; by default all. A node without a clock of its own is passed over.
        """
        with self._due:
            self._asked |= {node} if node else set(self._agents)
            self._due.notify()

    def _failed(self, error: Exception) -> None:
        """An error in a thread of the recorder may not pass unheard: a run without states would pass its checks."""
        self.first_error = self.first_error or f"the recorder missed something: {type(error).__name__}: {error}"

    def _follow(self, node: str, container: Container, begin: float) -> None:
        log = NodeLog(node, container, begin, self._clock, self._line, self._failed)
        self._logs[node] = (str(container.id), log)

    def _line(self, line: NodeLogLine) -> None:
        at = self._clock.monotonic(line.wall)
        with self._lock:
            for event in self._listeners[line.node].line(line.text, at, line.wall - at):
                self._writer.write(event)
        if "event=vm-resumed" in line.text:
            self.sync(line.node)
        elif "event=vm-reset" in line.text:
            self._hear_consoles()

    def _engine(self, event: EngineEvent) -> None:
        at = self._clock.monotonic(event.wall)
        node = event.node
        with self._lock:
            if node not in self._listeners:  # a machine that was scaled up meanwhile; app nodes alone can be
                machine = self._cluster.machine(node)
                self._listeners[node] = self._listener(machine)
            for change in self._listeners[node].engine(event.action, at, event.signal):
                self._writer.write(change)
        if event.action == "die":
            self._hear_consoles()
        elif event.action == "start":
            self._started(event)

    def _started(self, event: EngineEvent) -> None:
        known = self._logs.get(event.node)
        if known and known[0] == event.container:
            known[1].started()
            return
        if known:  # another container has taken its place
            known[1].end()
        self._follow(event.node, self._client.containers.get(event.container), 0.0)

    def _hear_consoles(self) -> None:
        with self._lock:
            for node, console in self._consoles.items():
                for text in console.new():
                    for event in self._listeners[node].console_line(text, time.monotonic()):
                        self._writer.write(event)

    def _keep_time(self) -> None:
        try:
            self._keep_clocks()
        except Exception as error:  # noqa: BLE001 - a thread that dies must be heard of
            self._failed(error)

    def _keep_clocks(self) -> None:
        due = time.monotonic() + SYNC_SECONDS
        while True:
            with self._due:
                self._due.wait_for(
                    lambda: self._ending or self._asked, min(max(due - time.monotonic(), 0), LOOK_SECONDS)
                )
                if self._ending:
                    return
                asked, self._asked = self._asked, set()
            self._look_at_wall_clock()
            if time.monotonic() >= due:
                asked = set(self._agents)
            if asked == set(self._agents):
                due = time.monotonic() + SYNC_SECONDS
                self._hear_consoles()
            for node in sorted(asked & set(self._agents)):
                self._read_clock(node)

    def _look_at_wall_clock(self) -> None:
        """Write each step of the wall clock down; after one back, logs are read again, from earlier stamps."""
        self._clock.look()
        for step in self._clock.steps():
            self._writer.write(Mark("clock-stepped", attrs={"seconds": f"{step:+.3f}"}))
            if step < 0:
                for _, log in list(self._logs.values()):
                    log.reopen()

    def _read_clock(self, node: str) -> None:
        """Write a mark into the guest's kernel log; the log's line has the guest's time of it."""
        number = str(next(self._numbers))
        with suppress(TestbedError):  # it is off, frozen or booting: there is no clock to read
            with self._lock:
                if self._listeners[node].power is not Power.ON:
                    return
            with GuestAgent(self._agents[node], node, AGENT_SECONDS) as agent:
                before, after = agent.write("/dev/kmsg", f"event=clock id={number}\n")
            with self._lock:
                for event in self._listeners[node].asked(number, before, after):
                    self._writer.write(event)
