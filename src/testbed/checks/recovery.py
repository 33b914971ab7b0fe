"""How soon after the last heal was the cluster whole again?"""

from __future__ import annotations

from math import inf

from testbed.checks.case import Case, Findings
from testbed.checks.states import held
from testbed.checks.verdict import Verdict
from testbed.journal import Aspect, Mark
from testbed.units import format_duration

# What each part must be in, of every node that has it.
WHOLE = {Aspect.DRBD_CONNECTION: "Connected", Aspect.DRBD_DISK: "UpToDate", Aspect.MEMBER: "ok"}

# A member that comes back so soon after testbed had it tried came back by that: its state is read every second.
HELPED_SECONDS = 3.0


def judge_recovery(case: Case) -> Verdict | None:
    """After the last heal, DRBD and every member of the pools are healthy within the limit, and stay so."""
    ceiling = case.expect.max_recovery
    if ceiling is None:
        return None
    findings = Findings()
    heals = [fault.heal for fault in case.faults if fault.heal is not None]
    if not heals:
        findings.doubt("nothing was healed")
        return findings.verdict("recovery")
    healed = max(heals)
    whole, broken = _state(case)
    for text in broken:
        (findings.fail if case.complete else findings.doubt)(f"not whole at the end: {text}")
    if not whole:
        findings.doubt("no state of DRBD or of a balancer's members is known")
    struck = min(fault.begins for fault in case.faults)
    _judge_helped(case, findings, healed)
    for at, text in sorted((each for each in whole if each[0] > struck), reverse=True)[:3]:
        tell = findings.fail if at - healed > ceiling else findings.note
        tell(f"{text}, {_since(at - healed)}", at)
    if not case.complete:
        findings.doubt("the run did not come to its end: it may have broken again")
    if findings.wrong or findings.doubtful:
        return findings.verdict("recovery")
    told = _since(max(at for at, _ in whole) - healed)
    return findings.verdict("recovery", f"whole {told}; {format_duration(ceiling)} after it allowed")


def _judge_helped(case: Case, findings: Findings, healed: float) -> None:
    """Members that came back by a request of testbed's own: how soon they would have by themselves is unknown.

    A balancer tries a member in error again when a request comes (mod_proxy, ``retry``). One that does not hold the
    site's address gets none but testbed's: its members could not come back otherwise, and no user would see that.
    """
    addresses = held(case.lines, Aspect.SITE_ADDRESS, "held")
    for (node, aspect), spans in case.lines.items():
        last = spans[-1] if spans else None
        member = aspect.removeprefix(f"{Aspect.MEMBER}:")
        if last is None or member == aspect or last.value != "ok" or last.start <= healed:
            continue
        tries = [
            each.at
            for each in case.journal.of(Mark)
            if each.name == "member-tried" and each.node == node and each.attrs.get("member") == member
        ]
        if not any(last.start - HELPED_SECONDS <= at <= last.start + last.error for at in tries):
            continue
        serving = any(span.at(last.start) for span in addresses.get(node, ()))
        text = f"{node}: {member} came back by a request of testbed's own"
        if serving:
            findings.doubt(f"{text}, while {node} held the site's address", last.start, node)
        else:
            findings.note(f"{text}: {node} got no others", last.start, node)


def _since(seconds: float) -> str:
    """How long after the last heal; some faults end by themselves, and there is nothing left to be healed."""
    return f"{seconds:.1f} s after the last heal" if seconds > 0 else "already at the last heal"


def _state(case: Case) -> tuple[list[tuple[float, str]], list[str]]:
    """Since when each part is as it must be, and those that are not."""
    whole: list[tuple[float, str]] = []
    broken: list[str] = []
    for (node, aspect), spans in case.lines.items():
        wanted = WHOLE.get(Aspect(aspect.partition(":")[0])) if aspect.partition(":")[0] in WHOLE else None
        if wanted is None or not spans:
            continue
        last = spans[-1]
        if last.end == inf and last.value == wanted:
            whole.append((last.start, f"{node}: {aspect} {wanted}"))
        else:
            broken.append(f"{node}: {aspect} {last.value if last.end == inf else 'gone'}")
    return whole, broken
