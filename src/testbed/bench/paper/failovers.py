"""The paper's failover experiments: an active node is disconnected, logically or physically."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from testbed.bench.paper.paper_model import Expectation, PaperClaim
from testbed.bench.session.subject import Measure, Options, Take
from testbed.checks import outage_of
from testbed.checks.run_stages import observation_period
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.incidents.cluster_loader import load_for_cluster
from testbed.incidents.incident_model import Incident
from testbed.incidents.runner import play_repeats
from testbed.journal import read
from testbed.progress import PrintLine

# "Within a few seconds", as a number.
FEW_SECONDS = 5.0
# The incident that is played, the fault instead of its own, and the probe whose outage is the figure.
KINDS: Mapping[str, tuple[str, str, str]] = {
    "balancer, logical (interface down)": ("balancer-cable-pull", "network-down", "https"),
    "balancer, physical (cable pulled)": ("balancer-cable-pull", "cable-pull", "https"),
    "database, logical (interfaces down)": ("database-cable-pull", "network-down", "sql-write"),
    "database, physical (cables pulled)": ("database-cable-pull", "cable-pull", "sql-write"),
}
SLOW = "UCARP waits three seconds, and PostgreSQL starts on an emulated processor"


class Failovers(PaperClaim):
    """Failovers by logical and by physical disconnection."""

    key = "failovers"
    title = "Failover by disconnection"
    method = (
        "Under the load of webmail users, the active balancer's public interface or all interfaces of the primary "
        "database are taken down inside the node (logical), or their cables are pulled (physical). The figure is the "
        "longest outage that a probe sees from outside: HTTPS requests for the balancer, INSERT for the database."
    )
    variants = tuple(KINDS)
    measures = (Measure("outage", "outage", "s"),)
    expectations = tuple(
        Expectation(f"service resumes within a few seconds: {kind}", "outage", kind, at_most=FEW_SECONDS, reason=SLOW)
        for kind in KINDS
    )

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> Iterator[Take]:
        """Nothing has to be prepared."""
        del print_line
        yield lambda variant: _outage(cluster, variant, options.users)


def _outage(cluster: Cluster, variant: str, users: int) -> dict[str, float]:
    name, fault, probe = KINDS[variant]
    incident = disconnection(load_for_cluster(name, cluster.settings), fault, users)
    [result] = play_repeats(cluster, incident, repeat=1)
    journal = read(result.folder / "journal.jsonl")
    begin, end = observation_period(journal)
    worst = outage_of(journal, probe, begin=begin, end=end).longest
    if worst is None:
        raise TestbedError(f"the probe {probe} saw no outage, so nothing was measured", where=str(result.folder))
    return {"outage": worst.seconds}


def disconnection(incident: Incident, fault: str, users: int) -> Incident:
    """An incident with another fault instead of the one that it injects.

    Args:
        incident: it injects one fault.
        fault: the fault instead.
        users: of its load.
    """
    steps = [step.model_copy(update={"inject": fault}) if step.inject else step for step in incident.steps]
    load = incident.load.model_copy(update={"users": users})
    return incident.model_copy(update={"name": f"bench-{fault}", "steps": steps, "load": load})
