"""What a round of users at work comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.bench import Work
from testbed.cli.bench_work import SESSIONS, SINGLE


def test_cost_is_processor_time_for_each_good_exchange() -> None:
    cores = {"app-1": 0.3, "app-2": 0.1, "db1": 0.5, "client": 0.2}
    latencies = (0.1,) * 90 + (0.5,) * 10
    found = Work("cluster", Path("run"), 50.0, latencies, cores, 12.5, (1024, 3072), 2)
    assert found.rate == pytest.approx(2.0)
    assert (found.latency.median, found.latency.p95) == (100.0, 500.0)
    assert found.size == pytest.approx(2.0)
    assert found.busy("app") == pytest.approx(0.4)
    assert found.cost("app") == pytest.approx(200.0)
    assert found.cost("app", "db") == pytest.approx(450.0)


@pytest.mark.parametrize("site", ["cluster", "single"])
def test_every_row_is_a_number_on_either_side(site: str) -> None:
    cores = {"app-1": 0.3, "app-2": 0.1, "single-1": 0.8, "lb1-1": 0.1, "db1-1": 0.5, "mail-1": 0.05, "client-1": 0.2}
    found = Work(site, Path("run"), 50.0, (0.1,) * 100, cores, 12.5, (), None)
    figures = {title: value(found) for title, value in {**SESSIONS, **SINGLE}.items()}
    busy = 0.2 if site == "cluster" else 0.8
    assert figures["cores of a node that runs PHP"] == pytest.approx(busy)
    assert figures["session, mean, KiB"] == 0.0
