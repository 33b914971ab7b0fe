"""The nodes' logs and the engine's events, followed in threads that wait for them.

A log is followed over the deaths of its container: Docker ends the stream when the container ends, and it is taken
up again behind the last line seen when the container has started. Each line is handed on once, in the order of the log.

Only errors of reading are survived. Whatever else goes wrong in a thread is reported: an event that vanished silently
would let checks pass on nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Event, Thread
from typing import Any, NamedTuple, TypeVar, cast

import requests
from docker import DockerClient
from docker.errors import APIError, DockerException
from docker.models.containers import Container
from urllib3.exceptions import HTTPError

from testbed.recorder.stream_position import StreamPosition
from testbed.recorder.wallclock import WallClock

# How reading a stream ends when its other end or this one closes it.
ENDS = (DockerException, requests.RequestException, HTTPError, OSError, ValueError, AttributeError)
END_SECONDS = 5.0
# Before a stream is read again that ended although its container runs.
AGAIN_SECONDS = 0.2
# The container is gone, or is being removed: its log has no more lines.
GONE = (404, 409)

T = TypeVar("T")
Failed = Callable[[Exception], None]


class Stamped(NamedTuple):
    """A line with Docker's stamp.

    Args:
        stamp: Unix nanoseconds of the host's clock.
        text: the line.
    """

    stamp: int
    text: str


@dataclass(frozen=True, slots=True)
class NodeLogLine:
    """A line of a node's log.

    Args:
        node: whose.
        wall: Docker's stamp, Unix seconds of the host's clock.
        text: the line.
    """

    node: str
    wall: float
    text: str


class Follower(ABC):
    """Reads a stream in a thread of its own, again and again, until it is ended.

    Args:
        name: what is read, in words.
        failed: called with each error that is not one of reading.
    """

    def __init__(self, name: str, failed: Failed) -> None:
        self._failed = failed
        self._ending = Event()
        self._stream: Any = None
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def reopen(self) -> None:
        """Close the stream; it is read again unless this follower ends."""
        with suppress(*ENDS):
            if self._stream is not None:
                self._stream.close()

    @abstractmethod
    def _follow(self) -> None:
        """Read until it is ended."""

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 - a thread that dies must be heard of
            self._failed(error)

    def _reading(self, stream: Callable[[], Iterator[T]]) -> Iterator[T]:
        """Yield what a stream holds up to its end, however it ends."""
        with suppress(*ENDS):
            self._stream = stream()
            yield from self._stream

    def _guarded(self, take: Callable[[T], None], what: T) -> None:
        """Hand one thing on; the next ones follow even when it could not be taken."""
        try:
            take(what)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must break by it
            self._failed(error)

    def _final(self, read: Callable[[], None]) -> None:
        """Read for the last time: what cannot be read now is lost."""
        try:
            read()
        except APIError as error:
            if error.status_code not in GONE:
                self._failed(error)
        except ENDS as error:
            self._failed(error)


class NodeLog(Follower):
    """One node's log.

    Args:
        node: its name.
        container: where it comes from.
        begin: Unix seconds; earlier lines are left out.
        clock: knows how far the wall clock has stepped back.
        take: called with each line, in a thread of this log's own.
        failed: called with what went wrong there.
    """

    def __init__(
        self,
        node: str,
        container: Container,
        begin: float,
        clock: WallClock,
        take: Callable[[NodeLogLine], None],
        failed: Failed,
    ) -> None:
        self.node = node
        self._container = container
        self._clock = clock
        self._take = take
        self._started = Event()
        self._place = StreamPosition(_nanoseconds(begin))
        self._latest = begin
        super().__init__(f"log of {node}", failed)

    def started(self) -> None:
        """The container has been started: there will be more lines."""
        self._started.set()

    def end(self) -> None:
        """Stop following, when every line of the log has been handed on."""
        self._ending.set()
        self._started.set()
        self.reopen()
        self._thread.join(END_SECONDS)
        # What the stream still held, or was cut off in the middle of, is in the log.
        since = self._since()
        self._final(lambda: self._deliver(self._open(since, follow=False)))

    def _follow(self) -> None:
        self._pass_old_lines()
        while not self._ending.is_set():
            self._started.clear()
            since = self._since()
            self._deliver(self._reading(partial(self._open, since, follow=True)))
            if self._ending.is_set():
                return
            if self._runs():
                self._ending.wait(AGAIN_SECONDS)
            else:
                self._started.wait()

    def _pass_old_lines(self) -> None:
        """Find the last line of before."""
        with suppress(*ENDS):
            chunks = self._container.logs(stream=True, follow=False, timestamps=True, tail=1)
            stamps = [line.stamp for line in stamped_lines(chunks)]
            if stamps and stamps[-1] < self._place.begin:
                self._place.before(stamps[-1])

    def _since(self) -> float:
        """The stamp to read from: of the last line handed on, or further back if the wall clock has stepped back.

        Docker leaves out what bears an earlier stamp than asked for, wherever it stands (``docker logs --since``).
        """
        self._clock.look()
        since = max(self._latest - self._clock.back, 0.0)
        self._place.reopen(_nanoseconds(since))
        return since

    def _open(self, since: float, *, follow: bool) -> Iterator[bytes]:
        stream: Any = self._container.logs(stream=True, follow=follow, timestamps=True, since=since or None)
        return cast("Iterator[bytes]", stream)

    def _runs(self) -> bool:
        with suppress(*ENDS):
            self._container.reload()
            return bool(self._container.status == "running")
        self._started.wait(1.0)  # the engine is away
        return True

    def _deliver(self, chunks: Iterator[bytes]) -> None:
        for line in stamped_lines(chunks):
            if self._place.new(line.stamp):
                wall = line.stamp / 1e9
                # Docker gives lines from this moment on; a float of its seconds is exact to a microsecond.
                self._latest = wall - 1e-5
                self._guarded(self._take, NodeLogLine(self.node, wall, line.text))


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """What the engine did to a container.

    Args:
        node: the machine it is of.
        container: its id.
        action: ``start``, ``die``, ``kill``, ``pause`` or ``unpause``.
        wall: when, Unix seconds.
        signal: of a ``kill``.
    """

    node: str
    container: str
    action: str
    wall: float
    signal: str = ""


class EngineEvents(Follower):
    """The engine's events about the cluster's machines.

    Args:
        client: the engine.
        labels: filters that match the cluster's own containers.
        begin: Unix seconds; earlier events are left out.
        clock: knows how far the wall clock has stepped back.
        name: names the machine of a container's labels; empty for other containers.
        take: called with each event, in a thread of its own.
        failed: called with what went wrong there.
    """

    ACTIONS = ("start", "die", "kill", "pause", "unpause")

    def __init__(
        self,
        client: DockerClient,
        labels: Sequence[str],
        begin: float,
        clock: WallClock,
        name: Callable[[dict[str, str]], str],
        take: Callable[[EngineEvent], None],
        failed: Failed,
    ) -> None:
        self._client = client
        self._filters = {"type": "container", "label": list(labels), "event": list(self.ACTIONS)}
        self._begin = begin
        self._clock = clock
        self._name = name
        self._take = take
        self._place = StreamPosition(_nanoseconds(begin))
        super().__init__("events of the engine", failed)

    def end(self, until: float) -> None:
        """Stop, when every event up to a moment has been handed on.

        Args:
            until: Unix seconds.
        """
        self._ending.set()
        self.reopen()
        self._thread.join(END_SECONDS)
        since = self._since()
        self._final(lambda: self._deliver(self._open(since, until)))

    def _follow(self) -> None:
        while not self._ending.is_set():
            since = self._since()
            self._deliver(self._reading(partial(self._open, since)))
            self._ending.wait(0.5)  # only an engine that goes away ends the stream

    def _since(self) -> float:
        self._clock.look()
        since = max(self._begin - self._clock.back, 0.0)
        self._place.reopen(_nanoseconds(since))
        return since

    def _open(self, since: float, until: float | None = None) -> Iterator[dict[str, Any]]:
        events: Any = self._client.events
        ending = None if until is None else f"{until:.6f}"
        stream: Iterator[dict[str, Any]] = events(
            since=f"{since:.6f}", until=ending, filters=self._filters, decode=True
        )
        return stream

    def _deliver(self, events: Iterator[dict[str, Any]]) -> None:
        for event in events:
            attributes = event["Actor"]["Attributes"]
            node = self._name(attributes)
            if not node or not self._place.new(int(event["timeNano"])):
                continue
            signal = str(attributes.get("signal", ""))
            engine_event = EngineEvent(node, event["Actor"]["ID"], event["Action"], event["timeNano"] / 1e9, signal)
            self._guarded(self._take, engine_event)


def stamped_lines(chunks: Iterator[bytes]) -> Iterator[Stamped]:
    """Docker's stamp and the text of each whole line; half a line at the end is left out."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            stamp, _, text = line.decode(errors="replace").rstrip("\r").partition(" ")
            yield Stamped(unix_nanoseconds(stamp), text)


def unix_nanoseconds(stamp: str) -> int:
    """Docker's RFC 3339 time with nine decimals, as Unix nanoseconds."""
    whole = datetime.fromisoformat(f"{stamp[:19]}+00:00").timestamp()
    return int(whole) * 10**9 + int(stamp[20:29])


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
