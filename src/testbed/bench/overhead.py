"""What measuring costs: the load's throughput with and without probes and recorder, in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from testbed.bench.bare_program import bare_load
from testbed.cluster import Cluster, lifecycle
from testbed.incidents.incident_model import Load
from testbed.incidents.run import Run
from testbed.journal import Outcome, RequestSample, read
from testbed.wait import elapse, wait_until

LOGIN_SECONDS = 90.0
# What a round is warmed up with: logins cost more than what follows, and are over by then.
WARM_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Round:
    """One round of load.

    Attributes:
        throughput: good exchanges a second.
        latency: their median, seconds.
        measured: whether probes and recorder ran beside it.
    """

    throughput: float
    latency: float
    measured: bool


def overhead(cluster: Cluster, rounds: int, seconds: float, load: Load) -> Iterator[Round]:
    """Run the same load without and with everything that measures, in turns, so that a drift touches both.

    Args:
        cluster: a cluster that is up.
        rounds: of each kind.
        seconds: how long each is counted, after its users have logged in.
        load: the users; the same in each round.

    Yields:
        Each round when it is over.
    """
    for number in range(rounds):
        # The order changes from pair to pair: the second of a pair may find warmer caches.
        for measured in (False, True) if number % 2 == 0 else (True, False):
            lifecycle.wait_healthy(cluster)
            yield _with(cluster, seconds, load) if measured else _without(cluster, seconds, load)


def _with(cluster: Cluster, seconds: float, load: Load) -> Round:
    with Run(cluster, "overhead") as run:
        run.probe()
        run.load(load)
        count = _count(run.folder / "journal.jsonl", load.users, seconds, lambda: "; ".join(run.ended_programs()))
    return Round(*count, measured=True)


def _without(cluster: Cluster, seconds: float, load: Load) -> Round:
    with bare_load(cluster, "overhead-without", load) as (task, path):
        return Round(*_count(path, load.users, seconds, task.ended), measured=False)


def _count(path: Path, users: int, seconds: float, fatal: Callable[[], str]) -> tuple[float, float]:
    """Throughput and median latency over so many seconds after all users have logged in."""

    def logged_in() -> bool:
        done = [each for each in _requests(path) if each.action == "log in" and each.outcome is Outcome.OK]
        return len({each.user for each in done if not each.cause}) >= users

    wait_until(lambda: path.exists() and logged_in(), LOGIN_SECONDS, "every user to log in", interval=1.0, fatal=fatal)
    elapse(WARM_SECONDS)
    begin = max(each.finished for each in _requests(path))
    elapse(seconds)
    good = sorted(
        each.latency
        for each in _requests(path)
        if begin < each.finished <= begin + seconds and each.outcome is Outcome.OK
    )
    return len(good) / seconds, good[len(good) // 2] if good else float("inf")


def _requests(path: Path) -> list[RequestSample]:
    return read(path).of(RequestSample)
