"""Logs and events, followed: nothing is left out or reported twice, and only errors of reading are ignored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import Queue
from threading import Lock
from typing import Any, cast

import pytest
from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from testbed.cluster import Cluster
from testbed.journal import Writer
from testbed.recorder import Recorder
from testbed.recorder.follow import EngineEvent, EngineEvents, NodeLog, NodeLogLine, stamped_lines, unix_nanoseconds
from testbed.recorder.nodes import Listener
from testbed.recorder.stream_position import StreamPosition
from testbed.recorder.wallclock import WallClock
from testbed.topology import Role
from testbed.wait import wait_until

BEGIN = 1_795_533_774
SECOND = 10**9
END = object()


class Host:
    """A host whose clocks a test sets.

    Attributes:
        mono: the monotonic clock.
        offset: the wall clock less the monotonic one.
    """

    def __init__(self) -> None:
        self.mono, self.offset = 1000.0, BEGIN - 1000.0
        self.clock = WallClock(lambda: self.mono + self.offset, lambda: self.mono)

    @property
    def wall(self) -> float:
        return self.mono + self.offset


class FakeLog:
    """A container whose log is given from a stamp on, as Docker does; its stream ends when it is closed."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lines: list[tuple[float, str]] = []
        self._streams: list[FakeStream] = []
        self._lock = Lock()
        self.id, self.status = "c1", "running"
        self.broken: Exception | None = None

    def write(self, text: str) -> None:
        with self._lock:
            self._lines.append((self._host.wall, text))
            for stream in self._streams:
                stream.put(self._lines[-1])

    def reload(self) -> None:
        pass

    def logs(
        self, *, stream: bool, timestamps: bool, follow: bool, since: float | None = None, tail: int | str = "all"
    ) -> Iterator[bytes]:
        assert stream
        assert timestamps
        if self.broken:
            raise self.broken
        with self._lock:
            lines = self._lines[-tail:] if isinstance(tail, int) else self._lines
            found = FakeStream(since or 0.0, lines)
            if follow:
                self._streams.append(found)
            else:
                found.close()
        return found


class FakeStream(Iterator[bytes]):
    def __init__(self, since: float, lines: list[tuple[float, str]]) -> None:
        self._since = since
        self._queue: Queue[Any] = Queue()
        for line in lines:
            self.put(line)

    def put(self, line: tuple[float, str]) -> None:
        if line[0] >= self._since:
            self._queue.put(f"{written(line[0])} {line[1]}\n".encode())

    def close(self) -> None:
        self._queue.put(END)

    def __next__(self) -> bytes:
        found = self._queue.get(timeout=20)
        if found is END:
            raise StopIteration
        return cast("bytes", found)


def written(wall: float) -> str:
    whole = int(wall)
    minutes, seconds = divmod(whole - BEGIN + 22 * 60 + 54, 60)
    assert 0 <= minutes < 60
    return f"2026-11-24T15:{minutes:02}:{seconds:02}.{round((wall - whole) * 1e9):09}Z"


class Following:
    """A log that is followed, and the lines that were reported."""

    def __init__(self, host: Host, log: FakeLog) -> None:
        self.lines: list[str] = []
        self.errors: list[Exception] = []
        self.log = NodeLog("db1", cast("Container", log), host.wall, host.clock, self._take, self.errors.append)

    def _take(self, line: NodeLogLine) -> None:
        self.lines.append(line.text)
        if line.text == "wrong":
            raise AttributeError("the consumer is wrong")

    def heard(self, text: str) -> None:
        wait_until(lambda: text in self.lines, 10, f"the line {text!r}", interval=0.005)


@pytest.fixture
def host() -> Host:
    return Host()


def test_nothing_is_lost_when_the_wall_clock_steps_back(host: Host) -> None:
    log = FakeLog(host)
    log.write("of before")
    host.mono += 100
    following = Following(host, log)
    log.write("first")
    following.heard("first")
    host.mono += 5
    host.offset -= 20
    host.clock.look()
    log.write("after the step")
    following.log.reopen()
    following.heard("after the step")
    host.mono += 1
    log.write("last")
    following.log.end()
    assert following.lines == ["first", "after the step", "last"]
    assert following.errors == []


def test_a_node_that_was_quiet_before_the_step_is_heard_and_its_old_lines_are_not(host: Host) -> None:
    log = FakeLog(host)
    host.mono += 90
    log.write("ten seconds before")
    host.mono += 10
    following = Following(host, log)
    host.offset -= 30
    host.mono += 1
    log.write("after the step")
    following.log.end()
    assert following.lines == ["after the step"]


def test_a_wrong_consumer_is_reported_and_so_are_later_lines(host: Host) -> None:
    log = FakeLog(host)
    following = Following(host, log)
    for text in ("right", "wrong", "right again"):
        host.mono += 1
        log.write(text)
    following.heard("right again")
    following.log.end()
    assert [str(error) for error in following.errors] == ["the consumer is wrong"]


def test_a_log_that_cannot_be_read_to_its_end_is_reported(host: Host) -> None:
    log = FakeLog(host)
    following = Following(host, log)
    log.write("first")
    following.heard("first")
    log.broken = OSError("the engine is away")
    following.log.end()
    assert [str(error) for error in following.errors] == ["the engine is away"]


def test_a_container_that_was_removed_has_no_more_lines(host: Host) -> None:
    log = FakeLog(host)
    following = Following(host, log)
    log.broken = NotFound("gone", response=cast("Any", type("Response", (), {"status_code": 404})))
    following.log.end()
    assert following.errors == []


