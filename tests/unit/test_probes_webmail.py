"""The webmail probe against the recorded answers of a webmail."""

from __future__ import annotations

import asyncio

import pytest
from probing import samples_of
from test_load_client import INBOX_POST, LOGIN_POST, Webmail, answers, site
from test_load_pages import ENDED, FATAL, INBOX

from testbed.journal import Outcome, ProbeSample
from testbed.probes.horde.client import HordeClient
from testbed.probes.webmail import WebmailProbe

__all__ = ["answers", "site"]


def probe(site: str) -> WebmailProbe:
    return WebmailProbe(lambda record: HordeClient(site, "user60", "x", ca_file="", record=record, timeout=(1, 0.5)))


def visits(site: str, *given: object) -> list[ProbeSample]:
    """One visit after the other, the inbox answering as it is given."""

    async def go() -> list[ProbeSample]:
        visitor = probe(site)
        samples = []
        for inbox in given:
            Webmail.answers[INBOX_POST] = inbox  # type: ignore[assignment]
            samples += await samples_of(visitor)
        await visitor.close()
        return samples

    return asyncio.run(go())


@pytest.mark.usefixtures("answers")
def test_a_session_is_kept(site: str) -> None:
    first, second = visits(site, INBOX, INBOX)
    assert [(sample.probe, sample.outcome, sample.detail) for sample in (first, second)] == [
        ("webmail", Outcome.OK, "")
    ] * 2
    assert second.attrs == {"balancer": "lb1", "app": "app-2"}
    Webmail.answers[LOGIN_POST] = 500
    assert [sample.outcome for sample in visits(site, INBOX)] == [Outcome.FAILED]


@pytest.mark.usefixtures("answers")
def test_a_lost_session_is_a_failure_and_the_next_visit_logs_in(site: str) -> None:
    _, lost, again = visits(site, INBOX, ENDED, INBOX)
    assert (lost.outcome, lost.detail) == (Outcome.FAILED, "session-lost")
    assert lost.attrs == {"balancer": "lb1", "app": "app-2"}
    assert again.outcome is Outcome.OK


@pytest.mark.usefixtures("answers")
def test_pages_that_are_not_good_keep_the_session(site: str) -> None:
    samples = visits(site, INBOX, FATAL, 503, 2.0, '{"tasks": {"imp:viewport": [{"data": 5}]}}', INBOX)
    assert [(sample.outcome, sample.detail.partition(":")[0]) for sample in samples] == [
        (Outcome.OK, ""),
        (Outcome.FAILED, "fatal-error"),
        (Outcome.FAILED, "http-503"),
        (Outcome.UNKNOWN, "timeout"),
        (Outcome.FAILED, "wrong-content"),
        (Outcome.OK, ""),
    ]
    assert samples[3].attrs == {}


@pytest.mark.usefixtures("answers")
def test_a_login_that_fails_is_tried_again(site: str) -> None:
    Webmail.answers[LOGIN_POST] = 502
    [failed] = visits(site, INBOX)
    assert (failed.outcome, failed.detail) == (Outcome.UNKNOWN, "http-502: Bad Gateway")
    Webmail.answers[LOGIN_POST] = "/horde/services/portal/"
    assert [sample.outcome for sample in visits(site, INBOX)] == [Outcome.OK]


@pytest.mark.usefixtures("answers")
def test_a_slow_page_delays_no_other(site: str) -> None:
    async def go() -> list[ProbeSample]:
        visitor = probe(site)
        Webmail.answers[INBOX_POST] = INBOX
        await samples_of(visitor)
        Webmail.answers[INBOX_POST] = 0.4
        samples = await samples_of(visitor, 5, 0.02)
        await visitor.close()
        return samples

    samples = asyncio.run(go())
    assert max(sample.started for sample in samples) - min(sample.started for sample in samples) < 0.3
