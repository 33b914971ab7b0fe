"""One to four app nodes: throughput, and what is busy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from testbed.bench.paper.paper_model import PaperClaim
from testbed.bench.paper.workload import FACTOR, LATENCY, RATE, TAIL, load_of, reshaping, values_of
from testbed.bench.session.subject import Measure, Options, Take
from testbed.bench.work import work
from testbed.cluster import Cluster
from testbed.incidents.runner import reshape
from testbed.progress import PrintLine

# Takes away the application that needs a second app node.
OVERLAY = "bench-nodes"
USERS = 16
COUNTS = (1, 2, 3, 4)


def _name(count: int) -> str:
    return f"{count} app node{'s' if count > 1 else ''}"


class Nodes(PaperClaim):
    """Throughput by the number of app nodes."""

    key = "nodes"
    title = "More app nodes"
    method = (
        "Sixteen webmail users who do not think work on a cluster of one to four app nodes. The busy cores say what "
        "saturates. All nodes share the processors of one host, so a node more adds no processor."
    )
    variants = tuple(map(_name, COUNTS))
    bases = dict.fromkeys(map(_name, COUNTS[1:]), _name(1))
    base_title = "one app node"
    measures = (
        RATE, LATENCY, TAIL, Measure("app-cores", "busy: app nodes", "cores"),
        Measure("db-cores", "busy: database nodes", "cores"), Measure("lb-cores", "busy: balancers", "cores"),
        Measure("client-cores", "busy: the load itself", "cores"),
    )  # fmt: skip
    rounds = 2

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> Iterator[Take]:
        """Nothing has to be prepared; at the end the cluster has as many app nodes as before."""
        del print_line
        load = load_of(USERS, 0.0)

        def take(variant: str) -> dict[str, float]:
            shape = cluster.shape.lasting().with_scale({"app": int(variant.split(maxsplit=1)[0])})
            changed = reshape(cluster, replace(shape, overlays=(*shape.overlays, OVERLAY)))
            found = work(changed, "bench-paper-nodes", load, options.seconds * FACTOR)
            busy = {f"{part}-cores": found.busy(part) for part in ("app", "db", "lb", "client")}
            return {**values_of(found), **busy}

        with reshaping(cluster):
            yield take
