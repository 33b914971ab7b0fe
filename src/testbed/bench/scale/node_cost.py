"""The cost of testbed's own work by the number of app nodes."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from testbed.bench.idle import idle
from testbed.bench.paper.workload import HEALTHY_SECONDS, reshaping
from testbed.bench.scale.journal_work import peak_memory
from testbed.bench.scale.scale_model import ScaleSubject, size_of, variant_names
from testbed.bench.session.subject import Measure, Options, Take
from testbed.bench.speed import run_testbed
from testbed.cluster import Cluster, lifecycle
from testbed.incidents.incident_model import Incident
from testbed.incidents.runner import play_repeats, reshape
from testbed.journal import Journal, Mark, read
from testbed.machines.fleet import Fleet
from testbed.progress import PrintLine

LOOKUPS, STATES, STATUSES = 20, 5, 3
# Nothing is broken, so that all the time beside the steps is the testbed's own.
INCIDENT = Incident.model_validate({
    "name": "bench-scale-nodes",
    "title": "An app node gets no new sessions for a second",
    "why": "The steps take little time, so the time of the run shows what surrounds them.",
    "load": {"users": 2},
    "steady_state": {"stable_for": "1s"},
    "steps": [{"drain": "app:any"}, {"sleep": "1s"}, {"undrain": "app:any"}],
})  # fmt: skip
# Written to this file, it sets the highest memory use back to the present one (proc_pid_clear_refs(5)).
CLEAR_REFS, RESET_PEAK = Path("/proc/self/clear_refs"), "5"


class NodeCost(ScaleSubject):
    """`status`, look-ups, a run, and memory."""

    key = "nodes"
    title = "App nodes"
    method = (
        "The cluster is scaled. `testbed status` runs as a program of its own. A look-up lists all nodes, and a state "
        "asks every node what it does. The run drains an app node for a second under the load of two users; its time "
        "beside its steps is spent on the steady state, the recorder, the artifacts, the checks and the report. Memory "
        "of testbed is the peak of its process during that run."
    )
    sizes = (2, 4, 8)
    size_title = "app nodes"
    size_unit = "app node"
    variants = variant_names(sizes, size_title)
    measures = (
        Measure("status", "`testbed status`", "s"), Measure("lookup", "look-up of the nodes", "ms"),
        Measure("state", "state of all nodes", "ms"), Measure("requests", "engine requests for a state", "requests"),
        Measure("overhead", "run, time beside its steps", "s"), Measure("run-cpu", "run: CPU of testbed", "s"),
        Measure("run-memory", "run: memory of testbed", "MiB"),
        Measure("idle-cores", "idle containers: CPU", "cores"),
        Measure("idle-memory", "idle containers: memory", "MiB"),
    )  # fmt: skip
    rounds = 2

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> Iterator[Take]:
        """Nothing has to be prepared; at the end the cluster has as many app nodes as before."""
        del print_line

        def take(variant: str) -> dict[str, float]:
            changed = reshape(cluster, cluster.shape.with_scale({"app": size_of(variant)}))
            lifecycle.wait_healthy(changed, HEALTHY_SECONDS)
            costs = idle(changed, options.seconds / 4)
            return {
                "idle-cores": sum(each.cores for each in costs),
                "idle-memory": sum(each.memory_mib for each in costs),
                "lookup": 1000 * median_seconds(changed.fleet.machines, LOOKUPS),
                "state": 1000 * median_seconds(changed.state, STATES),
                "requests": count_requests(changed.fleet, changed.state),
                "status": median_seconds(lambda: run_testbed(["status"]), STATUSES),
                **run_cost(changed),
            }

        with reshaping(cluster):
            yield take


def median_seconds(work: Callable[[], object], repeat: int) -> float:
    """Return the median time that some work takes, seconds.

    Args:
        work: what is timed.
        repeat: how often.
    """
    took = []
    for _ in range(repeat):
        begun = time.monotonic()
        work()
        took.append(time.monotonic() - begun)
    return median(took)


def count_requests(fleet: Fleet, work: Callable[[], object]) -> int:
    """Return how many requests some work sends to the engine.

    Args:
        fleet: by whose client they are sent.
        work: what is done.
    """
    seen: list[object] = []

    def see(response: object, *_: object, **__: object) -> None:
        seen.append(response)

    hooks = fleet.engine_client.api.hooks["response"]
    hooks.append(see)
    try:
        work()
    finally:
        hooks.remove(see)
    return len(seen)


def run_cost(cluster: Cluster) -> dict[str, float]:
    """Play the incident once, and return what its run costs beside its steps.

    Args:
        cluster: a cluster that is up.
    """
    with suppress(OSError):  # the peak since the process began is then the figure
        CLEAR_REFS.write_text(RESET_PEAK)
    begun, used = time.monotonic(), _cpu_seconds()
    [result] = play_repeats(cluster, INCIDENT, repeat=1)
    took, cpu = time.monotonic() - begun, _cpu_seconds() - used
    memory = peak_memory()
    steps = step_seconds(read(result.folder / "journal.jsonl"))
    return {"overhead": took - steps, "run-cpu": cpu, "run-memory": memory}


def step_seconds(journal: Journal) -> float:
    """Return the sum of the times of all steps of a run, seconds."""
    begins = {each.attrs["number"]: each.at for each in journal.of(Mark) if each.name == "step"}
    ends = {each.attrs["number"]: each.at for each in journal.of(Mark) if each.name.startswith("step-")}
    return sum(ends[number] - begin for number, begin in begins.items() if number in ends)


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it has started and waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = os.times()
    return own.user + own.system + children.ru_utime + children.ru_stime
