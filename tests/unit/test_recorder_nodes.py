"""What nodes really printed, as journal events: a guest's reset and its return, a balancer's takeover."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.journal import Alarm, ClockSample, Event, Mark, StateChange
from testbed.recorder.follow import unix_nanoseconds
from testbed.recorder.nodes import Listener
from testbed.topology import Role

SAMPLES = Path(__file__).parent / "samples" / "recorder"
# The host's wall clock less its monotonic clock on the day the samples were taken.
OFFSET = 1795531955.463204


def lines(name: str) -> list[tuple[float, str]]:
    found = []
    for line in (SAMPLES / f"{name}.log").read_text().splitlines():
        stamp, _, text = line.partition(" ")
        found.append((unix_nanoseconds(stamp) / 1e9 - OFFSET, text))
    return found


def heard(listener: Listener, name: str) -> list[Event]:
    return [event for stamp, text in lines(name) for event in listener.line(text, stamp, OFFSET)]


def changes(events: list[Event], aspect: str) -> list[StateChange]:
    return [event for event in events if isinstance(event, StateChange) and event.aspect == aspect]


@pytest.fixture(scope="module")
def db2() -> list[Event]:
    return heard(Listener("db2", Role.DATABASE, guest=True), "db2")


def test_a_guest_that_was_reset_comes_back_as_a_secondary(db2: list[Event]) -> None:
    assert [change.value for change in changes(db2, "power")] == ["reset", "reset"]
    assert [change.value for change in changes(db2, "drbd-connection")] == [
        "Unconnected", "WFConnection", "WFReportParams", "WFBitMapT", "WFSyncUUID", "SyncTarget", "Connected",
    ]  # fmt: skip
    assert [change.value for change in changes(db2, "drbd-disk")] == [
        "Attaching", "UpToDate", "Outdated", "Inconsistent", "UpToDate",
    ]  # fmt: skip
    assert [change.value for change in changes(db2, "carp")] == ["backup"]


def test_the_clock_that_a_guest_asks_for_at_boot_dates_all_its_lines(db2: list[Event]) -> None:
    [sample] = [event for event in db2 if isinstance(event, ClockSample)]
    assert sample.guest == 2.975592
    assert sample.after - sample.before == pytest.approx(2.977079 - 2.975592, abs=1e-5)
    reported = [change for change in db2 if isinstance(change, StateChange) and change.source == "node"]
    assert all(change.error < 0.002 for change in reported)
    assert [change.at for change in reported] == sorted(change.at for change in reported)
    # It printed this a quarter of a second after the disk was attached: the line was late, the event was not.
    [attached, *_] = changes(db2, "drbd-disk")
    stamp = next(stamp for stamp, text in lines("db2") if "Attaching" in text)
    assert 0.2 < stamp - attached.at < 0.3


def test_qemu_dates_a_reset_itself(db2: list[Event]) -> None:
    reset = changes(db2, "power")[0]
    assert reset.source == "qemu"
    assert reset.at == pytest.approx(1795536308.273490 - OFFSET, abs=1e-6)


def test_a_peer_that_takes_over_is_recorded_in_the_order_of_a_promotion() -> None:
    listener = Listener("db1", Role.DATABASE, guest=True)
    list(listener.asked("1", lines("db1")[0][0] - 0.005, lines("db1")[0][0] - 0.004))
    events = heard(listener, "db1")
    steps = [
        (event.aspect, event.value)
        for event in events
        if isinstance(event, StateChange)
        and (event.aspect in ("carp", "database-address", "drbd-role", "mount", "postgres"))
    ]
    assert steps == [
        ("carp", "master"),
        ("database-address", "held"),
        ("drbd-role", "Primary"),
        ("mount", "mounted"),
        ("postgres", "accepting"),
    ]


def test_a_mark_that_is_heard_before_its_writer_knows_is_no_loss() -> None:
    listener = Listener("db1", Role.DATABASE, guest=True)
    assert list(listener.line("event=clock id=7 up=100.5", 1000.02, OFFSET)) == []
    assert list(listener.asked("7", 1000.0, 1000.001)) == [ClockSample("db1", 100.5, 1000.0, 1000.001)]
    assert listener.clock.known


def test_a_balancer_speaks_on_the_hosts_clock() -> None:
    events = heard(Listener("lb2", Role.BALANCER, guest=False), "lb2")
    assert [(change.aspect, change.value) for change in events if isinstance(change, StateChange)] == [
        ("carp", "master"), ("site-address", "held"), ("carp", "backup"), ("site-address", "none"),
    ]  # fmt: skip
    assert all(change.error <= 0.005001 for change in events if isinstance(change, StateChange))


def test_a_member_changed_between_two_looks() -> None:
    listener = Listener("lb1", Role.BALANCER, guest=False)
    listener._shared._boot = 0.0  # a host that never slept
    [change] = listener.line("event=member name=app-1 status=Init,Err after=50.00 up=51.02", 51.1, OFFSET)
    assert isinstance(change, StateChange)
    assert (change.aspect, change.value) == ("member:app-1", "error")
    assert change.at - change.error == pytest.approx(50.0)
    assert change.at + change.error == pytest.approx(51.03)


def test_a_killed_container_is_off_from_the_kill_on() -> None:
    listener = Listener("db1", Role.DATABASE, guest=True)
    assert list(listener.engine("kill", 100.0, "9")) == []
    [off] = listener.engine("die", 100.03)
    assert isinstance(off, StateChange)
    assert (off.value, off.at, off.source) == ("off", 100.0, "docker")
    assert off.error == pytest.approx(0.03)


def test_a_container_that_dies_by_itself_is_off_when_the_engine_reports_it() -> None:
    listener = Listener("lb1", Role.BALANCER, guest=False)
    list(listener.engine("kill", 90.0, "15"))
    [off] = listener.engine("die", 100.0)
    assert isinstance(off, StateChange)
    assert off.at + off.error == pytest.approx(100.0)


def test_a_frozen_guest_finds_its_clock_again() -> None:
    listener = Listener("db2", Role.DATABASE, guest=True)
    list(listener.asked("1", 1000.0, 1000.001))
    list(listener.line("event=clock id=1 up=500.0", 1000.01, OFFSET))
    list(listener.line(f"event=vm-stopped at={OFFSET + 1010:.6f}", 1010.1, OFFSET))
    list(listener.line(f"event=vm-resumed at={OFFSET + 1040:.6f}", 1040.1, OFFSET))
    [change] = listener.line("event=postgres-stopped up=510.2", 1040.3, OFFSET)
    assert isinstance(change, StateChange)
    assert change.at == pytest.approx(1040.2, abs=change.error)
    assert change.error < 0.03


def test_a_kernel_message_that_comes_twice_is_one_alarm() -> None:
    listener = Listener("db1", Role.DATABASE, guest=True)
    text = "drbd database: Split-Brain detected but unresolved, dropping connection!"
    [alarm] = listener.line(f"kernel: {text} level=1 up=61.123456", 100.0, OFFSET)
    assert isinstance(alarm, Alarm)
    assert alarm.pattern == "drbd-split-brain"
    assert list(listener.console_line(f"root@db1:/# [   61.123456] {text}", 109.0)) == []
    assert len(list(listener.console_line(f"[   75.000001] {text}", 109.0))) == 1


def test_a_guest_whose_clock_runs_wrong_is_an_alarm_once() -> None:
    listener = Listener("db1", Role.DATABASE, guest=True)
    events: list[Event] = []
    for number in range(6):
        at = 3100.0 + 10 * number
        events += listener.asked(str(number), at, at + 0.001)
        events += listener.line(f"event=clock id={number} up={84 + 262.0 * number:.6f}", at + 0.01, OFFSET)
    alarms = [event for event in events if isinstance(event, Alarm)]
    assert [alarm.text for alarm in alarms] == ["the guest's clock runs 26.2 times too fast"]
    assert alarms[0].pattern == "guest-clock"


def test_a_guest_that_asks_again_keeps_its_clock() -> None:
    """OpenBSD's supervisor: the first question of a boot begins a clock, those after it confine it further."""
    listener = Listener("lb1", Role.BALANCER, guest=True)

    def ask_clock(up: float, again: str = "") -> list[Event]:
        host = 1000.0 + up  # the guest booted when the host's monotonic clock was 1000
        asked = f"event=clock-asked{again} up={up - 0.02:.6f}"
        answer = f"event=clock-told host={host + OFFSET:.6f} up={up + 0.01:.6f}"
        return [event for text in (asked, answer) for event in listener.line(text, host + 0.1, OFFSET)]

    assert [type(event) for event in ask_clock(20.0)] == [ClockSample]
    assert listener.clock.known
    ask_clock(30.0, " again=yes")
    ask_clock(40.0, " again=yes")
    assert listener.clock.known
    [change] = changes(list(listener.line("event=carp-master address=1 up=41.000000", 1041.2, OFFSET)), "carp")
    assert abs(change.at - 1041.0) <= change.error < 0.05
    ask_clock(3.0)  # it was reset unseen
    assert listener.clock.known
    [change] = changes(list(listener.line("event=carp-backup address=1 up=4.000000", 1004.2, OFFSET)), "carp")
    assert abs(change.at - 1004.0) <= change.error < 0.05


