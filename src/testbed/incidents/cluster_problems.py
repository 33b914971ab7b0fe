"""Whether an incident fits the cluster it is to be played on: its nodes, faults, networks, overlays and alarms."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from testbed import faults
from testbed.checks.expectations import Expect
from testbed.designs.layout_registry import PROFILES
from testbed.errors import UsageError
from testbed.faults import FaultTarget, OptionError
from testbed.faults.fault_options import OnNetworks
from testbed.incidents import expectation_problems, step_problems
from testbed.incidents.incident_model import ALL, Incident, Step
from testbed.probes.known_probes import Probes, known_probes
from testbed.topology import Role, Topology
from testbed.topology.declared_probes import as_data
from testbed.units import format_duration
from testbed.yaml_source import Problem, nearest

# The site of the incidents that do not name another one.
CLUSTER = "cluster"
HAVE_PEERS = (Role.BALANCER, Role.DATABASE)


def problems(
    incident: Incident,
    topology: Topology | None = None,
    scale: Mapping[str, int] | None = None,
    patterns: Collection[str] | None = None,
    overlays: Collection[str] | None = None,
) -> Iterator[Problem]:
    """All that is wrong with an incident whose file is well-formed.

    Args:
        incident: a valid incident file.
        topology: the cluster; without one, only the incident's own order is looked at.
        scale: nodes of each scaled service, where they differ from the topology and the incident does not set them.
        patterns: the names of the log patterns that raise alarms; None: any name goes.
        overlays: the names of the Compose overlays there are; None: any name goes.
    """
    yield from step_problems.problems(incident)
    yield from expectation_problems.problems(incident)
    blocks: list[tuple[tuple[str, ...], Expect]] = [(("expect",), incident.expect)]
    blocks += [(("profiles", name), incident.profiles[name]) for name in PROFILES]
    probes = known_probes(as_data(topology.probes) if topology and incident.site == CLUSTER else {})
    if topology is not None:
        yield from _unknown_probes(incident, blocks, probes)
    for path, expect in blocks:
        yield from _resolution(incident, expect, path, probes)
        for number, name in enumerate(expect.allow_alarms):
            if patterns is not None and name not in patterns:
                fix = nearest(name, patterns, "the patterns are")
                yield Problem((*path, "allow_alarms", number), f"nothing looks for {name!r} in the logs", fix)
    for number, name in enumerate(incident.cluster.overlays):
        if overlays is not None and name not in overlays:
            fix = nearest(name, overlays, "there are")
            yield Problem(("cluster", "overlays", number), f"no overlay {name!r}", fix)
    if topology is not None:
        if incident.site not in topology.sites:
            what = f"there is no site {incident.site!r} in this cluster"
            yield Problem(("site",), what, f"add it: cluster: {{overlays: [{incident.site}]}}")
        yield from _scale(incident, topology)
        yield from _steps(incident, topology, {**(scale or {}), **incident.cluster.scale})


def _unknown_probes(
    incident: Incident, blocks: Sequence[tuple[tuple[str, ...], Expect]], probes: Probes
) -> Iterator[Problem]:
    """Yield the probes that are neither built in nor declared."""
    named: list[tuple[tuple[str | int, ...], str]] = [
        (("probe_intervals", name), name) for name in incident.probe_intervals
    ]
    named += [
        (("steps", number, "probes", place), name)
        for number, step in enumerate(incident.steps)
        for place, name in enumerate(step.probes)
    ]
    for path, expect in blocks:
        for key in ("max_outage", "max_outage_after_heal"):
            named += [((*path, key, name), name) for name in getattr(expect, key)]
        for key in ("must_notice", "no_service_until_heal"):
            named += [((*path, key, place), name) for place, name in enumerate(getattr(expect, key))]
    for place, name in named:
        if name not in probes:
            at_key = place[-1] == name
            yield Problem(place, f"no probe {name!r}", nearest(name, probes, "the probes are"), at_key)


def _resolution(incident: Incident, expect: Expect, path: tuple[str, ...], probes: Probes) -> Iterator[Problem]:
    """Yield limits that are shorter than the time between two samples of the probe, which cannot measure them."""
    usual = {name: spec.interval for name, spec in probes.items()}
    limits = [
        (key, *each)
        for key, block in (("max_outage", expect.max_outage), ("max_outage_after_heal", expect.max_outage_after_heal))
        for each in block.items()
    ]
    for key, probe, limit in limits:
        interval = incident.probe_intervals.get(probe, usual.get(probe, 0.0))
        if 0 < limit < interval:
            what = f"{probe} is sent every {format_duration(interval)}: it cannot measure {format_duration(limit)}"
            yield Problem((*path, key, probe), what, f"write at least {format_duration(interval)}, or 0s for none")


def _scale(incident: Incident, topology: Topology) -> Iterator[Problem]:
    scalable = [node.name for node in topology.nodes.values() if node.scalable]
    for service in incident.cluster.scale:
        if service not in scalable:
            fix = nearest(service, scalable, "what can is")
            yield Problem(("cluster", "scale", service), f"{service!r} cannot be scaled", fix, at_key=True)


def _steps(incident: Incident, topology: Topology, scale: Mapping[str, int]) -> Iterator[Problem]:
    """Each fault exists, has the options that it needs, and falls on a node that can suffer it then."""
    targets: dict[int, FaultTarget] = {}
    for number, step in enumerate(incident.steps):
        if step.action is None or step.where is None:
            continue
        path = ("steps", number)
        if step.inject and step.inject not in faults.FAULTS:
            fix = nearest(step.inject, faults.FAULTS, "the faults are")
            yield Problem((*path, "inject"), f"no fault {step.inject!r}", fix)
            continue
        try:
            targets[number] = faults.parse_target(step.where, topology, scale)
        except UsageError as error:
            yield Problem((*path, _place(step)), error.what, error.fix)
            continue
        yield from _fault(step, targets[number], topology, path)
    yield from _dark(incident, targets)
    yield from _failovers(incident, targets)


def _place(step: Step) -> str:
    """The key of a step that names its target."""
    return "target" if step.inject else step.action or ""


def _fault(step: Step, target: FaultTarget, topology: Topology, path: tuple[str, int]) -> Iterator[Problem]:
    """The options of one fault or operation, and whether every node that it may fall on can suffer it."""
    fault = faults.ACTIONS[step.action or ""]
    try:
        options = faults.parse_options(fault.name, step.options)
    except OptionError as error:
        given = error.option in step.options
        unknown = given and error.option not in fault.Options.model_fields
        yield Problem((*path, "options", error.option) if given else (*path, "inject"), error.what, error.fix, unknown)
        return
    try:
        faults.require_of_design(fault, topology, target.text)
    except UsageError as error:
        yield Problem((*path, _place(step)), error.what, error.fix)
        return
    for node in target.nodes:
        name = target.name or node.name
        if isinstance(options, OnNetworks) and (mistake := options.unknown_network(node, name)):
            yield Problem((*path, "options", "network"), mistake.what, mistake.fix)
            return
        if reason := fault.why_unsuitable(node, options):
            what = f"{fault.name} is impossible on {name}: {reason}"
            yield Problem((*path, _place(step)), what, "docs/faults.md lists the nodes that can suffer it")
            return


def _dark(incident: Incident, targets: dict[int, FaultTarget]) -> Iterator[Problem]:
    """No fault falls on a node that is off by then, as far as nodes are named; and nothing is healthy with one off."""
    dark: dict[int, FaultTarget] = {}
    for number, step in enumerate(incident.steps):
        path = ("steps", number)
        if step.heal is not None:
            names = {since: incident.steps[since].id for since in dark}
            dark = {since: dark[since] for since in dark if step.heal not in (ALL, names[since])}
        elif step.wait_for in ("healthy", "copies-verified") and dark:
            since, target = next(iter(dark.items()))
            what = f"{step.wait_for} cannot come: {target.text} is off or frozen since step {since + 1}"
            yield Problem((*path, "wait_for"), what, "heal it first")
        elif target_now := targets.get(number):
            for since, target in dark.items():
                if target.name and target.name == target_now.name:
                    what = f"{target.name} is off or frozen since step {since + 1}"
                    yield Problem((*path, _place(step)), what, "heal it first, or choose another node")
            if step.inject and faults.FAULTS[step.inject].stops_node:
                dark[number] = target_now


def _failovers(incident: Incident, targets: dict[int, FaultTarget]) -> Iterator[Problem]:
    """Only balancers and databases have a peer that takes over."""
    last: FaultTarget | None = None
    for number, step in enumerate(incident.steps):
        last = targets.get(number, last)
        if step.wait_for == "failed-over" and last and all(node.role not in HAVE_PEERS for node in last.nodes):
            what = f"failed-over cannot come: {last.text} has no peer that could take over"
            yield Problem(("steps", number, "wait_for"), what, "wait for service or all-users-served")
