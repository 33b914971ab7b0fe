"""A load or probes alone in the client: no recorder, no other program beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from testbed.cluster import Cluster
from testbed.incidents.incident_model import Load
from testbed.incidents.locust_command import CLUSTER, locust_command, site_url
from testbed.incidents.task import Task, end_strays
from testbed.locust import JOURNAL
from testbed.topology import Role

SEED = 2006
# The program ends by itself after this time, in case testbed is killed.
LIMIT_SECONDS = 600


@contextmanager
def bare_load(cluster: Cluster, name: str, load: Load) -> Iterator[tuple[Task, Path]]:
    """Have webmail users at work; at the end, they are gone.

    Args:
        cluster: a cluster that is up.
        name: of the folder that holds the journal.
        load: the users.

    Yields:
        The program, and the journal that it writes.
    """
    command = locust_command(load, SEED, LIMIT_SECONDS, site_url(cluster.topology, CLUSTER))
    with _running(cluster, name, command, journal_variable=True) as running:
        yield running


@contextmanager
def bare_probes(cluster: Cluster, name: str, intervals: Mapping[str, float]) -> Iterator[tuple[Task, Path]]:
    """Have probes of the client take samples; at the end, they are gone.

    Args:
        cluster: a cluster that is up.
        name: of the folder that holds the journal.
        intervals: seconds between two samples of each probe.

    Yields:
        The program, and the journal that it writes.
    """
    command = ["python3", "-m", "testbed.probes", "--seconds", str(LIMIT_SECONDS)]
    command += [f"{probe}={interval * 1000:g}ms" for probe, interval in intervals.items()]
    with _running(cluster, name, command, journal_variable=False) as running:
        yield running


@contextmanager
def _running(
    cluster: Cluster, name: str, command: Sequence[str], *, journal_variable: bool
) -> Iterator[tuple[Task, Path]]:
    [client] = cluster.fleet.machines(Role.CLIENT)
    end_strays(client)
    folder = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-") + name
    path = cluster.settings.state_dir / "runs" / folder / "journal.jsonl"
    path.parent.mkdir(parents=True)
    inside = f"/runs/{folder}/journal.jsonl"
    variables = {JOURNAL: inside} if journal_variable else {}
    arguments = [] if journal_variable else ["--journal", inside]
    task = Task.start(client, [*command, *arguments], f"/runs/{folder}/program.log", variables)
    try:
        yield task, path
    finally:
        task.stop()
