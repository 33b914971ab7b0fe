"""The cost of the probes' program by the number of samples that it takes every second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from testbed.bench.bare_program import bare_probes
from testbed.bench.idle import idle
from testbed.bench.scale.scale_model import BUSY, ScaleSubject, size_of, variant_names
from testbed.bench.scale.user_cost import busy_percent, container_of
from testbed.bench.session.subject import Measure, Options, Take
from testbed.cluster import Cluster, lifecycle
from testbed.errors import TestbedError
from testbed.journal import ProbeSample, read
from testbed.probes.https import HttpsProbe
from testbed.probes.tcp import TcpProbe
from testbed.progress import PrintLine
from testbed.topology import Role
from testbed.wait import wait_until

# They run in the client, and take half of the samples each.
PROBES = (TcpProbe.name, HttpsProbe.name)
START_SECONDS = 30.0


class ProbeCost(ScaleSubject):
    """CPU and memory of the probes' program."""

    key = "probes"
    title = "Probes"
    method = (
        "The probes `tcp` and `https` run alone, half of the samples each. CPU and memory are those of the client's "
        "container, where they run. The size is the rate of samples in the journal."
    )
    sizes = (25, 50, 100, 200)
    size_title = "samples/s"
    size_unit = "sample/s"
    variants = variant_names(sizes, size_title)
    measured_size = "rate"
    context = (BUSY.key,)
    measures = (
        Measure("rate", "samples", "samples/s"), Measure("cores", "probes: CPU", "cores"),
        Measure("memory", "probes: memory", "MiB"), BUSY,
    )  # fmt: skip
    rounds = 2

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> Iterator[Take]:
        """Nothing has to be prepared: the probes of each turn are gone at its end."""
        del print_line
        [client] = cluster.fleet.machines(Role.CLIENT)

        def take(variant: str) -> dict[str, float]:
            lifecycle.wait_healthy(cluster)
            rate = size_of(variant)
            intervals = dict.fromkeys(PROBES, len(PROBES) / rate)
            with bare_probes(cluster, f"bench-scale-{rate}-samples", intervals) as (task, path):
                wait_until(
                    lambda: path.exists() and bool(read(path).of(ProbeSample)), START_SECONDS, "the first sample",
                    fatal=task.ended,
                )  # fmt: skip
                begin = time.monotonic()
                costs = idle(cluster, options.seconds / 2)
                end = time.monotonic()
            taken = [each for each in read(path).of(ProbeSample) if begin < each.finished <= end]
            if not taken:
                raise TestbedError("no sample was taken while it was counted", where=str(path.parent))
            own = container_of(costs, client.name)
            return {
                "rate": len(taken) / (end - begin),
                "cores": own.cores,
                "memory": own.memory_mib,
                BUSY.key: busy_percent(costs),
            }

        yield take
