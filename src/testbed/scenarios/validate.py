"""Whether an incident fits the cluster it is to be played on: its nodes, faults, networks, overlays and alarms."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from testbed import faults
from testbed.checks.expectations import Asked
from testbed.errors import UsageError
from testbed.faults import OptionError, Target
from testbed.faults.options import OnNetworks
from testbed.probes.catalogue import PROBES
from testbed.scenarios import measured, order
from testbed.scenarios.model import Scenario, Step
from testbed.topology import Role, Topology
from testbed.units import written
from testbed.yaml_source import Problem, nearest

# While these are in force, the machine's system does not run: nothing else can be done to it.
DARK = ("power-loss", "shutdown", "freeze")
HAVE_PEERS = (Role.BALANCER, Role.DATABASE)


def problems(
    scenario: Scenario,
    topology: Topology | None = None,
    scale: Mapping[str, int] | None = None,
    patterns: Collection[str] | None = None,
    overlays: Collection[str] | None = None,
) -> Iterator[Problem]:
    """All that is wrong with an incident whose file is well-formed.

    Args:
        scenario: the incident.
        topology: the cluster; without one, only the incident's own order is looked at.
        scale: machines of each scaled service, where they differ from the topology's and the incident does not say.
        patterns: the names of the log patterns that raise alarms; None: any name goes.
        overlays: the names of the Compose overlays there are; None: any name goes.
    """
    yield from order.problems(scenario)
    yield from measured.problems(scenario)
    for path, expect in (("expect",), scenario.expect), (("expect", "hardened"), scenario.expect.hardened):
        yield from _resolution(scenario, expect, path)
        for number, name in enumerate(expect.alarms):
            if patterns is not None and name not in patterns:
                mend = nearest(name, patterns, "the patterns are")
                yield Problem((*path, "alarms", number), f"nothing looks for {name!r} in the logs", mend)
    for number, name in enumerate(scenario.cluster.overlays):
        if overlays is not None and name not in overlays:
            mend = nearest(name, overlays, "there are")
            yield Problem(("cluster", "overlays", number), f"no overlay {name!r}", mend)
    if topology is not None:
        if scenario.site not in topology.sites:
            what = f"there is no site {scenario.site!r} in this cluster"
            yield Problem(("site",), what, f"add it: cluster: {{overlays: [{scenario.site}]}}")
        yield from _scale(scenario, topology)
        yield from _timeline(scenario, topology, {**(scale or {}), **scenario.cluster.scale})


def _resolution(scenario: Scenario, expect: Asked, path: tuple[str, ...]) -> Iterator[Problem]:
    """A probe cannot tell an outage that is shorter than the time between two of its samples."""
    usual = {name: spec.interval for name, spec in PROBES.items()}
    limits = [
        (key, *each)
        for key, block in (("outage", expect.outage), ("return", expect.returning))
        for each in block.items()
    ]
    for key, probe, limit in limits:
        interval = scenario.probes.get(probe, usual[probe])
        if 0 < limit < interval:
            what = f"{probe} is sent each {written(interval)}: it cannot measure {written(limit)}"
            yield Problem((*path, key, probe), what, f"write at least {written(interval)}, or 0s for none")


def _scale(scenario: Scenario, topology: Topology) -> Iterator[Problem]:
    scalable = [node.name for node in topology.nodes.values() if node.scalable]
    for service in scenario.cluster.scale:
        if service not in scalable:
            mend = nearest(service, scalable, "what can is")
            yield Problem(("cluster", "scale", service), f"{service!r} cannot be scaled", mend, at_key=True)


def _timeline(scenario: Scenario, topology: Topology, scale: Mapping[str, int]) -> Iterator[Problem]:
    """Each fault exists, is told what it needs, and falls on a node that can suffer it then."""
    targets: dict[int, Target] = {}
    for number, step in enumerate(scenario.timeline):
        if step.fault is None or step.target is None:
            continue
        path = ("timeline", number)
        if step.fault not in faults.ACTIONS:
            mend = nearest(step.fault, faults.FAULTS, "the faults are")
            yield Problem((*path, "fault"), f"no fault {step.fault!r}", mend)
            continue
        try:
            targets[number] = faults.parse_target(step.target, topology, scale)
        except UsageError as error:
            yield Problem((*path, "target"), error.what, error.mend)
            continue
        yield from _fault(step, targets[number], path)
    yield from _dark(scenario, targets)
    yield from _takeovers(scenario, targets)


def _fault(step: Step, target: Target, path: tuple[str, int]) -> Iterator[Problem]:
    """What one fault is told, and whether every node that it may fall on can suffer it."""
    fault = faults.ACTIONS[step.fault or ""]
    try:
        options = faults.parse_options(fault.name, step.options)
    except OptionError as error:
        given = error.option in step.options
        unknown = given and error.option not in fault.Options.model_fields
        yield Problem((*path, "options", error.option) if given else (*path, "fault"), error.what, error.mend, unknown)
        return
    for node in target.nodes:
        name = target.name or node.name
        if isinstance(options, OnNetworks) and (mistake := options.stranger(node, name)):
            yield Problem((*path, "options", "network"), mistake.what, mistake.mend)
            return
        if reason := fault.unsuitable(node, options):
            what = f"{fault.name} is impossible on {name}: {reason}"
            yield Problem((*path, "target"), what, "docs/faults.md tells which machines can suffer it")
            return


def _dark(scenario: Scenario, targets: dict[int, Target]) -> Iterator[Problem]:
    """No fault falls on a node that is off by then, as far as nodes are named; and nothing is healthy with one off."""
    dark: dict[int, Target] = {}
    for number, step in enumerate(scenario.timeline):
        path = ("timeline", number)
        if step.heal is not None:
            names = {since: scenario.timeline[since].name for since in dark}
            dark = {since: dark[since] for since in dark if step.heal not in (order.ALL, names[since])}
        elif step.when in ("healthy", "verified") and dark:
            since, target = next(iter(dark.items()))
            what = f"{step.when} cannot come: {target.text} is off or frozen since step {since + 1}"
            yield Problem((*path, "when"), what, "heal it first")
        elif target_now := targets.get(number):
            for since, target in dark.items():
                if target.name and target.name == target_now.name:
                    what = f"{target.name} is off or frozen since step {since + 1}"
                    yield Problem((*path, "target"), what, "heal it first, or choose another node")
            if step.fault in DARK:
                dark[number] = target_now


def _takeovers(scenario: Scenario, targets: dict[int, Target]) -> Iterator[Problem]:
    """Only balancers and databases have a peer that takes over."""
    last: Target | None = None
    for number, step in enumerate(scenario.timeline):
        last = targets.get(number, last)
        if step.when == "taken-over" and last and all(node.role not in HAVE_PEERS for node in last.nodes):
            what = f"taken-over cannot come: {last.text} has no peer that could take over"
            yield Problem(("timeline", number, "when"), what, "wait for served or everyone-served")
