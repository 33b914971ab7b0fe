"""Every node in turn, by one command, under load: who is restarted, who is replaced, and what users lose by it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from echo import Echo
from testbed.checks import Status, outage_of
from testbed.cluster import Cluster, copy_verification
from testbed.host import engine
from testbed.incidents.incident_model import Load
from testbed.incidents.run import Run
from testbed.journal import Outcome, RequestSample, RunPlan
from testbed.machines.container import ContainerMachine
from testbed.topology import Role

TESTBED = Path(sys.executable).with_name("testbed")
ROLLED = (Role.APP, Role.BALANCER, Role.DATABASE)
# Short visits, so that a drained node empties.
LOAD = {"users": 3, "think_time": "20%", "actions": {"inbox": 5, "read": 5, "write": 1, "log out": 2}}
# What the pauses of `rolling-upgrade` may last: the site's address moves, and the database.
PAUSES = {"https": 15, "sql-write": 30}
# Seldom: what is looked for are pauses of seconds, and emulated guests pay for each write.
INTERVALS = {"https": 0.1, "sql-write": 0.2}
# What a user was asking for as a node went, or finds out with the next page.
SLACK_SECONDS = 5.0

Span = tuple[float, float]


@pytest.fixture
def rebuilt(cluster: Cluster) -> Iterator[str]:
    """The app nodes' image as a rebuild leaves it, alike but for its identity; the old one is back at the end."""
    client, tag = engine.client(), f"{cluster.settings.images}/app"
    old = client.images.get(tag)
    recipe = io.BytesIO(f"FROM {old.id}\nLABEL testbed.test.rebuilt={uuid.uuid4().hex}\n".encode())
    new, _ = client.images.build(fileobj=recipe, tag=tag, rm=True)
    try:
        yield str(new.id)
    finally:
        old.tag(tag)
        for each in cluster.fleet.machines(Role.APP):
            if isinstance(each, ContainerMachine) and each.image_id() == str(new.id):
                each.stop()
                each.recreate()
                cluster.machine(each.name).start()
        client.images.remove(str(new.id))


def test_every_node_in_turn_under_load(cluster: Cluster, rebuilt: str, echo: Echo) -> None:
    state = cluster.state()
    active, primary = str(state.active_balancer), str(state.primary_database)
    before = {each.name: each.started_at() for role in ROLLED for each in cluster.fleet.machines(role)}
    expect = {"max_outage": {probe: f"{limit}s" for probe, limit in PAUSES.items()}}
    with Run(cluster, "roll", plan=RunPlan("roll", {"expect": expect}, platform=cluster.platform)) as run:
        run.probe(INTERVALS, only=list(PAUSES))
        run.load(Load.model_validate(LOAD))
        run.steady()
        spans, output = rolled(cluster)

    order = ["app-1", "app-2", *spares_first("lb", active), *spares_first("db", primary)]
    assert list(spans) == order, output
    assert all(cluster.machine(name).started_at() > then for name, then in before.items())
    assert [rebuilt in images(cluster, role) for role in ROLLED] == [True, False, False]
    assert len(images(cluster, Role.APP)) == 1
    # The service moves once, to the standby that has been restarted already.
    state = cluster.state()
    assert (state.active_balancer, state.primary_database) == (order[2], order[4])
    assert copy_verification.verify(cluster).equal
    # No acknowledged write is lost, no session leaves a node that is there, no pause is too long.
    wrong = [each for each in run.verdicts() if each.status is not Status.PASS]
    assert not wrong, wrong
    busy = [spans[node] for node in order[:2] if f"{node} still has users" in output]
    noticed = [spans[active], spans[primary], *busy]
    requests = run.journal().of(RequestSample)
    lost = [each for each in requests if each.outcome is not Outcome.OK and each.cause != "unfinished"]
    assert not [each for each in lost if not within(each.started, each.finished, noticed)]
    for probe in PAUSES:
        for window in outage_of(run.journal(), probe).windows:
            assert within(window.first_bad, window.last_bad, noticed[:2]) or not window.proven, (probe, window)
    took = ", ".join(f"{name} {end - begun:.1f} s" for name, (begun, end) in spans.items())
    echo(f"{took}; {len(requests)} requests, {len(lost)} not answered well, all as what served them went")


def within(begun: float, ended: float, spans: Iterable[Span]) -> bool:
    """Whether all of it lies in one of them; what is under way as one ends has some seconds more."""
    return any(first <= ended and begun <= last + SLACK_SECONDS for first, last in spans)


def rolled(cluster: Cluster) -> tuple[dict[str, Span], str]:
    """Roll all nodes; from when to when each was rolled, and the output."""
    begun: dict[str, float] = {}
    spans: dict[str, Span] = {}
    output = ""
    command = [str(TESTBED), "roll"]
    with subprocess.Popen(command, cwd=cluster.settings.root, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            output += line
            if found := re.match(r"  ([…✓]) (\S+): (restarting|replacing)", line):
                if found[1] == "…":
                    begun[found[2]] = time.monotonic()
                else:
                    spans[found[2]] = (begun[found[2]], time.monotonic())
    assert process.returncode == 0, output
    return spans, output


def spares_first(kind: str, serving: str) -> list[str]:
    return [*({f"{kind}1", f"{kind}2"} - {serving}), serving]


def images(cluster: Cluster, role: Role) -> frozenset[str]:
    return frozenset(each.image_id() for each in cluster.fleet.machines(role) if isinstance(each, ContainerMachine))
