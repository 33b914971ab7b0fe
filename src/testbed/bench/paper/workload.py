"""Claims that are measured with webmail users at work: what they wait, and what that costs which nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from testbed.bench.session.subject import Measure
from testbed.bench.work import Work
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.shape import Shape
from testbed.errors import TestbedError
from testbed.incidents.incident_model import Load
from testbed.incidents.runner import reshape

HEALTHY_SECONDS = 240.0
# A turn counts requests for this many times the seconds of a measurement: users act in seconds, not in milliseconds.
FACTOR = 5.0
LATENCY = Measure("latency", "request, median", "ms")
TAIL = Measure("p95", "request, p95", "ms")
RATE = Measure("rate", "throughput", "requests/s")
APP = Measure("app", "processor time of the app nodes", "ms a request")
DATABASE = Measure("db", "processor time of the database nodes", "ms a request")
BALANCER = Measure("lb", "processor time of the balancers", "ms a request")


def load_of(users: int, think: float) -> Load:
    """Return a load.

    Args:
        users: how many.
        think: the factor on their thinking times, percent.
    """
    return Load.model_validate({"users": users, "think_time": f"{think:g}%"})


def values_of(work: Work, database: str = "db") -> dict[str, float]:
    """Return a value for each measure above.

    Args:
        work: what users saw, and what it cost.
        database: what the names of the nodes begin with that serve the webmail's database.
    """
    latency = work.latency
    return {
        "latency": latency.median,
        "p95": latency.maximum if latency.p95 is None else latency.p95,
        "rate": work.rate,
        "app": work.cost(work.php),
        "db": work.cost(database) if work.site == "cluster" else 0.0,
        "lb": work.cost("lb") if work.site == "cluster" else 0.0,
        "session": work.size,
    }


@contextmanager
def reshaping(cluster: Cluster) -> Iterator[None]:
    """Bring the cluster back into its shape at the end, whatever happens.

    Args:
        cluster: as it is before.
    """
    shape: Shape = cluster.shape.lasting()
    try:
        yield
    finally:
        back = reshape(cluster, shape)
        with suppress(TestbedError):  # the next command waits for it, and reports what is wrong
            lifecycle.wait_healthy(back, HEALTHY_SECONDS)
