"""The first format of incident files: each key and word is answered with its successor, and recorded runs are read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from testbed.checks import CHECKS
from testbed.checks import first_format as first
from testbed.checks.expectations import Owner, Profile, recorded_expectations
from testbed.errors import UsageError
from testbed.faults import FAULTS, OPERATIONS
from testbed.faults.fault_registry import FORMER_NAMES
from testbed.incidents import load
from testbed.incidents.incident_model import CONDITIONS, Incident, Load, SteadyState, Step

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.jsonl.gz"))
HEAD = "name: old\ntitle: It is old\nwhy: it has old keys and words\n"
STEPS = "steps: [{sleep: 1s}]\n"
# What follows the head of the file, and the whole message.
KEYS = {
    "timeline": ("timeline: [{sleep: 1s}]", "4:1: the key 'timeline' was renamed; write `steps`"),
    "steady": (f"{STEPS}steady: {{stable_for: 1s}}", "5:1: the key 'steady' was renamed; write `steady_state`"),
    "probes": (f"{STEPS}probes: {{tcp: 1s}}", "5:1: the key 'probes' was renamed; write `probe_intervals`"),
    "load.rate": (
        f"{STEPS}load: {{rate: 3}}",
        "5:8: the key 'rate' was renamed; write `spawn_rate: 3/s`, the users started per second",
    ),
    "load.think": (
        f"{STEPS}load: {{think: 0.25}}",
        "5:8: the key 'think' was renamed; write `think_time: 25%`, a share of the usual thinking times",
    ),
    "steady_state.for": (
        f"{STEPS}steady_state: {{for: 3s}}",
        "5:16: the key 'for' was renamed; write `stable_for: 3s`",
    ),
    "steady_state.within": (
        f"{STEPS}steady_state: {{within: 60s}}",
        "5:16: the key 'within' was renamed; write `timeout: 60s`",
    ),
    "step.at": (
        "steps:\n  - at: 3s\n    heal: all",
        "5:5: the key 'at' was removed; write a step `sleep: 3s` before this one",
    ),
    "step.fault": (
        "steps:\n  - fault: freeze\n    target: db1",
        "5:5: the key 'fault' was renamed; write `inject: freeze`",
    ),
    "step.fault drain": (
        "steps:\n  - fault: drain\n    target: app-1",
        "5:5: the key 'fault' was renamed; write `drain: app-1`",
    ),
    "step.fault resign": (
        "steps:\n  - {fault: resign, target: 'lb:active'}",
        "5:6: the key 'fault' was renamed; write `resign: lb:active`",
    ),
    "step.fault process-stop": (
        "steps:\n  - {fault: process-stop, target: db1}",
        "5:6: the key 'fault' was renamed; write `inject: process-hang`",
    ),
    "step.as": (
        "steps:\n  - {inject: freeze, target: db1, as: cold}",
        "5:35: the key 'as' was renamed; write `id: cold`",
    ),
    "step.when": ("steps:\n  - when: healthy", "5:5: the key 'when' was renamed; write `wait_for: healthy`"),
    "step.for of a condition": (
        "steps:\n  - {wait_for: service, for: 3s}",
        "5:25: the key 'for' was renamed; write `stable_for: 3s`",
    ),
    "step.for alone": ("steps:\n  - for: 10s", "5:5: the key 'for' was renamed; write `sleep: 10s`"),
    "step.within": (
        "steps:\n  - {wait_for: service, within: 9s}",
        "5:25: the key 'within' was renamed; write `timeout: 9s`",
    ),
    "expect.outage": (
        f"{STEPS}expect: {{outage: {{tcp: 1s}}}}",
        "5:10: the key 'outage' was renamed; write `max_outage`",
    ),
    "expect.felt": (f"{STEPS}expect: {{felt: [tcp]}}", "5:10: the key 'felt' was renamed; write `must_notice`"),
    "expect.stopped": (
        f"{STEPS}expect: {{stopped: [tcp]}}",
        "5:10: the key 'stopped' was renamed; write `no_service_until_heal`",
    ),
    "expect.owner": (
        f"{STEPS}expect: {{owner: {{site: peer}}}}",
        "5:10: the key 'owner' was renamed; write `address_owner`",
    ),
    "expect.doomed": (
        f"{STEPS}expect: {{doomed: true}}",
        "5:10: the key 'doomed' was renamed; write `must_affect_sessions: true`",
    ),
    "expect.logins-failed": (
        f"{STEPS}expect: {{logins-failed: 2}}",
        "5:10: the key 'logins-failed' was renamed; write `max_failed_logins: 2`",
    ),
    "expect.sessions-lost": (
        f"{STEPS}expect: {{sessions-lost: 0}}",
        "5:10: the key 'sessions-lost' was renamed; write `max_lost_sessions: 0`",
    ),
    "expect.rejoin": (
        f"{STEPS}expect: {{rejoin: 90s}}",
        "5:10: the key 'rejoin' was renamed; write `max_recovery: 90s`",
    ),
    "expect.return": (
        f"{STEPS}expect: {{return: {{tcp: 2s}}}}",
        (
            "5:10: the key 'return' was renamed; write `max_outage_after_heal` with the same limits, and "
            "`no_failback: true`"
        ),
    ),
    "expect.alarms": (f"{STEPS}expect: {{alarms: [x]}}", "5:10: the key 'alarms' was renamed; write `allow_alarms`"),
    "expect.documented": (
        f"{STEPS}expect: {{documented: {{outage: so}}}}",
        "5:10: the key 'documented' was renamed; write `known_failures` under `profiles: reference:`",
    ),
    "expect.hardened": (
        f"{STEPS}expect: {{hardened: {{}}}}",
        "5:10: the key 'hardened' was renamed; write `profiles: hardened:` at the top level, with the same keys",
    ),
    "a key in a profile": (
        f"{STEPS}profiles: {{hardened: {{stopped: []}}}}",
        "5:23: the key 'stopped' was renamed; write `no_service_until_heal`",
    ),
}
WORDS = {
    **{
        f"condition {old}": (
            f"steps:\n  - wait_for: {old}",
            f"5:15: the condition '{old}' was renamed; write `wait_for: {new}`",
        )
        for old, new in first.CONDITIONS.items()
    },
    **{
        f"condition {old} after when": (
            f"steps:\n  - when: {old}",
            f"5:5: the key 'when' was renamed; write `wait_for: {new}`",
        )
        for old, new in first.CONDITIONS.items()
    },
    **{
        f"owner {old}": (
            f"{STEPS}expect: {{address_owner: {{site: {old}}}}}",
            f"5:32: the owner '{old}' was renamed; write `site: {new}`",
        )
        for old, new in first.OWNERS.items()
    },
    **{
        f"check {old}": (
            f"{STEPS}profiles: {{reference: {{known_failures: {{{old}: so}}}}}}",
            f"5:41: the check '{old}' was renamed; write `{new}`",
        )
        for old, new in first.CHECKS.items()
    },
    **{
        f"fault {old}": (
            f"steps:\n  - {{inject: {old}, target: db1}}",
            f"5:14: the fault '{old}' was renamed; write `inject: {new}`",
        )
        for old, new in FORMER_NAMES.items()
    },
    **{
        f"operation {name}": (
            f"steps:\n  - {{inject: {name}, target: app-1}}",
            f"5:14: '{name}' is an operation, not a fault; write `{name}: app-1`",
        )
        for name in OPERATIONS
    },
}


def refused(path: Path, text: str) -> str:
    """The error about a file, without its name."""
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.exit_status == 2
    return str(caught.value).removeprefix(f"{path}:")


@pytest.mark.parametrize("case", [*KEYS, *WORDS])
def test_a_former_key_or_word_is_answered_with_the_new_one(tmp_path: Path, case: str) -> None:
    text, message = {**KEYS, **WORDS}[case]
    assert refused(tmp_path / "old.yaml", f"{HEAD}{text}\n") == message


def test_every_former_key_has_a_case() -> None:
    former = {*first.TOP, *(f"load.{key}" for key in first.LOAD), *(f"steady_state.{key}" for key in first.STEADY)}
    former |= {f"step.{key}" for key in (*first.STEP, "at")}
    former |= {f"expect.{key}" for key in (*first.EXPECT, "documented", "hardened")}
    assert {key for key in former if not any(case.startswith(key) for case in KEYS)} == set()


def test_each_former_word_is_gone_and_its_successor_is_there() -> None:
    blocks: list[tuple[Mapping[str, str], Collection[str]]] = [
        (first.TOP, Incident.model_fields), (first.LOAD, Load.model_fields), (first.STEADY, SteadyState.model_fields),
        (first.STEP, Step.model_fields), (first.EXPECT, Profile.model_fields), (first.CONDITIONS, CONDITIONS),
        (first.OWNERS, get_args(Owner)), (first.CHECKS, CHECKS), (FORMER_NAMES, FAULTS),
    ]  # fmt: skip
    for renamed, now in blocks:
        assert renamed.keys().isdisjoint(now)
        assert set(renamed.values()) <= set(now)


def test_what_a_file_of_the_first_format_says_is_quoted_briefly(tmp_path: Path) -> None:
    long = refused(tmp_path / "old.yaml", f"{HEAD}steps:\n  - {{as: {'x' * 500}}}\n")
    assert long == "5:6: the key 'as' was renamed; write `id: ...`"
    odd = refused(tmp_path / "old.yaml", f'{HEAD}steps:\n  - {{within: "\\e[31m"}}\n')
    assert odd == "5:6: the key 'within' was renamed; write `timeout: ...`"
    nested = refused(tmp_path / "old.yaml", f"{HEAD}steps:\n  - {{when: [served]}}\n")
    assert nested == "5:6: the key 'when' was renamed; write `wait_for: ...`"


def test_the_first_former_key_in_the_file_is_reported(tmp_path: Path) -> None:
    text = "name: old\nwhy: no title and old keys\nload: {think: 0.1}\ntimeline: [{for: 1s}]\nexpect: {felt: [tcp]}\n"
    assert refused(tmp_path / "old.yaml", text).startswith("3:8: the key 'think' was renamed; write `think_time: 10%`")


OLD: dict[str, Any] = {
    "name": "old", "why": "it was recorded",
    "load": {"users": 3, "rate": 2.0, "think": 0.3, "actions": {}},
    "probes": {"tcp": "1s"},
    "steady": {"for": "2s", "within": "90s"},
    "timeline": [
        {"at": "3s", "fault": "process-stop", "target": "db1", "options": {"process": "ucarp"}, "as": "hung"},
        {"when": "taken-over", "within": "30s", "for": None, "probes": []},
        {"when": "served", "for": "3s"},
        {"at": "10s", "heal": "hung"},
        {"fault": "drain", "target": "app-1", "as": "empty"},
        {"for": "5s"},
        {"heal": "empty"},
        {"fault": "resign", "target": "lb:active", "as": "over"},
        {"heal": "over"},
    ],
    "expect": {
        "outage": {"tcp": "2s"}, "felt": ["tcp"], "stopped": ["https"], "owner": {"site": "same", "database": "peer"},
        "doomed": True, "logins-failed": 2, "rejoin": "90s", "return": {"tcp": "1s"}, "isolation": True,
        "alarms": ["disk-error"], "documented": {"return": "it fails back", "outage": "it lasts"},
        "hardened": {"stopped": [], "owner": {"database": "same"}, "alarms": []},
    },
}  # fmt: skip


def test_a_recorded_plan_of_the_first_format_is_read_in_the_words_of_the_second() -> None:
    plan = first.to_second_format(OLD)
    assert [{key: value for key, value in step.items() if value} for step in plan["steps"]] == [
        {"sleep": "3s"},
        {"inject": "process-hang", "target": "db1", "options": {"process": "ucarp"}, "id": "hung"},
        {"wait_for": "failed-over", "timeout": "30s"},
        {"wait_for": "service", "stable_for": "3s"},
        {"sleep": "4s"},
        {"heal": "hung"},
        {"drain": "app-1"},
        {"sleep": "5s"},
        {"undrain": "app-1"},
        {"resign": "lb:active"},
    ]
    assert plan["load"] == {"users": 3, "spawn_rate": "2/s", "think_time": "30%", "actions": {}}
    assert Incident.model_validate({**plan, "title": "It is old"}).expected("hardened").no_failback
    reference, hardened = recorded_expectations(plan, "reference"), recorded_expectations(plan, "hardened")
    assert reference.known_failures == {"failback": "it fails back", "outage": "it lasts"}
    assert hardened.known_failures == {}
    assert (reference.no_service_until_heal, hardened.no_service_until_heal) == (["https"], [])
    assert reference.address_owner == {"site": "unchanged", "database": "moved"}
    assert hardened.address_owner == {"site": "unchanged", "database": "unchanged"}
    assert (reference.allow_alarms, hardened.allow_alarms) == (["disk-error"], [])
    for each in (reference, hardened):
        assert (each.max_outage, each.must_notice, each.max_outage_after_heal) == ({"tcp": 2}, ["tcp"], {"tcp": 1})
        assert (each.max_recovery, each.max_failed_logins, each.must_affect_sessions) == (90, 2, True)
        assert each.isolation


def test_a_plan_of_the_second_format_is_read_as_it_is() -> None:
    plan = first.to_second_format(OLD)
    assert first.to_second_format(plan) == plan
    assert first.to_second_format({}) == {}


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name.partition(".")[0])
def test_a_recorded_run_expects_what_the_shipped_incident_expects(path: Path) -> None:
    with gzip.open(path) as lines:
        plan = next(each for each in map(json.loads, lines) if each["kind"] == "plan")
    shipped = load(Path(__file__).parents[2] / "incidents" / f"{plan['name']}.yaml")
    old, new = (
        recorded_expectations(first.to_second_format(plan["scenario"]), "reference"),
        shipped.expected("reference"),
    )
    # Limits have changed since they were recorded, and so have the words of the failures.
    changed = {name for name in type(old).model_fields if getattr(old, name) != getattr(new, name)}
    assert changed <= {"known_failures", "max_outage"}
    assert old.known_failures.keys() == new.known_failures.keys()
    assert old.max_outage.keys() == new.max_outage.keys()
