"""Plays an incident: its steps one after the other, then the checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from testbed import report
from testbed.checks import Status, Verdict, overall_status
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.lock import Use, hold
from testbed.cluster.shape import ADDING, Shape
from testbed.designs.layout_registry import DEFAULT_PROFILE, PROFILES
from testbed.errors import TestbedError, UsageError
from testbed.faults import LedgerEntry, heal_all
from testbed.images import build_images
from testbed.incidents.incident_model import TIMEOUT_SECONDS, Incident, Step
from testbed.incidents.incident_text import describe_step
from testbed.incidents.run import MeasurementLostError, Run
from testbed.journal import RunPlan
from testbed.progress import PrintLine, Progress
from testbed.wait import FinalError, WaitTimeout

OnBegin = Callable[[Path], None]
BeforeStep = Callable[[int, Step], None]


def _silent(*_: object) -> None:
    """Print nothing."""


@dataclass(frozen=True, slots=True)
class IncidentResult:
    """The result of a run of an incident.

    Attributes:
        folder: of the run.
        verdicts: one for each check.
    """

    folder: Path
    verdicts: tuple[Verdict, ...]

    @property
    def status(self) -> Status:
        """The verdict over all."""
        return overall_status(list(self.verdicts))


def play_repeats(
    cluster: Cluster,
    incident: Incident,
    *,
    seed: int | None = None,
    repeat: int | None = None,
    keep: bool = False,
    on_begin: OnBegin = _silent,
    print_line: PrintLine = _silent,
    before_step: BeforeStep = _silent,
) -> Iterator[IncidentResult]:
    """Play an incident on the running cluster, as often as it is to be repeated.

    Args:
        cluster: the cluster; brought into the incident's shape, and healthy, before each run.
        incident: the load, steps and expectations.
        seed: of the random choices, by default the file's.
        repeat: how many times, by default the file's.
        keep: leave the cluster as it is after the last step.
        on_begin: called with the folder of each run when it begins.
        print_line: called with a line for each step.
        before_step: called before each step, with its number from 1.

    Yields:
        Each run's result, when it is judged.

    Raises:
        UsageError: the cluster has not the shape that the incident needs and cannot get it, or another process holds
            the cluster; nothing has been changed.
        TestbedError: testbed could not do its work; the run's folder holds what there is.
    """
    with in_shape(cluster, incident, keep=keep) as shaped:
        repeats = repeat or incident.repeat
        series = series_name(incident)
        for number in range(1, repeats + 1):
            plan = plan_repeat(shaped, incident, seed, number, repeats, series)
            yield play_once(
                shaped, incident, plan, keep=keep, on_begin=on_begin, print_line=print_line, before_step=before_step
            )


def series_name(incident: Incident) -> str:
    """Return the name of a series of runs of an incident that begins now."""
    return time.strftime("%Y%m%d-%H%M%S-") + incident.name


def plan_repeat(
    cluster: Cluster, incident: Incident, seed: int | None, number: int, repeats: int, series: str
) -> RunPlan:
    """Return what one run of a series is to do; its random choices depend on the seed and the number alone."""
    return RunPlan(
        incident.name, incident.model_dump(mode="json"), incident.seed if seed is None else seed, number, repeats,
        series, cluster.platform,
    )  # fmt: skip


@contextmanager
def in_shape(cluster: Cluster, incident: Incident, *, keep: bool = False) -> Iterator[Cluster]:
    """Hold the cluster in the shape that an incident needs; at the end, sessions are kept where they were before.

    Args:
        cluster: the cluster.
        incident: it asks for a shape.
        keep: leave the sessions where the incident has them.

    Raises:
        UsageError: the cluster cannot get that shape, or another process holds it; nothing has been changed.
    """
    with hold(cluster.settings, Use.EXCLUSIVE):
        before = cluster.shape
        cluster = reshape_for_incident(cluster, incident)
        try:
            yield cluster
        finally:  # the next incident is played where the user keeps sessions
            if cluster.shape.sessions != before.sessions and not keep:
                reshape(cluster, replace(cluster.shape, sessions=before.sessions))


def play_once(
    cluster: Cluster,
    incident: Incident,
    plan: RunPlan,
    *,
    keep: bool = False,
    on_begin: OnBegin = _silent,
    print_line: PrintLine = _silent,
    before_step: BeforeStep = _silent,
) -> IncidentResult:
    """Play an incident once, and write its report, whatever comes of it.

    Args:
        cluster: in the incident's shape; it is made healthy first.
        incident: the load, steps and expectations.
        plan: of this run, for its journal.
        keep: leave the cluster as it is after the last step.
        on_begin: called with the run's folder when it begins.
        print_line: called with a line for each step.
        before_step: called before each step, with its number from 1.

    Raises:
        TestbedError: testbed could not do its work; the run's folder holds what there is, with a report.
    """
    with suppress(TestbedError):  # a fault that a stuck cluster keeps from being healed is healed by make_healthy
        heal_all(cluster.fleet, cluster.ledger)
    if discarded := lifecycle.make_healthy(cluster):
        print_line(f"split brain of an earlier run resolved: the data of {discarded} was dropped")
    run = Run(
        cluster,
        incident.name,
        plan=plan,
        scan=incident.expected(cluster.topology.profile).isolation,
        keep=keep,
        site=incident.site,
    )
    try:
        with run:
            print_line(f"run {run.folder}")
            on_begin(run.folder)
            _timeline(run, incident, print_line, before_step)
    except MeasurementLostError as lost:
        print_line(lost.what)
    except UsageError as error:
        # The run has begun, so this is not a usage error, which would mean that nothing was changed.
        raise TestbedError(error.what, where=error.where, fix=error.fix) from None
    finally:
        if (run.folder / "journal.jsonl").exists():
            report.write_report(run.folder)
    return IncidentResult(run.folder, tuple(run.verdicts()))


def _timeline(run: Run, incident: Incident, print_line: PrintLine, before_step: BeforeStep) -> None:
    begin = reach_steady_state(run, incident, print_line)
    for number, step in enumerate(incident.steps, 1):
        before_step(number, step)
        if not take_step(run, step, number, begin, print_line):
            return


def reach_steady_state(run: Run, incident: Incident, print_line: PrintLine) -> float:
    """Start probes and load, and return the monotonic time at which the steady state was reached."""
    run.probe({str(name): seconds for name, seconds in incident.probe_intervals.items()})
    run.load(incident.load)
    run.steady(incident.steady_state.stable_for, incident.steady_state.timeout)
    print_line("steady: every user has a session and every probe is answered")
    return time.monotonic()


def take_step(run: Run, step: Step, number: int, begin: float, print_line: PrintLine) -> bool:
    """Take one step of an incident.

    Args:
        run: the run, in its steady state.
        step: the step.
        number: its number, from 1.
        begin: the monotonic time of the steady state.
        print_line: called with a line for each step.

    Returns:
        Whether the next step may begin: false when a condition did not come, which is judged like the rest.
    """
    text = describe_step(step)
    run.mark("step", number=str(number), text=text)
    print_line(f"+{time.monotonic() - begin:6.1f} s  {text}")
    try:
        _take_action(run, step, print_line)
    except (WaitTimeout, FinalError) as late:
        # What did not come is a finding about the cluster, not an error of the run: it is judged. Without probes or
        # load, nothing could show that it came.
        lost: list[str] = []
        with suppress(TestbedError):
            lost = run.ended_programs()
        reason = lost[0] if lost else late.what
        run.mark("step-unmeasured" if lost else "step-failed", number=str(number), text=text, reason=reason)
        print_line(f"           {reason}")
        return False
    run.mark("step-done", number=str(number), text=text)
    return True


def _take_action(run: Run, step: Step, print_line: PrintLine) -> None:
    entry: LedgerEntry | None = None
    if step.inject and step.target:
        entry = run.inject(step.inject, step.target, step.options, step.id or "")
    elif step.drain:
        entry = run.drain(step.drain)
    elif step.resign:
        entry = run.resign(step.resign)
    elif step.undrain:
        run.undrain(step.undrain)
    elif step.heal:
        run.heal(step.heal)
    elif step.wait_for:
        timeout = step.timeout or TIMEOUT_SECONDS
        run.wait(step.wait_for, stable_for=step.stable_for or 1.0, timeout=timeout, probes=step.probes)
    else:
        run.elapse(step.sleep or 0.0)
    if entry and entry.node != step.where:
        print_line(f"           {step.where} is {entry.node}")


def reshape_for_incident(cluster: Cluster, incident: Incident) -> Cluster:
    """The cluster in the shape the incident needs: scaled, its sessions moved, the single server added if need be.

    Raises:
        UsageError: it needs overlays that the cluster was not brought up with, or another profile.
    """
    wanted = incident.cluster
    profile = cluster.topology.profile
    if wanted.profile not in (None, profile):
        flags = "" if wanted.profile == DEFAULT_PROFILE else f" --profile {wanted.profile}"
        raise UsageError(
            f"{incident.name} is played under the profile {wanted.profile}, and this cluster is {profile}",
            fix=f"run `testbed down` and `testbed up{flags}`",
        )
    if missing := [name for name in wanted.overlays if name not in cluster.shape.overlays and name not in ADDING]:
        flags = " ".join(_up_option(name) for name in wanted.overlays)
        raise UsageError(
            f"{incident.name} needs the overlay {', '.join(missing)}",
            fix=f"run `testbed down` and `testbed up {flags}`",
        )
    shape = cluster.shape.with_overlays(name for name in wanted.overlays if name in ADDING)
    if wanted.sessions:
        shape = replace(shape, sessions=wanted.sessions)
    if any(len(_machines(cluster, service)) != count for service, count in wanted.scale.items()):
        shape = shape.with_scale(wanted.scale)
    return cluster if shape == cluster.shape else reshape(cluster, shape)


def _up_option(overlay: str) -> str:
    """Return the option of ``testbed up`` that brings up a cluster with an overlay."""
    options = {"openbsd": "--balancer openbsd"} | {name: f"--profile {name}" for name in PROFILES}
    return options.get(overlay, f"--overlay {overlay}")


def reshape(cluster: Cluster, shape: Shape) -> Cluster:
    """Bring the cluster into another shape, and return it when it is healthy."""
    changed = Cluster(cluster.settings, shape)
    nodes = changed.topology.nodes
    if added := [nodes[name].image.rpartition("/")[2] for name in nodes.keys() - cluster.topology.nodes.keys()]:
        build_images(cluster.settings, changed.topology, Progress(Console(stderr=True)), names=added)
    lifecycle.start(changed)
    return changed


def _machines(cluster: Cluster, service: str) -> list[str]:
    return [machine.name for machine in cluster.fleet.machines() if machine.node.name == service]
