"""What the cluster costs while it is idle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from docker.models.containers import Container

from testbed.cluster import Cluster
from testbed.host import engine, identity
from testbed.wait import elapse


@dataclass(frozen=True, slots=True)
class Idle:
    """Use of one container.

    Attributes:
        name: the container.
        memory_mib: memory it holds, without the page cache that the kernel would give back, MiB.
        cores: processor cores it kept busy.
    """

    name: str
    memory_mib: float
    cores: float


def idle(cluster: Cluster, seconds: float) -> list[Idle]:
    """Measure every container over a time in which nothing is asked of it.

    Args:
        cluster: a cluster that is up.
        seconds: how long.
    """
    client = engine.client()
    containers = client.containers.list(filters={"label": identity.own(cluster.settings)})
    with ThreadPoolExecutor(max_workers=len(containers) or 1) as pool:
        before = list(pool.map(_stats, containers))
        elapse(seconds)
        after = list(pool.map(_stats, containers))
    return [
        Idle(str(container.name), _memory_mib(end), _cores(begin, end))
        for container, begin, end in zip(containers, before, after, strict=True)
    ]


def _stats(container: Container) -> dict[str, Any]:
    return cast("dict[str, Any]", container.stats(stream=False))


def _memory_mib(stats: dict[str, Any]) -> float:
    memory = stats["memory_stats"]
    # cgroup v1 calls it total_inactive_file, v2 inactive_file; `docker stats` subtracts the same.
    detail = memory.get("stats", {})
    cache = detail.get("total_inactive_file", detail.get("inactive_file", 0))
    return float(memory["usage"] - cache) / 2**20


def _cores(begin: dict[str, Any], end: dict[str, Any]) -> float:
    busy = end["cpu_stats"]["cpu_usage"]["total_usage"] - begin["cpu_stats"]["cpu_usage"]["total_usage"]
    # Nanoseconds of all cores together between the two readings.
    passed = end["cpu_stats"]["system_cpu_usage"] - begin["cpu_stats"]["system_cpu_usage"]
    return float(busy) / passed * end["cpu_stats"]["online_cpus"] if passed else 0.0
