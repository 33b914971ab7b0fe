"""The nodes' logs and the engine's events, followed in threads that wait for them.

A log is followed over the deaths of its container: Docker ends the stream when the container ends, and it is taken
up again behind the last line seen when the container has started. Each line is told once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread
from typing import Any, cast

import requests
from docker import DockerClient
from docker.errors import DockerException
from docker.models.containers import Container
from urllib3.exceptions import HTTPError

# How a stream ends when its other end or this one closes it.
ENDS = (DockerException, requests.RequestException, HTTPError, OSError, ValueError, AttributeError)
END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a node's log.

    Args:
        node: whose.
        wall: Docker's stamp, Unix seconds of the host's clock.
        text: the line.
    """

    node: str
    wall: float
    text: str


class Place:
    """The place in a log up to which its lines were told. Pure.

    Docker can give a log from a time on, and several lines may bear the same time: they are counted.
    """

    def __init__(self) -> None:
        self._stamp = ""
        self._count = 0
        self._again = 0

    def reopen(self) -> None:
        """The log is read again, from the last stamp or from any earlier one."""
        self._again = 0

    def new(self, stamp: str) -> bool:
        """Whether the line that bears this stamp has not been told yet; it is told now.

        Args:
            stamp: Docker's, with nine decimals, so that the order of letters is the order of time.
        """
        if stamp < self._stamp:
            return False
        if stamp == self._stamp:
            self._again += 1
            if self._again <= self._count:
                return False
            self._count = self._again
            return True
        self._stamp, self._count, self._again = stamp, 1, 1
        return True


class NodeLog:
    """One node's log.

    Args:
        node: its name.
        container: where it comes from.
        since: Unix seconds; earlier lines are left out.
        take: called with each line, in a thread of this log's own.
    """

    def __init__(self, node: str, container: Container, since: float, take: Callable[[Line], None]) -> None:
        self.node = node
        self._container = container
        self._since = since
        self._take = take
        self._place = Place()
        self._started, self._ending = Event(), Event()
        self._stream: Any = None
        self._thread = Thread(target=self._follow, name=f"log of {node}", daemon=True)
        self._thread.start()

    def started(self) -> None:
        """The container has been started: there will be more lines."""
        self._started.set()

    def end(self, until: float) -> None:
        """Stop following, when every line up to a moment has been told.

        Args:
            until: Unix seconds.
        """
        self._ending.set()
        self._started.set()
        _close(self._stream)
        self._thread.join(END_SECONDS)
        # What the stream still held, or was cut off in the middle of, is in the log.
        with suppress(*ENDS):
            self._tell(self._container.logs(stream=True, follow=False, timestamps=True, since=self._since, until=until))

    def _follow(self) -> None:
        while not self._ending.is_set():
            self._started.clear()
            with suppress(*ENDS):
                self._stream = self._container.logs(stream=True, follow=True, timestamps=True, since=self._since)
                self._tell(self._stream)
            if not self._ending.is_set() and not self._runs():
                self._started.wait()

    def _runs(self) -> bool:
        with suppress(*ENDS):
            self._container.reload()
            return bool(self._container.status == "running")
        self._started.wait(1.0)  # the engine is away
        return True

    def _tell(self, chunks: Iterator[bytes]) -> None:
        self._place.reopen()
        for stamp, text in stamped_lines(chunks):
            if self._place.new(stamp):
                wall = unix_seconds(stamp)
                # Docker gives lines from this moment on; a float of its seconds is exact to a microsecond.
                self._since = max(self._since, wall - 1e-5)
                self._take(Line(self.node, wall, text))


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


class EngineEvents:
    """The engine's events about the cluster's machines.

    Args:
        client: the engine.
        labels: filters that match the cluster's own containers.
        since: Unix seconds.
        name: names the machine of a container's labels; empty for what is no machine.
        take: called with each event, in a thread of its own.
    """

    ACTIONS = ("start", "die", "kill", "pause", "unpause")

    def __init__(
        self,
        client: DockerClient,
        labels: Sequence[str],
        since: float,
        name: Callable[[dict[str, str]], str],
        take: Callable[[EngineEvent], None],
    ) -> None:
        self._client = client
        self._filters = {"type": "container", "label": list(labels), "event": list(self.ACTIONS)}
        self._since = since
        self._name = name
        self._take = take
        self._ending = Event()
        self._last = 0
        self._stream: Any = None
        self._thread = Thread(target=self._follow, name="events of the engine", daemon=True)
        self._thread.start()

    def end(self, until: float) -> None:
        """Stop, when every event up to a moment has been told.

        Args:
            until: Unix seconds.
        """
        self._ending.set()
        _close(self._stream)
        self._thread.join(END_SECONDS)
        with suppress(*ENDS):
            self._tell(self._events(until=until))

    def _follow(self) -> None:
        while not self._ending.is_set():
            with suppress(*ENDS):
                self._stream = self._events()
                self._tell(self._stream)
            self._ending.wait(0.5)  # only an engine that goes away ends the stream

    def _events(self, until: float | None = None) -> Iterator[dict[str, Any]]:
        events: Any = self._client.events
        ending = None if until is None else f"{until:.6f}"
        stream: Iterator[dict[str, Any]] = events(
            since=f"{self._since:.6f}", until=ending, filters=self._filters, decode=True
        )
        return stream

    def _tell(self, events: Iterator[dict[str, Any]]) -> None:
        for event in events:
            attributes = event["Actor"]["Attributes"]
            node = self._name(attributes)
            if event["timeNano"] <= self._last or not node:
                continue
            self._last = event["timeNano"]
            self._since = event["timeNano"] / 1e9
            signal = str(attributes.get("signal", ""))
            self._take(EngineEvent(node, event["Actor"]["ID"], event["Action"], self._since, signal))


def stamped_lines(chunks: Iterator[bytes]) -> Iterator[tuple[str, str]]:
    """Docker's stamp and the text of each whole line; half a line at the end is left out."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            stamp, _, text = line.decode(errors="replace").rstrip("\r").partition(" ")
            yield stamp, text


def unix_seconds(stamp: str) -> float:
    """Docker's RFC 3339 time with nanoseconds, as Unix seconds, to a microsecond."""
    return datetime.fromisoformat(f"{stamp[:26]}+00:00").timestamp()


def monotonic(wall: float) -> float:
    """A wall-clock time as one of the monotonic clock, as the two stand to each other now."""
    return wall - (time.time() - time.monotonic())


def _close(stream: object) -> None:
    with suppress(*ENDS):
        if stream is not None:
            cast("Any", stream).close()
