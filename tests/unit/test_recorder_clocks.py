"""Guests' clocks on the host's: what is claimed to be the bound of the error is one."""

from __future__ import annotations

from random import Random

import pytest

from testbed.journal import ClockSample
from testbed.recorder.clocks import GuestClock, SharedClock, estimate_from_stamp

DRIFT = 60e-6


class Guest:
    """A guest whose clock is ``skew`` behind the host's and runs ``rate`` as fast."""

    def __init__(self, skew: float, rate: float, seed: int = 1) -> None:
        self.skew, self.rate, self.chance = skew, rate, Random(seed)  # noqa: S311

    def up(self, host: float) -> float:
        return (host - self.skew) * self.rate

    def sample(self, host: float, width: float = 0.002) -> ClockSample:
        before = host - width * self.chance.random()
        return ClockSample("db1", self.up(host), before, before + width)


def test_events_lie_within_the_bound_over_an_hour_of_drift() -> None:
    guest, clock, chance = Guest(2000.0, 1 - DRIFT), GuestClock(), Random(2)  # noqa: S311
    worst = 0.0
    for tick in range(360):
        now = 2100.0 + tick * 10
        clock.sample(guest.sample(now))
        event = now + chance.uniform(0.1, 9)
        moment = clock.moment(guest.up(event), event + chance.expovariate(50))
        assert abs(moment.at - event) <= moment.error + 1e-9
        worst = max(worst, moment.error)
    assert worst < 0.004


def test_an_event_confines_the_clock() -> None:
    clock = GuestClock()
    clock.sample(ClockSample("db1", 10.0, 110.0, 110.3))  # the guest was busy: a wide reading
    assert clock.moment(20.0, 120.21).error == pytest.approx(0.105, abs=0.01)
    assert clock.moment(21.0, 121.02).error < 0.02  # a line that came at once is more precise


def test_without_a_reading_the_engines_stamp_counts() -> None:
    moment = GuestClock().moment(5.0, 1000.0)
    assert moment == estimate_from_stamp(1000.0)
    assert moment.at + moment.error == 1000.0


def test_a_guest_that_stood_still_unseen_is_not_believed_until_two_readings_agree() -> None:
    guest, clock = Guest(2000.0, 1.0), GuestClock()
    clock.sample(guest.sample(2100))
    guest.skew += 7
    clock.sample(guest.sample(2110))
    assert clock.moment(guest.up(2112), 2112.01) == estimate_from_stamp(2112.01)
    clock.sample(guest.sample(2120))
    assert clock.known
    moment = clock.moment(guest.up(2125), 2125.01)
    assert abs(moment.at - 2125) <= moment.error < 0.005


def test_a_clock_that_runs_26_times_too_fast_is_found_out_and_read() -> None:
    guest, clock, chance = Guest(3085.0, 26.2), GuestClock(), Random(3)  # noqa: S311
    clock.sample(guest.sample(3088))
    # Dated by this clock it would have happened 13 seconds after its line came.
    assert clock.moment(guest.up(3090), 3090.02) == estimate_from_stamp(3090.02)
    readings = [3098.0 + 10 * tick for tick in range(20)]
    for now in readings:
        clock.sample(guest.sample(now))
        event = now + chance.uniform(0.1, 9)
        moment = clock.moment(guest.up(event), event + 0.02)
        if now > readings[2]:
            assert abs(moment.at - event) <= moment.error < 0.01
    assert clock.known


def test_a_reported_standstill_moves_the_clock() -> None:
    guest, clock = Guest(2000.0, 1.0), GuestClock()
    clock.sample(guest.sample(2100))
    guest.skew += 30
    clock.shift(30.01, 0.02, 2135)
    moment = clock.moment(guest.up(2136), 2136.5)
    assert abs(moment.at - 2136) <= moment.error < 0.03


def test_a_container_reads_the_hosts_clock_in_hundredths() -> None:
    moment = SharedClock(boot=-3.0).moment(100.0, 97.5)
    assert [moment.at, moment.error] == pytest.approx([97.005, 0.005])


def test_what_was_looked_for_happened_since_the_look_before() -> None:
    moment = SharedClock(boot=0.0).moment(51.0, 51.5, after=50.0)
    assert [moment.at, moment.error] == pytest.approx([50.505, 0.505])