def test_events_of_the_engine_are_reported_in_their_order_across_a_step(host: Host) -> None:
    reported: list[EngineEvent] = []
    errors: list[Exception] = []
    client = FakeEngine()
    begin = host.wall
    host.mono += 5
    client.happens(host.wall, "die")
    following = EngineEvents(
        cast("DockerClient", client), ["project=tb"], begin, host.clock, lambda labels: labels["name"], reported.append,
        errors.append,
    )  # fmt: skip
    host.offset -= 20
    host.mono += 1
    client.happens(host.wall, "start")
    wait_until(lambda: len(reported) == 2, 10, "both events", interval=0.005)
    following.end(host.wall + 60)
    assert [event.action for event in reported] == ["die", "start"]
    assert errors == []


class FakeEngine:
    """The engine's events: those that it remembers from a stamp on, and then what happens."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._streams: list[FakeEvents] = []
        self._lock = Lock()

    def happens(self, wall: float, action: str) -> None:
        actor = {"ID": "c1", "Attributes": {"name": "db1"}}
        with self._lock:
            self._events.append({"Actor": actor, "Action": action, "timeNano": round(wall * 1e9)})
            for stream in self._streams:
                stream.queue.put(self._events[-1])

    def events(self, since: str, until: str | None, **_: object) -> Iterator[dict[str, Any]]:
        with self._lock:
            found = FakeEvents(event for event in self._events if event["timeNano"] >= float(since) * 1e9)
            if until:
                found.close()
            else:
                self._streams.append(found)
        return found


class FakeEvents(Iterator[dict[str, Any]]):
    def __init__(self, remembered: Iterable[dict[str, Any]]) -> None:
        self.queue: Queue[Any] = Queue()
        for event in remembered:
            self.queue.put(event)

    def close(self) -> None:
        self.queue.put(END)

    def __next__(self) -> dict[str, Any]:
        found = self.queue.get(timeout=20)
        if found is END:
            raise StopIteration
        return cast("dict[str, Any]", found)


class FullDisk:
    """A journal that takes nothing."""

    def write(self, event: object) -> None:
        raise OSError(f"no space left on device for {type(event).__name__}")


def test_a_log_that_is_taken_up_in_the_run_is_guarded_too(host: Host) -> None:
    recorder = Recorder(cast("Cluster", None), cast("Writer", FullDisk()))
    recorder._listeners["db1"] = Listener("db1", Role.DATABASE, guest=False)
    log = FakeLog(host)
    containers = type("Containers", (), {"get": lambda _self, _name: log})
    recorder._client = cast("DockerClient", type("Client", (), {"containers": containers()})())
    recorder._started(EngineEvent("db1", "the new container", "start", host.wall))
    log.write("event=mounted up=3.4")
    wait_until(lambda: recorder.first_error, 10, "the recorder's trouble", interval=0.005)
    assert recorder.first_error == "the recorder missed something: OSError: no space left on device for StateChange"
    recorder._logs["db1"][1].end()


def test_each_line_is_reported_once_however_often_the_log_is_read() -> None:
    log = [490, 500, 500]
    place = StreamPosition(0)
    place.reopen(0)
    assert [place.new(stamp) for stamp in log] == [True, True, True]
    place.reopen(0)
    assert [place.new(stamp) for stamp in log] == [False, False, False]
    place.reopen(500)  # two more came, one of them at the very same moment
    assert [place.new(stamp) for stamp in (500, 500, 500, 600)] == [False, False, True, True]


def test_lines_that_were_forgotten_of_a_long_log_are_not_reported_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.recorder.stream_position.MOST", 10)
    place = StreamPosition(0)
    place.reopen(0)
    assert all(place.new(stamp) for stamp in range(25))
    place.reopen(0)
    assert not any(place.new(stamp) for stamp in range(25))
    assert place.new(25)


def test_half_a_line_waits_for_the_next_reading() -> None:
    chunks = [b"2026-11-24T15:22:54.490037132Z event=boo", b"ted node=db1\n2026-11-24T15:22:54.5"]
    [line] = stamped_lines(iter(chunks))
    assert line == (1_795_533_774_490_037_132, "event=booted node=db1")


def test_stamps_are_read_to_the_nanosecond() -> None:
    assert unix_nanoseconds("2026-11-24T15:22:54.000000001Z") == 1_795_533_774 * SECOND + 1


def test_stamps_on_both_sides_of_a_step_are_mapped(host: Host) -> None:
    before = host.wall
    for _ in range(10):
        host.mono += 1
        host.clock.look()
    host.offset -= 20
    host.mono += 0.5
    assert host.clock.monotonic(host.wall) == pytest.approx(host.mono)
    # Stamped before the step, and read after it: by the new setting it would be in the future.
    assert host.clock.monotonic(before + 9.9) == pytest.approx(1009.9)
    assert host.clock.steps() == [pytest.approx(-20)]
    assert host.clock.steps() == []
    assert host.clock.back == pytest.approx(20)


def test_a_step_forward_is_one_too(host: Host) -> None:
    for _ in range(30):
        host.mono += 1
        host.clock.look()
    before = host.wall
    host.mono += 0.5
    host.offset += 3600
    assert host.clock.monotonic(host.wall) == pytest.approx(host.mono)
    assert host.clock.monotonic(before) == pytest.approx(1030)
    assert host.clock.back == 0
    assert host.clock.steps() == [pytest.approx(3600)]


def test_a_clock_that_is_adjusted_slowly_does_not_step(host: Host) -> None:
    for _ in range(100):
        host.mono += 1
        host.offset += 0.0005
        host.clock.look()
    assert host.clock.steps() == []
    assert host.clock.monotonic(host.wall) == pytest.approx(host.mono)
