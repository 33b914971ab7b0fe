from __future__ import annotations

from typing import Any

from testbed.bench.verification import PlayedIncident, format_issue
from testbed.report.summary import CheckResult, OutageResult, PhaseResult, Summary

VERSIONS = {
    "testbed": {"version": "0.1.0", "commit": "abc1234"},
    "host": {"system": "Debian GNU/Linux 12", "kernel": "6.1.0", "processors": 2, "docker": "20.10.24"},
    "accel": "kvm",
    "qemu": "1:10.0",
}


def _outage(longest: float | None, count: int = 1) -> OutageResult:
    return OutageResult(
        count=count, longest=longest, total=longest, resolution=0.02, good=100, failed=count, unknown=0
    )  # fmt: skip


def _summary(**values: object) -> Summary:
    base: dict[str, Any] = {
        "run": "r", "name": "balancer-power-loss", "verdict": "pass", "started": 0.0, "duration": 20.0,
        "outages": {"tcp": _outage(2.51), "https": _outage(None), "webmail": _outage(0.0, 0)},
        "phases": [
            PhaseResult(resource="site", source="lb1", target="lb2", cause="power-loss", seconds={"first page": 3.1})
        ],
    }  # fmt: skip
    return Summary(**{**base, **values})


def test_the_page_has_a_row_for_each_incident() -> None:
    text = format_issue(
        "openbsd", VERSIONS, [("image", 400.4)], [PlayedIncident("balancer-power-loss", _summary(), "")], []
    )
    assert "1 of 1 incidents passed." in text
    assert "| balancer-power-loss | pass | 2.51 s | no end | - | lb1 to lb2: first page +3.10 |" in text
    assert "openbsd" in text.splitlines()[0]
    assert "abc1234" in text
    assert "kvm" in text
    assert "- image: 400 s" in text


def test_a_failure_is_shown_with_its_reason() -> None:
    broken = _summary(verdict="fail", checks=[CheckResult(name="outage", status="fail", summary="tcp: no end")])
    played = [PlayedIncident("paper-2006", broken, ""), PlayedIncident("mail-gone", None, "no engine")]
    text = format_issue("debian", VERSIONS, [], played, [("lb1: uname -a", "OpenBSD lb1")])
    assert "0 of 2 incidents passed." in text
    assert "paper-2006: outage fail: tcp: no end" in text
    assert "| mail-gone | error |" in text
    assert "mail-gone: no engine" in text
    assert "OpenBSD lb1" in text
