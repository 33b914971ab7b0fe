"""How soon after the last heal was the cluster healthy again?"""

from __future__ import annotations

from math import inf

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.states import spans_with_value
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Aspect, Mark
from testbed.units import format_duration

# A member that comes back so soon after testbed had it tried came back by that: its state is read every second.
HELPED_SECONDS = 3.0


class RecoveryCheck(Check):
    """After the last heal, replication and every member of the pools are healthy within the limit, and stay so."""

    name = "recovery"
    passes_if = "replication and the members were healthy soon after the last heal, and stayed so"
    unknown_if = "nothing was healed, or testbed itself had the serving balancer try a member"
    asked_by = ("max_recovery",)

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
        limit = run.expect.max_recovery
        if limit is None:
            return None
        builder = VerdictBuilder()
        heals = [fault.heal for fault in run.faults if fault.heal is not None]
        if not heals:
            builder.doubt("nothing was healed")
            return builder.verdict(self.name)
        healed = max(heals)
        healthy, broken = _state(run)
        for text in broken:
            (builder.fail if run.complete else builder.doubt)(f"not healthy at the end: {text}")
        if not healthy:
            builder.doubt(f"no state of {run.design.replication} or of a balancer's members is known")
        struck = min(fault.begins for fault in run.faults)
        _judge_helped(run, builder, healed)
        for at, text in sorted((each for each in healthy if each[0] > struck), reverse=True)[:3]:
            add = builder.fail if at - healed > limit else builder.note
            add(f"{text}, {_since(at - healed)}", at)
        if not run.complete:
            builder.doubt("the run did not come to its end: it may have broken again")
        if builder.wrong or builder.doubtful:
            return builder.verdict(self.name)
        since = _since(max(at for at, _ in healthy) - healed)
        return builder.verdict(self.name, f"healthy {since}; {format_duration(limit)} after it allowed")


def _judge_helped(run: RecordedRun, builder: VerdictBuilder, healed: float) -> None:
    """Members that came back by a request of testbed's own: how soon they would have by themselves is unknown.

    A balancer tries a member in error again when a request comes. One that does not hold the site's address gets none
    but testbed's: its members could not come back otherwise, and no user would see that.
    """
    addresses = spans_with_value(run.lines, Aspect.SITE_ADDRESS, "held")
    for (node, aspect), spans in run.lines.items():
        last = spans[-1] if spans else None
        member = aspect.removeprefix(f"{Aspect.MEMBER}:")
        if last is None or member == aspect or last.value != "ok" or last.start <= healed:
            continue
        tries = [
            each.at
            for each in run.journal.of(Mark)
            if each.name == "member-tried" and each.node == node and each.attrs.get("member") == member
        ]
        if not any(last.start - HELPED_SECONDS <= at <= last.start + last.error for at in tries):
            continue
        serving = any(span.at(last.start) for span in addresses.get(node, ()))
        text = f"{node}: {member} came back by a request of testbed's own"
        if serving:
            builder.doubt(f"{text}, while {node} held the site's address", last.start, node)
        else:
            builder.note(f"{text}: {node} got no others", last.start, node)


def _since(seconds: float) -> str:
    """How long after the last heal; some faults end by themselves, and there is nothing left to be healed."""
    return f"{seconds:.1f} s after the last heal" if seconds > 0 else "already at the last heal"


def _state(run: RecordedRun) -> tuple[list[tuple[float, str]], list[str]]:
    """Return since when each healthy part is healthy, and the parts that are not."""
    healthy: list[tuple[float, str]] = []
    broken: list[str] = []
    # What each part must be in, of every node that has it.
    wanted_of: dict[str, str] = {**run.design.recorded.healthy, Aspect.MEMBER: "ok"}
    for (node, aspect), spans in run.lines.items():
        wanted = wanted_of.get(aspect.partition(":")[0])
        if wanted is None or not spans:
            continue
        last = spans[-1]
        if last.end == inf and last.value == wanted:
            healthy.append((last.start, f"{node}: {aspect} {wanted}"))
        else:
            broken.append(f"{node}: {aspect} {last.value if last.end == inf else 'gone'}")
    return healthy, broken
