"""Was there no service where there must be none, rather than lost data?"""

from __future__ import annotations

from bisect import bisect_right
from math import inf

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder


class NoServiceCheck(Check):
    """The named probes get no good answer from the last fault to the first heal after it."""

    name = "no-service"
    passes_if = "no good answer came from the last fault to the first heal after it"
    unknown_if = "nothing was probed in between, or the probe ended before the heal"
    asked_by = ("no_service_until_heal",)

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
        builder = VerdictBuilder()
        struck = [fault for fault in run.breakages if fault.injected is not None]
        if not struck:
            builder.doubt("no fault was injected")
            return builder.verdict(self.name)
        begin = max(fault.injected or -inf for fault in struck)
        heals = [fault.heal for fault in run.breakages if fault.heal is not None and fault.heal > begin]
        end = min(heals, default=inf)
        for probe in run.expect.no_service_until_heal:
            _judge_probe(run, builder, probe, begin, end)
        return builder.verdict(self.name)


def _judge_probe(run: RecordedRun, builder: VerdictBuilder, probe: str, begin: float, end: float) -> None:
    series = run.journal.probes.get(probe)
    if series is None:
        builder.doubt(f"{probe} was not probed")
        return
    # In the order in which they were due; none can have started before.
    first = bisect_right(series.scheduled, begin)
    sent = [place for place in range(first, len(series)) if begin < series.started[place] < end]
    good = [place for place in sent if series.outcomes[place] == 0 and series.finished[place] < end]
    if not sent:
        builder.doubt(f"{probe} was not probed between the fault and its healing")
    elif any(stop.end == inf and stop.begin < end for stop in run.standstills.get(probe, ())) and not good:
        builder.doubt(f"{probe} was not probed up to the heal")
    elif good:
        builder.fail(
            f"{probe} had {len(good)} good answers, although no service was expected", series.finished[good[0]]
        )
    else:
        builder.note(f"{probe} had no good answer to {len(sent)} probes after the last fault", begin)
