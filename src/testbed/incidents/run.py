"""One run: a journal, a recorder, probes, a load, faults and waits, in one folder.

with Run(cluster, "db-power-loss") as run:
    run.probe()
    run.load(Load(users=6))
    run.steady()
    run.inject("power-loss", "db:primary")
    run.wait("service", stable_for=2)
    run.heal()
run.verdicts()
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from random import Random
from types import TracebackType
from typing import Any, Self

from docker.errors import DockerException

from testbed import faults, recorder
from testbed.checks import Verdict, first_format, judge
from testbed.cluster import Cluster, cluster_recovery, copy_verification, lifecycle
from testbed.cluster.cluster_recovery import SplitBrainError
from testbed.cluster.lock import Use, hold
from testbed.deferred import Deferred
from testbed.designs.design_registry import design_of
from testbed.errors import TestbedError, UsageError
from testbed.faults import LedgerEntry
from testbed.incidents.conditions import CONDITIONS, ConditionInput
from testbed.incidents.incident_model import LIMIT_SECONDS, Load
from testbed.incidents.live_state import LiveState
from testbed.incidents.locust_command import CLUSTER, copy_locustfile, locust_command, site_url
from testbed.incidents.task import Task, end_strays
from testbed.journal import Aspect, Journal, Mark, RunPlan, Writer, read
from testbed.machines import Machine, Power
from testbed.probes.known_probes import known_probes
from testbed.probes.read_back_status import UNREADABLE
from testbed.probes.sql import SqlWriteProbe
from testbed.recorder import Recorder
from testbed.topology import Role
from testbed.topology.declared_probes import as_data
from testbed.wait import WaitTimeout, elapse, wait_until

POLL_SECONDS = 0.25
# The nodes on which probes and load run.
MEASURING = (Role.CLIENT, Role.OBSERVER)
SETTLE_SECONDS = 90
SETTLE_AGAIN_SECONDS = 20
# What the probes' program reads of the declared probes, in the run's folder.
DECLARED_FILE = "declared-probes.json"


class MeasurementLostError(TestbedError):
    """Probes or a load ended before the run did: their checks are unknown, and the others have their verdicts."""


class Run:
    """An experiment on the running cluster; its folder holds all that is known of it.

    It holds the cluster from its beginning to its end, so that no other process changes what it measures.

    Args:
        cluster: a healthy cluster.
        name: what the run is called.
        plan: the steps and expectations, kept in the journal; by default nothing is expected.
        scan: find out at the end what can be reached from `public`.
        keep: leave the cluster as it is at the end, broken or not.
        site: where users and the site's probes go: the cluster, or the single server beside it.
        healthy_within: seconds within which the cluster must become healthy at the end.
        collect: copy the nodes' logs into the folder at the end.
    """

    def __init__(
        self, cluster: Cluster, name: str, *, plan: RunPlan | None = None, scan: bool = False, keep: bool = False,
        site: str = CLUSTER, healthy_within: float = lifecycle.HEALTHY_SECONDS, collect: bool = True,
    ) -> None:  # fmt: skip
        self.cluster = cluster
        self.name = name
        # The single server has no application of the user's.
        declared = as_data(cluster.topology.probes) if site == CLUSTER else {}
        own = cluster.topology.read_backs() if site == CLUSTER else {}
        plan = plan or RunPlan(name, {}, seed=2006, platform=cluster.platform)
        self.plan = replace(plan, probes=declared, read_back=own)
        self._probes = known_probes(declared)
        self.chance = Random(f"{self.plan.seed}/{self.plan.repeat}")  # noqa: S311 - choices, no secrets
        self._scan = scan
        self._url = site_url(cluster.topology, site)
        self._keep = keep
        self._healthy_within = healthy_within
        self._collect = collect
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        number = f"-{self.plan.repeat}" if self.plan.repeats > 1 else ""
        self.folder = cluster.settings.state_dir / "runs" / f"{stamp}-{name}{number}"
        self._inside = f"/runs/{self.folder.name}"
        self._probers: list[Task] = []
        self._loads: list[Task] = []
        self._probing: list[str] = []
        self._users = 0
        self._named: dict[str, LedgerEntry] = {}
        self._drained: dict[str, LedgerEntry] = {}
        self._held = ExitStack()
        self._recording = ExitStack()
        # Errors of marks about what is done to the cluster: it is done all the same, and the run breaks at its end.
        self._unmarked = Deferred()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(hold(self.cluster.settings, Use.EXCLUSIVE))
            self._begin()
            self._held = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._held:
            self._end(error)

    def _begin(self) -> None:
        self.folder.mkdir(parents=True)
        path = self.folder / "journal.jsonl"
        self.writer = Writer(path, "host", run=self.folder.name)
        self.writer.write(self.plan)
        self.mark("run-begins")
        self.live = LiveState(path, design_of(self.cluster.topology))
        self._recorder = Recorder(self.cluster, self.writer)
        try:
            for role in MEASURING:
                end_strays(self._machine(role))
            self._before = recorder.survey_leftovers(self.cluster)
            self._recording.enter_context(self._recorder)
        except BaseException:
            self.writer.close()
            raise

    def _end(self, error: BaseException | None) -> None:
        reason = first_line(error) if error else ""
        try:
            self._wind_up(unbroken=error is None, hurry=isinstance(error, KeyboardInterrupt))
        except MeasurementLostError:  # the journal has it, and the run did not break
            if error is None:
                raise
        except (TestbedError, DockerException) as trouble:
            reason = reason or first_line(trouble)
            if error is None:
                raise
        except BaseException as trouble:  # Ctrl-C above all: a run that was not wound up is incomplete
            reason = reason or first_line(trouble)
            raise
        finally:
            with suppress(TestbedError, DockerException, OSError):
                self._recording.close()
            reason = reason or self._recorder.first_error
            if self._collect:
                with suppress(TestbedError, DockerException, OSError):
                    recorder.collect_artifacts(self.cluster, self.folder)
            try:
                self.mark("run-ends", error=reason)
            finally:
                self.writer.close()

    # --- what a run is made of -------------------------------------------------------------------------

    def mark(self, name: str, **attrs: str) -> None:
        """Write a stage of the run down."""
        self.writer.write(Mark(name, attrs=attrs))

    def probe(self, intervals: Mapping[str, float] | None = None, only: Sequence[str] = ()) -> None:
        """Start probes.

        Args:
            intervals: seconds between two samples of a probe, where it differs from usual.
            only: the probes; by default all.

        Raises:
            UsageError: there is no such probe.
        """
        known = self._probes
        chosen = {name: spec.interval for name, spec in known.items() if not only or name in only}
        for name in [*only, *(intervals or {})]:
            if name not in known:
                raise UsageError(f"no probe {name!r}", fix=f"the probes are {', '.join(known)}")
        chosen |= {name: interval for name, interval in (intervals or {}).items() if name in chosen}
        (self.folder / DECLARED_FILE).write_text(json.dumps(self.plan.probes))
        for role in {Role(known[name].runs_on) for name in chosen}:
            mine = [f"{name}={interval * 1000:g}ms" for name, interval in chosen.items() if known[name].runs_on == role]
            command = ["python3", "-m", "testbed.probes", "--journal", f"{self._inside}/journal.jsonl"]
            command += ["--declared", f"{self._inside}/{DECLARED_FILE}"]
            command += ["--site", self._url.removeprefix("https://"), "--seconds", str(LIMIT_SECONDS), *mine]
            names = " ".join(name for name in chosen if known[name].runs_on == role)
            log = f"{self._inside}/probes-{role.value}.log"
            self._probers.append(Task.start(self._machine(role), command, log, measures=names))
        self._probing += chosen

    def load(self, load: Load) -> None:
        """Start users: the webmail's, or those of a Locust file.

        Args:
            load: how many, how fast, what they do.

        Raises:
            UsageError: the Locust file does not exist.
        """
        self._users = load.users
        if not load.users:
            return
        own = f"{self._inside}/{copy_locustfile(load.locustfile, self.folder)}" if load.locustfile else ""
        command = locust_command(load, self.plan.seed, LIMIT_SECONDS, self._url, own)
        journal = {"TESTBED_JOURNAL": f"{self._inside}/journal.jsonl"}
        log = f"{self._inside}/load.log"
        self._loads.append(Task.start(self._machine(Role.CLIENT), command, log, journal, measures="load"))

    def steady(self, stable_for: float = 2.0, timeout: float = 90.0) -> None:
        """Wait until every user has a session and every probe is answered, and mark it.

        Args:
            stable_for: for how many seconds without interruption.
            timeout: seconds after which to give up.
        """
        wait_until(
            lambda: self._ask("service", stable_for, self._probing) and len(self.live.sessions) >= self._users,
            timeout, "a steady state", hint=f"see {self.folder}", interval=POLL_SECONDS, describe=self._seen,
            fatal=lambda: "; ".join(self.ended_programs()),
        )  # fmt: skip
        self.mark("steady")

    def inject(self, fault: str, target: str, options: Mapping[str, Any] | None = None, name: str = "") -> LedgerEntry:
        """Inject a fault.

        Args:
            fault: its name.
            target: where: a node, or a role and its state such as ``db:primary``.
            options: the options of the fault.
            name: what ``heal`` shall know it by, besides the node's name.
        """
        entry = self._inject(fault, target, options)
        self._named[name or entry.key] = entry
        self._recorder.sync(entry.node)
        return entry

    def _inject(self, fault: str, target: str, options: Mapping[str, Any] | None = None) -> LedgerEntry:
        self.live.update()
        return faults.inject(
            self.cluster.fleet, self.cluster.ledger, fault, target, options or {},
            rng=self.chance, state=self.live.roles(self.cluster.topology), on_step=self.writer.write,
        )  # fmt: skip

    def resign(self, target: str) -> LedgerEntry:
        """Have a balancer or a database node hand its virtual address over to its peer; nothing stays in force."""
        self.live.update()
        return faults.resign(
            self.cluster.fleet, self.cluster.ledger, target,
            rng=self.chance, state=self.live.roles(self.cluster.topology), on_step=self.writer.write,
        )  # fmt: skip

    def drain(self, target: str) -> LedgerEntry:
        """Give an app node no new sessions, until ``undrain`` or the run's end.

        Args:
            target: an app node, or ``app:any``.
        """
        entry = self._inject("drain", target)
        self._drained[target] = entry
        return entry

    def undrain(self, target: str) -> None:
        """Give an app node new sessions again.

        Args:
            target: as it was drained.

        Raises:
            UsageError: it is not drained.
        """
        if target not in self._drained:
            drained = ", ".join(self._drained) or "none"
            raise UsageError(f"{target!r} is not drained", fix=f"drained: {drained}")
        faults.heal(self.cluster.fleet, self.cluster.ledger, self._drained.pop(target), on_step=self.writer.write)

    def heal(self, name: str = "all") -> None:
        """Heal a fault by its name, or all; all nodes that were drained get new sessions again then, too."""
        if name == "all":
            faults.heal_all(self.cluster.fleet, self.cluster.ledger, on_step=self.writer.write)
            self._named.clear()
            self._drained.clear()
        elif entry := self._named.pop(name, None):
            faults.heal(self.cluster.fleet, self.cluster.ledger, entry, on_step=self.writer.write)
        else:
            raise UsageError(f"no fault {name!r} is in force", fix=f"in force: {', '.join(self._named) or 'none'}")

    def wait(
        self, condition: str, *, stable_for: float = 1.0, timeout: float = 60.0, probes: Sequence[str] = ()
    ) -> None:
        """Wait for a condition.

        Args:
            condition: its name (``docs/incidents.md`` lists them).
            stable_for: seconds it must hold.
            timeout: seconds after which to give up.
            probes: the probes it is about; by default all that run.

        Raises:
            WaitTimeout: the condition did not hold in time; the message has the last state seen.
        """
        if condition == "healthy":
            try:
                lifecycle.wait_healthy(self.cluster, timeout, self._may_try)
            except TestbedError as error:  # a split brain, or a node that is off: waiting longer is useless
                raise WaitTimeout(error.what, where=error.where, fix=error.fix) from None
            return
        if condition == "copies-verified":
            self._verify_copies(timeout)
            return
        if condition in first_format.CONDITIONS:
            what = f"the condition {condition!r} was renamed"
            raise UsageError(what, fix=f"write {first_format.CONDITIONS[condition]!r}")
        if condition not in CONDITIONS:
            known = f"there are healthy, copies-verified, {', '.join(CONDITIONS)}"
            raise UsageError(f"no condition {condition!r}", fix=known)
        wait_until(
            lambda: self._ask(condition, stable_for, probes or self._probing), timeout, f"{condition!r}",
            hint=f"see {self.folder} and `testbed status`", interval=POLL_SECONDS, describe=self.live.describe,
            fatal=self._measuring_node_off,
        )  # fmt: skip

    def elapse(self, seconds: float) -> None:
        """Let time pass under load."""
        elapse(seconds)

    # --- what is known afterwards ----------------------------------------------------------------------

    def journal(self) -> Journal:
        """What was recorded so far."""
        return read(self.folder / "journal.jsonl")

    def verdicts(self) -> list[Verdict]:
        """Return the verdicts of all checks."""
        return judge(self.journal())

    def _ask(self, condition: str, stable_for: float, probes: Sequence[str]) -> bool:
        self.live.update()
        of_apps = condition == "sessions-on-all-app-nodes"
        apps = [machine.name for machine in self.cluster.fleet.machines(Role.APP)] if of_apps else []
        return CONDITIONS[condition](
            ConditionInput(self.live, probes, self._users, apps, self.live.changed_at), stable_for
        )

    def _verify_copies(self, within: float) -> None:
        """Have the primary compare both copies as it does each day."""
        try:
            found = copy_verification.verify_as_daily(self.cluster, within)
        except TestbedError as error:
            raise WaitTimeout(error.what, where=error.where, fix=error.fix) from None
        if found:
            self.mark("copies-verified", differing_kib=str(found.differing_kib), repaired_kib=str(found.repaired_kib))

    def _machine(self, role: Role) -> Machine:
        [machine] = self.cluster.fleet.machines(role)
        return machine

    def _seen(self) -> str:
        """Return the state of a run that does not become steady, and the last output of programs that have ended."""
        silent = self._loads and not self.live.served
        hint = ["no request of the load is in the journal (a Locust file calls record_requests)"] if silent else []
        return "; ".join([*self.ended_programs(), *hint, self.live.describe()])

    def ended_programs(self) -> list[str]:
        """Return the loads and probes that have ended by themselves, each with the last line of its output."""
        return [reason for task in (*self._loads, *self._probers) if (reason := task.ended())]

    def _measuring_node_off(self) -> str:
        """Return which node of probes or load is off, as the journal has it: to ask the nodes would cost time."""
        nodes = {task.node for task in (*self._loads, *self._probers)}
        off = sorted(nodes & self.live.holders(Aspect.POWER, Power.OFF.value))
        return f"{off[0]} went off" if off else ""

    def _drop_ended(self) -> list[str]:
        """Record the loads and probes that have ended by themselves, and return why each has."""
        reasons = []
        for tasks in (self._loads, self._probers):
            for task in list(tasks):
                reason = ""
                with suppress(TestbedError):  # if its node does not answer, stopping the program reports why
                    reason = task.ended()
                if reason:
                    self.writer.write(Mark("program-ended", task.node, {"measures": task.measures, "reason": reason}))
                    tasks.remove(task)
                    reasons.append(reason)
        return reasons

    def _start_measuring_nodes(self) -> None:
        """Start the nodes of probes and load that are off; they only measure, so that does not repair the cluster."""
        for role in MEASURING:
            if (machine := self._machine(role)).power() is Power.OFF:
                machine.start()

    def _wind_up(self, *, unbroken: bool, hurry: bool) -> None:
        """End load and probes, heal, and make the cluster healthy; an error in one step does not skip the others.

        A full disk takes no journal line, a program may not end, Ctrl-C may be pressed twice: the faults are healed all
        the same, and the first error is raised at the end.
        """
        later = Deferred()
        ended: list[str] = []
        with later:
            self.mark("timeline-done")
        # Check for crashed probes before stopping them: missing samples would look like success.
        with later:
            ended = self._drop_ended()
        with later:
            self._stop()
        if self._scan and unbroken and not ended and later.first is None:
            with later:
                recorder.scan(self.cluster, self.writer)
        if self._keep:
            with later:
                self.mark("kept")
            with suppress(TestbedError):
                self._settle(10)
            with suppress(TestbedError):
                self._settle_applications(10)
        else:
            healing = Deferred()
            with healing:
                faults.heal_all(self.cluster.fleet, self.cluster.ledger, on_step=self.writer.write)
            if isinstance(healing.first, KeyboardInterrupt):
                later.note(healing.first)
            if not hurry and not isinstance(later.first, KeyboardInterrupt):  # Ctrl-C: healed, but not waited for
                with later:
                    self._start_measuring_nodes()
                with later:
                    self._make_healthy(unbroken=unbroken and later.first is None)
            # A fault that a stuck cluster kept from being healed is healed by now.
            if healing.first and (
                not isinstance(healing.first, TestbedError) or self.cluster.ledger.readable_entries()
            ):
                later.note(healing.first)
        if ended:
            what = f"{ended[0]} before the run ended: what was not measured is unknown"
            later.note(MeasurementLostError(what, where=str(self.folder), fix="the logs are in that folder"))
        later.note(self._unmarked.first)
        later.raise_first()

    def _stop(self) -> None:
        """End the load before the probes, so that the last requests are still probed; an error stops the others, too.

        Raises:
            TestbedError: one does not end; the others have.
        """
        later = Deferred()
        for stage, tasks in (("load-ends", self._loads), ("probes-end", self._probers)):
            while tasks:
                with later:
                    tasks.pop().stop()
            with later:
                self.mark(stage)
        later.raise_first()

    def _make_healthy(self, *, unbroken: bool) -> None:
        hopeless = self._recover()
        settled = True
        if SqlWriteProbe.name in self._probing:
            # A broken run is wound up, too. Its own error is reported, not the errors that follow from it.
            with suppress(*(() if unbroken else (TestbedError,))):
                settled = self._settle(SETTLE_SECONDS)
        with suppress(*(() if unbroken else (TestbedError,))):
            self._settle_applications(SETTLE_SECONDS)
        try:
            if hopeless:
                raise hopeless
            # What a split brain lost has been read back by now: one side may be dropped.
            if discarded := lifecycle.make_healthy(self.cluster, self._healthy_within, self._mark_try, self._repaired):
                self.mark("split-brain-resolved", discarded=discarded)
        except TestbedError as error:
            if settled:
                raise
            # A database that has lost its data is the finding; that the cluster is not healthy follows from it.
            self.mark("not-healthy", reason=error.what)
        if not settled:  # it may only have been slow
            self._settle(SETTLE_AGAIN_SECONDS)
        recorder.record_leftovers(self.cluster, self.writer, self._before)

    def _recover(self) -> TestbedError | None:
        """Bring the cluster back to health before the writes are read back, without discarding data.

        Returns:
            Why it does not become healthy; nothing for a split brain, which is resolved after the writes are read back.
        """
        try:
            cluster_recovery.recover(self.cluster, self._healthy_within, self._repaired, self._mark_try)
        except SplitBrainError:
            return None
        except TestbedError as trouble:
            return trouble
        return None

    def _repaired(self, what: str) -> None:
        """Write down what had to be done by hand: the cluster did not become healthy by itself."""
        with self._unmarked:
            self.mark("repaired", what=what)

    def _may_try(self, balancer: str, node: str) -> bool:
        """Whether testbed may have a balancer try an app node while the run measures.

        A balancer that serves users or probes tries it by their requests, and how soon is to be measured. One that
        gets no requests never would.
        """
        self.live.update()
        serves = balancer in self.live.holders(Aspect.SITE_ADDRESS, "held")
        asked = self._users > 0 or any(self._probes[name].reaches_app_nodes for name in self._probing)
        return not (serves and asked) and self._mark_try(balancer, node)

    def _mark_try(self, balancer: str, node: str) -> bool:
        """Record that testbed itself is about to send a request through a balancer, to have it try an app node."""
        with self._unmarked:
            self.writer.write(Mark("member-tried", balancer, {"member": node}))
        return True

    def _settle(self, patience: float) -> bool:
        """Read the table of writes back.

        Returns:
            Whether it could be read. One that cannot is a finding about the database, which the journal holds.
        """
        command = ["python3", "-m", "testbed.probes.read_back", "--journal", f"{self._inside}/journal.jsonl"]
        command += ["--timeout", f"{patience:g}"]
        result = self._machine(Role.OBSERVER).exec(command, timeout=patience + 30)
        if result.status not in (0, UNREADABLE):
            raise TestbedError(f"the writes could not be read back: {result.stderr.strip()}", where=str(self.folder))
        return result.status == 0

    def _settle_applications(self, patience: float) -> None:
        """Read back the acknowledged work of each application that says where; what cannot be read is a finding."""
        for name, where in self.plan.read_back.items():
            [(how, what)] = where.items()
            command = ["python3", "-m", "testbed.probes.application_read_back", "--application", name, f"--{how}", what]
            command += ["--journal", f"{self._inside}/journal.jsonl", "--timeout", f"{patience:g}"]
            machine = self._machine(Role.CLIENT if how == "url" else Role.OBSERVER)
            result = machine.exec(command, timeout=patience + 60)
            if result.status not in (0, UNREADABLE):
                what = f"the work of {name} could not be read back: {result.stderr.strip()}"
                raise TestbedError(what, where=str(self.folder))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
