"""Bring any cluster whose nodes exist back to health, or name the decision about data that a person must make.

What heals by itself is waited for. What does not change any more gets one remedy after the other, from the mildest to a
power cycle, each with its time to work. Two things never heal by themselves and are done at once: nodes that are off
or frozen are switched on, and nodes that lack a Docker network are connected.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from math import inf

from testbed.cluster.cluster import Cluster
from testbed.cluster.health import NOT_SERVING, complaints
from testbed.cluster.remedies import apply, next_remedy
from testbed.cluster.state import ClusterState
from testbed.cluster.unrecorded_faults import TROUBLE, power_on
from testbed.deferred import Deferred
from testbed.designs.design_registry import design_of
from testbed.designs.remedy import BOOT_SECONDS, CONNECT_NETWORKS, Remedy
from testbed.machines import Power
from testbed.machines.machine import last_log_line
from testbed.progress import PrintLine
from testbed.wait import FinalError, wait_until

# How often the state is looked at; a look takes a tenth to half of a second, also of nodes that boot.
POLL_SECONDS = 0.5
# How often a balancer tries the members that wait for a request.
TRY_SECONDS = 1.0
# Complaints that have not changed for so long do not go away by themselves.
PATIENCE_SECONDS = 30.0
# An emulated OpenBSD's kernel and rc(8) take minutes.
OPENBSD_SECONDS = 600.0
# The state of the cluster was unknown for so long: to wait longer is of no use.
UNANSWERED_SECONDS = 60.0
# A resynchronisation delays remedies for so long beyond the deadline, because a power cycle would interrupt it.
RESYNC_SECONDS = 600.0
# How often a node that goes off again is switched on.
STARTS = 2

MayTry = Callable[[str, str], bool]
"""Called with a balancer and an app node before testbed has that balancer try that node again."""


def always(_balancer: str, _node: str) -> bool:
    """Return true: no run is active that a request of testbed's own could distort."""
    return True


class SplitBrainError(FinalError):
    """Both database nodes were written to, and replication does not choose between them.

    Args:
        replication: what keeps them apart.
    """

    def __init__(self, replication: str) -> None:
        super().__init__(
            f"split brain: both database nodes were written to, and {replication} keeps them apart",
            fix="`testbed resolve split-brain` keeps one side's data, and a copy of the other's (docs/split-brain.md)",
        )


