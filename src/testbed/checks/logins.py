"""Could people log in?"""

from __future__ import annotations

from collections.abc import Iterable

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.standstills import Standstill
from testbed.checks.stickiness import LOG_IN
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Outcome, RequestSample
from testbed.probes.known_probes import journal_probes


class LoginsCheck(Check):
    """No more logins fail than the incident allows.

    A login is several exchanges. An exchange that fails ends the login. A good exchange that is not the last one (a
    redirect, half a login) carries a cause.
    """

    name = "logins"
    passes_if = "no more logins failed than may fail"
    unknown_if = "no user logged in, or the load ended too early"
    asked_by = ("max_failed_logins",)

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
        most = run.expect.max_failed_logins
        if most is None:
            return None
        builder = VerdictBuilder()
        requests = [request for request in run.journal.of(RequestSample) if request.action == LOG_IN]
        watched = [request for request in requests if run.begin <= request.started <= run.end]
        # The probes that run where the users do.
        site = [name for name, probe in journal_probes(run.journal).items() if probe.runs_on == "client"]
        stops = [stop for probe in site for stop in run.standstills.get(probe, ())]
        bad = [request for request in watched if request.outcome is not Outcome.OK]
        failed = [request for request in bad if not _under_way(request, stops)]
        good = sum(request.outcome is Outcome.OK and not request.cause for request in watched)
        for request in failed:
            text = f"{request.user} could not log in ({request.outcome}: {request.cause}), session {request.session}"
            (builder.fail if len(failed) > most else builder.note)(text, request.finished, request.app)
        if len(bad) > most >= len(failed):
            builder.doubt(f"{len(bad) - len(failed)} logins failed while the clients themselves stood still")
        if not watched:
            builder.doubt("no user logged in under observation, so nothing is proved")
        if why := run.ended_programs.get("load"):
            builder.doubt(f"the load ended before the run did ({why}): more logins may have failed")
        if not run.complete:
            builder.doubt("the run did not come to its end: more logins may have failed")
        summary = f"{good} logins succeeded and {len(failed)} failed under observation; at most {most} may fail"
        return builder.verdict(self.name, summary)


def _under_way(request: RequestSample, stops: Iterable[Standstill]) -> bool:
    return any(request.started < stop.end and stop.begin < request.finished for stop in stops)
