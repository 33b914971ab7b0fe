"""Bring any cluster whose machines exist back to health, or say which decision about data is a person's.

What heals by itself is waited for. What does not change any more gets one remedy after the other, from the mildest to a
power cycle, each with its time to work. A cluster that is off or frozen is switched on first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

from testbed.cluster import remedies
from testbed.cluster.cluster import Cluster
from testbed.cluster.health import complaints
from testbed.cluster.remedies import Remedy, apply, decision, next_remedy
from testbed.cluster.state import ClusterState
from testbed.cluster.unrecorded import restore_power
from testbed.errors import TestbedError
from testbed.machines import Power
from testbed.wait import wait_until

# Complaints that have not changed for so long do not go away by themselves.
PATIENCE_SECONDS = 30.0
# An emulated OpenBSD's kernel and rc(8) take minutes.
OPENBSD_SECONDS = 600.0
# How often a machine that goes off again is switched on.
STARTS = 2

Say = Callable[[str], None]
MayTry = Callable[[str, str], bool]
"""Asked with a balancer and an app node before testbed has that balancer try that node again."""


def always(_balancer: str, _node: str) -> bool:
    """Return true: no run is on that a request of testbed's own could distort."""
    return True


class SplitBrainError(TestbedError):
    """Both database machines were written to, and DRBD does not choose between them."""

    def __init__(self) -> None:
        super().__init__(
            "split brain: both database machines were written to, and DRBD keeps them apart",
            mend="`testbed resolve split-brain` keeps one side's data, and a copy of the other's (docs/split-brain.md)",
        )


class Recovery:
    """One attempt to bring a cluster back to health.

    Args:
        cluster: the cluster; no fault is on record.
        deadline: seconds for a cluster that becomes healthy by itself; each remedy has its own time besides.
        say: called with each remedy, in one line.
        may_try: asked before a balancer tries an app node again.
    """

    def __init__(self, cluster: Cluster, deadline: float, say: Say, may_try: MayTry) -> None:
        self._cluster = cluster
        self._say = say
        self._may_try = may_try
        self._taken: list[Remedy] = []
        self._starts: dict[str, int] = {}
        self._wrong: list[str] = []
        self._end = time.monotonic() + deadline
        self._act_after = time.monotonic() + PATIENCE_SECONDS

    def run(self) -> None:
        """Return when the cluster is healthy.

        Raises:
            SplitBrainError: both copies of the database have data of their own.
            TestbedError: every remedy was taken; the message names what is wrong.
        """
        try:
            wait_until(self._healthy, inf, "a healthy cluster", interval=1.0)
        except _GivenUp as given_up:
            raise given_up.error from None

    def _healthy(self) -> bool:
        state = self._cluster.state()
        wrong = complaints(state, self._cluster.topology)
        if not wrong:
            return True
        if state.split_brain:
            raise _GivenUp(SplitBrainError())
        self._switch_on(state)
        try_members(self._cluster, state, self._may_try)
        now = time.monotonic()
        if wrong != self._wrong or any(each.synchronising for each in state.databases):
            self._wrong = wrong
            self._act_after = max(self._act_after, now + self._patience())
        if now >= min(self._act_after, self._end):
            self._act(state)
        return False

    def _patience(self) -> float:
        """How long what is wrong may last: a machine that does not answer may be booting."""
        silent = [text.removesuffix(" does not answer") for text in self._wrong if text.endswith(" does not answer")]
        slow = any(self._cluster.machine(name).node.keys.platform == "openbsd" for name in silent)
        return OPENBSD_SECONDS if slow else remedies.BOOT_SECONDS if silent else PATIENCE_SECONDS

    def _switch_on(self, state: ClusterState) -> None:
        """Thaw and start machines at once: nothing else can be done for them."""
        for name in (name for name, power in state.power.items() if power is not Power.ON):
            self._starts[name] = self._starts.get(name, 0) + 1
            if self._starts[name] > STARTS:
                last = list(self._cluster.machine(name).logs(tail=1))
                text = last[0].text if last else "it wrote nothing"
                raise _GivenUp(TestbedError(f"{name} went off: {text}", mend=f"`testbed logs {name}` shows more"))
        if any(power is not Power.ON for power in state.power.values()):
            for line in restore_power(self._cluster):
                self._say(line)
            self._allow(remedies.BOOT_SECONDS)

    def _act(self, state: ClusterState) -> None:
        """Take the next remedy, and give it time."""
        remedy = next_remedy(state, self._wrong, self._taken)
        if remedy is None:
            raise _GivenUp(self._hopeless(state))
        self._taken.append(remedy)
        self._say(f"{'; '.join(self._wrong)}: {remedy}")
        apply(self._cluster, remedy)
        slow = self._cluster.machine(remedy.node).node.keys.platform == "openbsd"
        self._allow(OPENBSD_SECONDS if slow else remedy.seconds)

    def _allow(self, seconds: float) -> None:
        self._act_after = time.monotonic() + seconds
        self._end = max(self._end, self._act_after)

    def _hopeless(self, state: ClusterState) -> TestbedError:
        if what := decision(state):
            return TestbedError(what)
        return TestbedError(
            f"the cluster does not become healthy: {'; '.join(self._wrong)}",
            mend="`testbed logs NODE` shows what a node wrote; `testbed down` and `testbed up` make a new cluster "
            "without its data",
        )


class _GivenUp(Exception):
    """Waiting is of no use any more."""

    def __init__(self, error: TestbedError) -> None:
        super().__init__(str(error))
        self.error = error


def recover(cluster: Cluster, deadline: float, say: Say, may_try: MayTry = always) -> None:
    """Bring a cluster back to health, without discarding data.

    Args:
        cluster: the cluster; what is on record is healed.
        deadline: seconds for a cluster that becomes healthy by itself; each remedy has its own time besides.
        say: called with each remedy, in one line.
        may_try: asked before a balancer tries an app node again.

    Raises:
        SplitBrainError: both copies of the database have data of their own.
        TestbedError: no remedy helped; the message names what is wrong, or the decision that is a person's.
    """
    Recovery(cluster, deadline, say, may_try).run()


def try_members(cluster: Cluster, state: ClusterState, may_try: MayTry) -> None:
    """Have members in error tried again whose nodes are alive: without a request Apache never would."""
    alive = {(each.node, application) for each in state.apps for application in each.applications}
    for balancer in state.balancers:
        for member in balancer.members:
            broken = not member.usable and (member.name, member.application) in alive
            if broken and may_try(balancer.node, member.name):
                cluster.machine(balancer.node).exec(["try-member", member.name, member.pool])