class Recovery:
    """One attempt to bring a cluster back to health.

    Args:
        cluster: the cluster; no fault is on record.
        deadline: seconds for a cluster that becomes healthy by itself; each remedy has its own time besides.
        print_line: called with each remedy, in one line.
        may_try: called before a balancer tries an app node again.
    """

    def __init__(self, cluster: Cluster, deadline: float, print_line: PrintLine, may_try: MayTry) -> None:
        self._cluster = cluster
        self._design = design_of(cluster.topology)
        self._print_line = print_line
        self._may_try = may_try
        self._taken: list[Remedy] = []
        self._starts: dict[str, int] = {}
        self._wrong: list[str] = []
        # Booting takes as long as the caller gives it.
        self._boot = max(deadline, BOOT_SECONDS)
        now = time.monotonic()
        self._end = now + deadline
        self._latest_end = self._end + RESYNC_SECONDS
        self._act_after = now + PATIENCE_SECONDS
        self._try_after = now
        self._unanswered_since: float | None = None
        self._recording = Deferred()

    def run(self) -> None:
        """Return when the cluster is healthy.

        Raises:
            SplitBrainError: both copies of the database have data of their own.
            FinalError: every remedy was taken; the message names what is wrong.
            Exception: the cluster is healthy, and ``report`` or ``may_try`` raised this.
        """
        wait_until(self._healthy, inf, "a healthy cluster", interval=POLL_SECONDS)
        self._recording.raise_first()

    def _healthy(self) -> bool:
        state = self._observed()
        if state is None:
            return False
        wrong = complaints(state, self._cluster.topology)
        if not wrong:
            return True
        if state.split_brain:
            raise SplitBrainError(self._design.replication)
        self._switch_on(state)
        now = time.monotonic()
        if now >= self._try_after:
            self._try_after = now + TRY_SECONDS
            with suppress(*TROUBLE):  # tried again in a second; a remedy is taken all the same
                try_members(self._cluster, state, self._tries)
            now = time.monotonic()
        synchronising = any(each.synchronising for each in state.databases)
        if wrong != self._wrong or synchronising:
            self._wrong = wrong
            self._act_after = max(self._act_after, now + self._patience())
            if synchronising or self._silent():
                self._end = max(self._end, min(self._act_after, self._latest_end))
        if self._must_connect(state) or now >= min(self._act_after, self._end):
            self._act(state)
        return False

    def _must_connect(self, state: ClusterState) -> bool:
        """Whether a node lacks a network and may be restarted now, after the nodes that this remedy restarts."""
        silent = self._silent()
        connected = [each.node for each in self._taken if each.action == CONNECT_NETWORKS]
        booting = any(name in silent for name in connected if name not in state.missing_networks)
        return not booting and any(name not in connected for name in state.missing_networks)

    def _observed(self) -> ClusterState | None:
        """The state of the cluster; None when it is unknown now.

        Raises:
            FinalError: nothing but errors came for a minute, as without an engine.
        """
        try:
            state = self._cluster.state()
        except TROUBLE as error:
            now = time.monotonic()
            if self._unanswered_since is None:
                self._unanswered_since = now
            if now - self._unanswered_since < UNANSWERED_SECONDS:
                return None
            what = f"the state of the cluster is unknown: each attempt failed for {UNANSWERED_SECONDS:g} s: {error}"
            raise FinalError(what, fix="`testbed doctor` checks the engine") from None
        self._unanswered_since = None
        return state

    def _silent(self) -> list[str]:
        """The nodes that do not answer; they may be booting."""
        return [text.removesuffix(" does not answer") for text in self._wrong if text.endswith(" does not answer")]

    def _patience(self) -> float:
        """How long what is wrong may last."""
        silent = self._silent()
        slow = any(self._cluster.machine(name).node.keys.platform == "openbsd" for name in silent)
        # An application of the user's may start as slowly as a node.
        booting = silent or any(NOT_SERVING in text for text in self._wrong)
        return OPENBSD_SECONDS if slow else self._boot if booting else PATIENCE_SECONDS

    def _switch_on(self, state: ClusterState) -> None:
        """Thaw and start nodes at once: nothing else can be done for them."""
        without = {name: power for name, power in state.power.items() if power is not Power.ON}
        for name, power in without.items():
            self._starts[name] = self._starts.get(name, 0) + 1
            if self._starts[name] > STARTS:
                what = "stays frozen" if power is Power.FROZEN else "went off"
                raise FinalError(f"{name} {what}: {self._last_line(name)}", fix=f"`testbed logs {name}` shows more")
        if without:
            with suppress(*TROUBLE):  # the state shows what is still off
                for line in power_on(self._cluster):
                    self._record(line)
            self._allow(self._boot)

    def _last_line(self, name: str) -> str:
        """The last line of a node's log."""
        try:
            return last_log_line(self._cluster.machine(name))
        except TROUBLE as error:
            return f"its log cannot be read ({error})"

    def _act(self, state: ClusterState) -> None:
        """Take the next remedy, and give it time."""
        remedy = next_remedy(self._design, state, self._wrong, self._taken)
        if remedy is None:
            raise self._hopeless(state)
        self._taken.append(remedy)
        self._record(f"{'; '.join(self._wrong)}: {remedy}")
        slow = self._cluster.machine(remedy.node).node.keys.platform == "openbsd"
        try:
            apply(self._cluster, remedy)
        finally:
            self._allow(OPENBSD_SECONDS if slow else remedy.action.seconds)

    def _record(self, line: str) -> None:
        """Report what is done; a failed report, as on a full disk, does not prevent it."""
        try:
            self._print_line(line)
        except Exception as error:  # noqa: BLE001 - whatever it is, the remedy is taken
            self._recording.note(error)

    def _tries(self, balancer: str, node: str) -> bool:
        """Whether a balancer may try a node; an error of ``may_try`` forbids nothing."""
        try:
            return self._may_try(balancer, node)
        except Exception as error:  # noqa: BLE001 - it only records
            self._recording.note(error)
            return True

    def _allow(self, seconds: float) -> None:
        self._act_after = time.monotonic() + seconds
        self._end = max(self._end, self._act_after)
        self._latest_end = max(self._latest_end, self._end + self._boot)

    def _hopeless(self, state: ClusterState) -> FinalError:
        if what := self._design.decision(state.databases):
            return FinalError(what)
        return FinalError(
            f"the cluster does not become healthy: {'; '.join(self._wrong)}",
            fix="`testbed logs NODE` shows what a node wrote; `testbed down` and `testbed up` make a new cluster "
            "without its data",
        )


def recover(cluster: Cluster, deadline: float, print_line: PrintLine, may_try: MayTry = always) -> None:
    """Bring a cluster back to health, without discarding data.

    Args:
        cluster: the cluster; what is on record is healed.
        deadline: seconds for a cluster that becomes healthy by itself; each remedy has its own time besides.
        print_line: called with each remedy, in one line.
        may_try: called before a balancer tries an app node again.

    Raises:
        SplitBrainError: both copies of the database have data of their own.
        FinalError: no remedy helped; the message names what is wrong, or the decision that is a person's.
    """
    Recovery(cluster, deadline, print_line, may_try).run()


def try_members(cluster: Cluster, state: ClusterState, may_try: MayTry) -> None:
    """Have members in error tried again whose nodes are alive: without a request a balancer never would.

    Those that fail a health check wait for the next one, which no request replaces.
    """
    alive = {(each.node, application) for each in state.apps for application in each.applications}
    for balancer in state.balancers:
        for member in balancer.members:
            waits = not member.usable and not member.fails_health_check and (member.name, member.application) in alive
            if waits and may_try(balancer.node, member.name):
                cluster.machine(balancer.node).exec(["try-member", member.name, member.pool])
