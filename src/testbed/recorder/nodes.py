"""What the recorder knows of each node while a run lasts: its log, its clock and its power.

Pure: lines and engine events go in, journal events come out. No node is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from testbed.designs.design_registry import DEFAULT
from testbed.designs.recorded_design import RecordedDesign
from testbed.journal import Alarm, Aspect, ClockSample, Event, Mark, StateChange
from testbed.machines import Power
from testbed.recorder.clocks import GuestClock, SharedClock, TimeEstimate, estimate_from_stamp
from testbed.recorder.log_events import DECISIONS, LogEvent, console_time, parse_log_line
from testbed.recorder.log_patterns import matching_pattern
from testbed.topology import Role

# A kill and the death it causes belong together when no more than so many seconds lie between them.
KILL_SECONDS = 10.0
# The engine reports an action after it: a start took 0.35 s from its request, a pause next to nothing.
ENGINE_SECONDS = {"start": 0.35, "die": 0.1, "pause": 0.05, "unpause": 0.05}
# QEMU's own stamps; the wall clock they bear is turned into the monotonic one.
QEMU_SECONDS = 0.002
# How long the guest's clock may have run on, or run already, beside QEMU's stamps of its stop and its going on.
STOP_SECONDS = 0.02
# No clock is that wrong but one that was calibrated wrongly.
WRONG_SPEED = 0.05
TEXT_AT_MOST = 500


@dataclass
class Listener:
    """One node, heard.

    Args:
        node: its name.
        role: what it is for.
        guest: whether it has a kernel, and so a clock, of its own.
        recorded: what the database design records.
    """

    node: str
    role: Role
    guest: bool
    recorded: RecordedDesign = DEFAULT.recorded
    clock: GuestClock = field(default_factory=GuestClock)
    power: Power = Power.ON
    _shared: SharedClock = field(default_factory=SharedClock)
    _frozen_at: float | None = None
    _killed_at: float | None = None
    _asked_up: float | None = None
    _waiting: dict[str, tuple[float, float]] = field(default_factory=dict)
    _heard: dict[str, float] = field(default_factory=dict)
    _speed_reported: bool = False
    _alarmed: set[tuple[str, float]] = field(default_factory=set)

    def asked(self, number: str, before: float, after: float) -> Iterator[Event]:
        """Record that a mark was written into the guest's log between two moments of the host's clock."""
        if number in self._heard:
            yield from self._sample(ClockSample(self.node, self._heard.pop(number), before, after))
        else:
            self._waiting[number] = (before, after)

    def line(self, text: str, stamp: float, offset: float) -> Iterator[Event]:
        """Hear a line of the node's log.

        Args:
            text: the line.
            stamp: Docker's stamp on the host's monotonic clock, seconds.
            offset: the host's wall clock less its monotonic clock, seconds.
        """
        event = parse_log_line(self.role, text, self.recorded)
        if event.name.startswith("clock"):
            yield from self._clock_line(event, stamp, offset)
            return
        if event.name in DECISIONS or event.name in self.recorded.decisions:
            values = {name: value for name, value in (event.values or {}).items() if name not in ("up", "at")}
            yield Mark(event.name, self.node, values)
        pattern = matching_pattern(text)
        if not event.changes and not pattern:
            return
        moment = self._moment(event, stamp, offset)
        for aspect, value in event.changes:
            yield StateChange(
                self.node, aspect, value, at=_rounded(moment.at), error=_rounded(moment.error), source=event.source
            )
        if event.name.startswith("vm-"):
            self._machine(event.name, moment.at)
        if pattern:
            yield from self._alarm(pattern, text, moment, event.up)

    def console_line(self, text: str, now: float) -> Iterator[Event]:
        """Hear a line of the guest's serial console.

        Args:
            text: the line.
            now: the host's monotonic clock; the line was written before, seconds.
        """
        if pattern := matching_pattern(text):
            up = console_time(text)
            moment = estimate_from_stamp(now) if up is None or not self.clock.known else self.clock.moment(up, now)
            yield from self._alarm(pattern, text, moment, up)

    def engine(self, action: str, at: float, signal: str = "") -> Iterator[Event]:
        """Hear what the engine did to the node's container.

        Args:
            action: ``start``, ``die``, ``kill``, ``pause`` or ``unpause``.
            at: the engine's stamp on the host's monotonic clock, seconds.
            signal: of a ``kill``.
        """
        if action == "kill":
            self._killed_at = at if signal in ("9", "SIGKILL") else None
            return
        moment = estimate_from_stamp(at, ENGINE_SECONDS[action])
        if action == "die" and self._killed_at is not None and at - self._killed_at < KILL_SECONDS:
            # Nothing runs after the signal. The engine reports the end later, when all is cleared away.
            moment = TimeEstimate(self._killed_at, at - self._killed_at)
        value = {"start": "on", "die": "off", "pause": "frozen", "unpause": "on"}[action]
        self.power = Power(value)
        if action == "die":
            self._killed_at = self._frozen_at = None
        yield StateChange(
            self.node, Aspect.POWER, value, at=_rounded(moment.at), error=_rounded(moment.error), source="docker"
        )

    def _moment(self, event: LogEvent, stamp: float, offset: float) -> TimeEstimate:
        if event.wall is not None:
            return TimeEstimate(event.wall - offset, QEMU_SECONDS)
        if event.up is None:
            return estimate_from_stamp(stamp)
        if self.guest:
            return self.clock.moment(event.up, stamp)
        return self._shared.moment(event.up, stamp, event.after)

    def _machine(self, name: str, at: float) -> None:
        """Follow QEMU's stop, resumption or reset of the guest: its clock stood still, or begins again."""
        self.power = Power.FROZEN if name == "vm-stopped" else Power.ON
        if name == "vm-stopped":
            self._frozen_at = at
        elif name == "vm-resumed" and self._frozen_at is not None:
            self.clock.shift(at - self._frozen_at, STOP_SECONDS, at)
            self._frozen_at = None
        elif name == "vm-reset":
            self.clock = GuestClock()
            self._frozen_at = None

    def _clock_line(self, event: LogEvent, stamp: float, offset: float) -> Iterator[Event]:
        """Read the guest's clock: from the launcher's answer to its question, or from a mark in its log."""
        values = event.values or {}
        if event.up is None:
            return
        if event.name == "clock-asked":
            if "again" not in values:  # the first line of a boot
                self.clock = GuestClock()
                self._speed_reported = False
                self._waiting.clear()
            self._asked_up = event.up
        elif event.name == "clock-told" and self._asked_up is not None:
            answered = float(values["host"]) - offset
            took = event.up - self._asked_up
            yield from self._sample(ClockSample(self.node, self._asked_up, answered - took, answered))
            self._asked_up = None
        elif event.name == "clock" and (read := self._waiting.pop(values["id"], None)):
            yield from self._sample(ClockSample(self.node, event.up, read[0], min(read[1], stamp)))
        elif event.name == "clock":  # the line was faster than the answer to who wrote it
            self._heard = {values["id"]: event.up}

    def _sample(self, sample: ClockSample) -> Iterator[Event]:
        self.clock.sample(sample)
        yield ClockSample(sample.node, sample.guest, _rounded(sample.before), _rounded(sample.after))
        if abs(self.clock.speed - 1) > WRONG_SPEED and not self._speed_reported:
            self._speed_reported = True
            text = f"the guest's clock runs {self.clock.speed:.4g} times too fast"
            yield Alarm(self.node, "guest-clock", text, _rounded(sample.after))

    def _alarm(self, pattern: str, text: str, moment: TimeEstimate, up: float | None) -> Iterator[Event]:
        """Record a grave message of the kernel once: it comes by the log and by the console."""
        if up is not None and (pattern, up) in self._alarmed:
            return
        self._alarmed.add((pattern, -1.0 if up is None else up))
        yield Alarm(self.node, pattern, text[:TEXT_AT_MOST], _rounded(moment.at))


def _rounded(seconds: float) -> float:
    return round(seconds, 6)
