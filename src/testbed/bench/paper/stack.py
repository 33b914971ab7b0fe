"""The whole stack against the one server that it replaced, from a light load to the heaviest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from testbed.bench.paper.model import Claim, Expectation, Options, Say, Take
from testbed.bench.paper.workload import (
    APP,
    BALANCER,
    DATABASE,
    FACTOR,
    LATENCY,
    RATE,
    TAIL,
    load_of,
    reshaping,
    values_of,
)  # fmt: skip
from testbed.bench.work import work
from testbed.cluster import Cluster
from testbed.incidents.runner import reshape

# Users and their thinking times, percent of the usual.
LOADS: Mapping[str, tuple[int, float]] = {"light load": (4, 30.0), "medium load": (8, 5.0), "heaviest load": (16, 0.0)}


def _name(site: str, load: str) -> str:
    return f"{site}, {load}"


class Stack(Claim):
    """The cluster and the single server under the same loads."""

    key = "stack"
    title = "The cluster against the single server"
    method = (
        "The same webmail users work on the cluster, and on the server that it replaced (overlay single), with the "
        "same mail. The loads are 4 users with 30 % of the usual thinking times, 8 with 5 %, and 16 who do not think. "
        "The processor time of the single server contains TLS, PHP and its database. The cluster's database nodes are "
        "VMs."
    )
    variants = tuple(_name(site, load) for load in LOADS for site in ("cluster", "single"))
    bases: ClassVar[Mapping[str, str]] = {_name("cluster", load): _name("single", load) for load in LOADS}
    base_title = "the single server under the same load"
    measures = (LATENCY, TAIL, RATE, APP, BALANCER, DATABASE)
    expectations = (
        Expectation(
            "a request takes about as long as on the single server", "latency", _name("cluster", "light load"),
            _name("single", "light load"), at_most=1.25,
            reason="the cluster's database runs on an emulated processor, and each request crosses three nodes",
        ),
        Expectation(
            "the app server's processor has far less to do", "app", _name("cluster", "light load"),
            _name("single", "light load"), at_most=0.5,
            reason="PHP takes most of the time of a request, and it still runs on the app nodes",
        ),
    )  # fmt: skip
    rounds = 2

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, say: Say) -> Iterator[Take]:
        """Add the single server if it is not there, and remove it at the end."""
        say("  adding the single server, if it is not there")
        with reshaping(cluster):
            both = reshape(cluster, cluster.shape.with_overlays(["single"]))

            def take(variant: str) -> dict[str, float]:
                site, _, load = variant.partition(", ")
                users, think = LOADS[load]
                return values_of(
                    work(both, "bench-paper-stack", load_of(users, think), options.seconds * FACTOR, site)
                )  # fmt: skip

            yield take