def test_openbsds_kernel_panics_on_its_console() -> None:
    listener = Listener("lb1", Role.BALANCER, guest=True)
    for text in (
        'panic: kernel diagnostic assertion "m != NULL" failed',
        "Stopped at      db_enter+0x14:  popq    %rbp",
    ):
        [event] = listener.console_line(text, 5.0)
        assert isinstance(event, Alarm)
        assert event.pattern == "kernel-panic"
        listener = Listener("lb1", Role.BALANCER, guest=True)


@pytest.mark.parametrize(
    ("role", "line", "mark"),
    [
        (Role.BALANCER, "event=resigned reason=apache up=12.5", Mark("resigned", "n", {"reason": "apache"})),
        (Role.DATABASE, "event=promote-failed step=drbd up=40.25", Mark("promote-failed", "n", {"step": "drbd"})),
        (
            Role.DATABASE,
            "block drbd0: Split-Brain detected, 1 primaries, automatically solved. Sync from peer node level=4 up=61.5",
            Mark("split-brain-solved", "n", {"primaries": "1", "how": "automatically", "keeps": "peer"}),
        ),
        (Role.OBSERVER, "event=fenced peer=db1 by=db2 up=7.0", Mark("fenced", "n", {"peer": "db1", "by": "db2"})),
    ],
)
def test_what_a_node_decides_is_recorded_with_its_reason(role: Role, line: str, mark: Mark) -> None:
    assert list(Listener("n", role, guest=False).line(line, 100.0, OFFSET)) == [mark]
