"""The cost of the load's program by the number of its users, at the same rate of requests."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

from testbed.bench.bare_program import bare_load
from testbed.bench.idle import Idle, idle
from testbed.bench.scale.scale_model import BUSY, ScaleSubject, size_of, variant_names
from testbed.bench.session.subject import Measure, Options, Take
from testbed.cluster import Cluster, lifecycle
from testbed.errors import TestbedError
from testbed.incidents.incident_model import Load
from testbed.journal import Outcome, RequestSample, read
from testbed.progress import PrintLine
from testbed.topology import Role
from testbed.wait import elapse, wait_until

# Thinking time for each user, percent of the usual: twice as many users think twice as long, so that the rate of
# requests stays the same, at about five a second.
THINK_PERCENT = 2.2
# Logins cost the cluster more than what follows.
SPAWN_RATE = 4.0
WARM_SECONDS = 5.0
LOGIN_MARGIN_SECONDS = 60.0


class UserCost(ScaleSubject):
    """CPU and memory of Locust."""

    key = "users"
    title = "Users"
    method = (
        "Webmail users work without probes and recorder. Thinking times grow with the number of users, so the rate of "
        "requests stays about the same and the cluster is not saturated. CPU and memory are those of the client's "
        "container, where Locust runs."
    )
    sizes = (10, 50, 100, 500)
    size_title = "users"
    size_unit = "user"
    variants = variant_names(sizes, size_title)
    context = ("rate", "p95", BUSY.key)
    measures = (
        Measure("cpu", "Locust: CPU", "ms a request"), Measure("memory", "Locust: memory", "MiB"),
        Measure("rate", "good requests", "requests/s"), Measure("p95", "request, p95", "ms"), BUSY,
    )  # fmt: skip
    rounds = 1

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> Iterator[Take]:
        """Nothing has to be prepared: the users of each turn are gone at its end."""
        del print_line
        [client] = cluster.fleet.machines(Role.CLIENT)

        def take(variant: str) -> dict[str, float]:
            lifecycle.wait_healthy(cluster)
            load = load_of_users(size_of(variant))
            with bare_load(cluster, f"bench-scale-{load.users}-users", load) as (task, path):
                wait_until(
                    lambda: path.exists() and logged_in(read_requests(path)) >= load.users,
                    load.users / SPAWN_RATE * 2 + LOGIN_MARGIN_SECONDS, f"{load.users} users to log in", interval=2.0,
                    fatal=task.ended,
                )  # fmt: skip
                elapse(WARM_SECONDS)
                begin = time.monotonic()
                costs = idle(cluster, options.seconds)
                end = time.monotonic()
            return values_of_load(costs, client.name, read_requests(path), begin, end)

        yield take


def load_of_users(users: int) -> Load:
    """Return a load whose rate of requests does not depend on the number of users.

    Args:
        users: how many; more than an incident allows, because they are far slower.
    """
    return Load().model_copy(update={
        "users": users, "think_time": users * THINK_PERCENT, "spawn_rate": SPAWN_RATE,
    })  # fmt: skip


def read_requests(path: Path) -> list[RequestSample]:
    """Return the requests in a journal, also in one that is being written."""
    return read(path).of(RequestSample)


def logged_in(requests: Sequence[RequestSample]) -> int:
    """Return how many sessions were begun: users share accounts when there are more users than accounts."""
    return len({
        each.session for each in requests if each.action == "log in" and each.outcome is Outcome.OK and not each.cause
    })  # fmt: skip


def values_of_load(
    costs: Sequence[Idle], client: str, requests: Sequence[RequestSample], begin: float, end: float
) -> dict[str, float]:
    """Return a value for each measure.

    Args:
        costs: of each container while it was counted.
        client: the name of the node with the load.
        requests: of the whole turn.
        begin, end: of the counting, monotonic seconds.

    Raises:
        TestbedError: no user was served.
    """
    good = [each.latency for each in requests if begin < each.finished <= end and each.outcome is Outcome.OK]
    if len(good) < 2:
        raise TestbedError("hardly a user was served while it was counted")
    own = container_of(costs, client)
    rate = len(good) / (end - begin)
    return {
        "cpu": own.cores * 1000 / rate,
        "memory": own.memory_mib,
        "rate": rate,
        "p95": quantiles(good, n=20)[-1] * 1000,
        BUSY.key: busy_percent(costs),
    }


def container_of(costs: Sequence[Idle], node: str) -> Idle:
    """Return the cost of a node that is not scaled.

    Args:
        costs: of each container.
        node: its name.

    Raises:
        TestbedError: it has no container.
    """
    # Compose names a container by project, service and number.
    found = next((each for each in costs if each.name.rpartition("-")[0].endswith(f"-{node}")), None)
    if found is None:
        raise TestbedError("it has no container", where=node)
    return found


def busy_percent(costs: Sequence[Idle]) -> float:
    """Return the share of the host's processors that all containers kept busy together, percent."""
    return sum(each.cores for each in costs) / (os.cpu_count() or 1) * 100
