"""The work that users and declared probes gave an application, each piece with its token and outcome. Pure."""

from __future__ import annotations

from testbed.journal import Journal, Outcome, RequestSample

# Causes that prove that a request did not reach the application.
NOT_SENT = ("connect-timeout", "no-connection", "tls")


def attempted_work(journal: Journal, application: str) -> dict[str, Outcome]:
    """Return the tokens that an application was given, each with the outcome of its request.

    A request that failed after it was sent may have been done, so its outcome is unknown. Of a SQL query, the server
    itself said that it failed.

    Args:
        journal: of a run.
        application: its name in the topology.
    """
    found: dict[str, Outcome] = {}
    for request in journal.of(RequestSample):
        if request.token and request.application == application:
            unsure = request.outcome is Outcome.FAILED and request.cause not in NOT_SENT
            found[request.token] = Outcome.UNKNOWN if unsure else request.outcome
    for name, keys in (journal.plan.probes if journal.plan else {}).items():
        if keys.get("application") == application:
            found |= {sample.token: sample.outcome for sample in journal.probes.get(name, ()) if sample.token}
    return found


def applications_with_work(journal: Journal) -> set[str]:
    """Return the applications that users gave work with tokens."""
    return {request.application for request in journal.of(RequestSample) if request.token}
