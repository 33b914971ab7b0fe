"""The whole stack against the one server that it replaced, from a light load to the heaviest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

from testbed.bench.paper.container_database import NAME, OVERLAY, container_database
from testbed.bench.paper.paper_model import Expectation, PaperClaim
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
from testbed.bench.session.subject import Options, Take
from testbed.bench.work import work
from testbed.cluster import Cluster
from testbed.incidents.runner import reshape
from testbed.progress import PrintLine

# Users and their thinking times, percent of the usual.
LOADS: Mapping[str, tuple[int, float]] = {"light load": (4, 30.0), "medium load": (8, 5.0), "heaviest load": (16, 0.0)}
CLUSTER, CONTAINER, SINGLE = "cluster", "cluster with a container database", "single server"


def _name(design: str, load: str) -> str:
    return f"{design}, {load}"


class Stack(PaperClaim):
    """The cluster and the single server under the same loads."""

    key = "stack"
    title = "The cluster against the single server"
    method = (
        "The same webmail users work on the cluster, and on the server that it replaced, with the same mail. The loads "
        "are 4 users with 30 % of the usual thinking times, 8 with 5 %, and 16 who do not think. The single server's "
        "database is a process beside PHP, so its processor time is part of the time of PHP's node. The cluster's "
        "database nodes are VMs. A third variant gives the cluster a PostgreSQL in a container, so that the design is "
        "compared and not the emulator."
    )
    variants = tuple(_name(design, load) for load in LOADS for design in (CLUSTER, CONTAINER, SINGLE))
    bases: ClassVar[Mapping[str, str]] = {
        _name(design, load): _name(SINGLE, load) for load in LOADS for design in (CLUSTER, CONTAINER)
    }
    base_title = "the single server under the same load"
    measures = (LATENCY, TAIL, RATE, APP, BALANCER, DATABASE)
    expectations = tuple(
        Expectation(
            f"{statement}: {design}", measure, _name(design, "light load"), _name(SINGLE, "light load"), at_most=most,
            reason=reason,
        )
        for statement, measure, most, reason in (
            (
                "a request takes about as long as on the single server", "latency", 1.25,
                "each request crosses more nodes, and an emulated database answers slowly",
            ),
            (
                "the processor of the app server has far less to do", "app", 0.5,
                "PHP takes most of a request's processor time, and PHP stays on the app nodes",
            ),
        )
        for design in (CLUSTER, CONTAINER)
    )  # fmt: skip
    rounds = 2

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> Iterator[Take]:
        """Add the single server and the container's database, and remove them at the end."""
        print_line("  adding the single server, and a database in a container")
        with reshaping(cluster), container_database(cluster):
            shape = cluster.shape.lasting().with_overlays(["single"])
            both = reshape(cluster, shape)
            of_container = replace(shape, overlays=(*shape.overlays, OVERLAY))

            def take(variant: str) -> dict[str, float]:
                design, _, load = variant.partition(", ")
                at_work = load_of(*LOADS[load])
                changed = reshape(both, of_container if design == CONTAINER else shape)
                site = "single" if design == SINGLE else "cluster"
                found = work(changed, "bench-paper-stack", at_work, options.seconds * FACTOR, site)
                return values_of(found, NAME if design == CONTAINER else "db")

            yield take
