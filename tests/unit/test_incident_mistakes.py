"""Broken incident files: each mistake is one line, with line, column and how to fix it, and nothing is started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_topology import CLUSTER, merged

from testbed.errors import UsageError
from testbed.incidents import load
from testbed.incidents.loader import find
from testbed.topology import Topology, resolve

SOUND = """\
name: sound
title: All of it is sound
why: it shows that the rest is sound
load: {users: 6}
probe_intervals: {https: 20ms}
steps:
  - {inject: power-loss, target: "db:primary", id: dead}
  - {wait_for: service, stable_for: 3s, timeout: 45s}
  - {heal: dead}
  - {wait_for: healthy, timeout: 120s}
expect:
  max_outage: {sql-write: 30s}
  must_notice: [sql-write]
  address_owner: {site: unchanged, database: moved}
  max_recovery: 120s
"""

# What is replaced in the sound file, by what, and what is reported.
FORM = {
    "syntax": (
        "probe_intervals: {https: 20ms}",
        "probe_intervals: {https: 20ms",
        "6:6: while parsing a flow mapping",
        "fix the YAML",
    ),
    "tab": ("load: {users: 6}", "load:\n\tusers: 6", "5:1: ", "fix the YAML"),
    "control character": ("it shows", "it \x07shows", "3:9: character '\\x07' is not allowed", "UTF-8"),
    "line break in the title": (
        "title: All of it is sound",
        'title: "Two\\nlines"',
        "2:8: the text has a line break",
        "write one line",
    ),
    "duplicate key": (
        "probe_intervals:",
        "name: twice\nprobe_intervals:",
        "5:1: key 'name' stands here twice, first on line 1",
        "keep",
    ),
    "duplicate inside": ("id: dead", "id: a, id: b", "7:55: key 'id' stands here twice, first on line 7", "keep one"),
    "odd key": ("{https: 20ms", "{[https]", "5:19: a key must be one word", "write `key: value`"),
    "recursion": ("load: {users: 6}", "load: &a {users: *a}", "4:7: an alias repeats", "write it out"),
    "undefined alias": ("users: 6", "users: *many", "4:15: found undefined alias 'many'", "fix the YAML"),
    "unknown key": ("load:", "laod:", "4:1: unknown key 'laod'", "did you mean 'load'?"),
    "unknown key below": ("users: 6", "user: 6", "4:8: unknown key 'user'", "did you mean 'users'?"),
    "unknown key of step": ("timeout: 45s", "timeuot: 45s", "8:41: unknown key 'timeuot'", "did you mean 'timeout'?"),
    "hyphen in a key": ("wait_for:", "wait-for:", "8:6: unknown key 'wait-for'", "did you mean 'wait_for'?"),
    "unknown expectation": (
        "max_recovery:",
        "max_recvery:",
        "15:3: unknown key 'max_recvery'",
        "did you mean 'max_recovery'?",
    ),
    "missing": ("name: sound\n", "", "1:1: key 'name' is missing", "what runs of it are called"),
    "missing title": ("title: All of it is sound\n", "", "1:1: key 'title' is missing", "what happens, in one line"),
    "no steps": (SOUND[SOUND.index("steps:") : SOUND.index("expect:")], "steps: []\n", "6:8: ", "in order"),
    "no unit": ("30s", "30", "12:27: '30' is not a duration", "write a number with its unit, as 200ms, 30s or 2m"),
    "wrong unit": ("timeout: 45s", "timeout: 3h", "8:50: '3h' is not a duration", "as 200ms, 30s or 2m"),
    "duration in words": ("load:", "duration: about 1 min\nload:", "4:11: 'about 1 min' is not a duration", "200ms"),
    "unknown condition": (
        "wait_for: service",
        "wait_for: sevice",
        "8:16: 'sevice' is not known",
        "did you mean 'service'?",
    ),
    "unknown owner": ("database: moved", "database: other", "14:46: 'other' is not known here", "unchanged, moved"),
    "unknown profile": (
        "expect:",
        "profiles: {hardend: {}}\nexpect:",
        "11:12: unknown key 'hardend'",
        "did you mean 'hardened'?",
    ),
    "unknown check": (
        "expect:",
        "profiles: {reference: {known_failures: {outages: so}}}\nexpect:",
        "11:41: 'outages' is not known",
        "did you mean 'outage'?",
    ),
    "not a number": ("users: 6", "users: some", "4:15: users must be a whole number, not 'some'", "how many"),
    "too many": ("users: 6", "users: 600", "4:15: users: input should be less than or equal to 60", "how many"),
    "no mapping": ("load: {users: 6}", "load: 6", "4:7: load holds keys, not '6'", "docs/incidents.md"),
    "empty block": ("load: {users: 6}", "load:", "4:1: load holds keys, not nothing", "docs/incidents.md"),
    "step without keys": ("{heal: dead}", "heal", "9:5: entry 3 of steps holds keys, not 'heal'", "in order"),
    "empty step": ("{heal: dead}", "", "9:4: entry 3 of steps holds keys, not nothing", "in order"),
    "full-width digits": ("timeout: 45s", "timeout: \uff14\uff15s", "8:50: '\uff14\uff15s' is not a duration", "200ms"),
    "no list": (
        "must_notice: [sql-write]",
        "must_notice: sql-write",
        "13:16: must_notice must be a list, not 'sql-write'",
        "[one, other]",
    ),
    "empty entry": (
        "must_notice: [sql-write]",
        "must_notice: [~]",
        "13:17: entry 1 of must_notice must be a text, not '~'",
        "must_notice: probes that must see",
    ),
    "bad name": ("name: sound", "name: Not Sound", "1:7: 'Not Sound' cannot be a name", "small letters"),
    "long title": ("All of it is sound", "x" * 81, "2:8: title: string should have at most 80", "in one line"),
    "short why": ("it shows that the rest is sound", "so", "3:6: why: string should have at least 10", "operator"),
    "no action": ("{users: 6}", "{users: 6, actions: {raed: 1}}", "4:28: 'raed' is not known", "mean 'read'?"),
}
ORDER = {
    "never injected": ("heal: dead", "heal: daed", "9:12: no fault above has the id 'daed'", "there are dead, all"),
    "healed twice": (
        "  - {wait_for: healthy, timeout: 120s}", "  - {heal: dead}", "10:12: 'dead' is healed already, in step 3",
        "remove",
    ),
    "healed before": ("id: dead", "id: late", "9:12: no fault above has the id 'dead'", "there are late, all"),
    "all twice": ("heal: dead}", "heal: all}\n  - {heal: all}", "10:12: nothing is left to heal", "remove the step"),
    "id twice": (
        "  - {wait_for: service, stable_for: 3s, timeout: 45s}", '  - {inject: freeze, target: "lb:active", id: dead}',
        "8:47: step 1 already has the id 'dead'", "an id of its own",
    ),
    "id all": ("id: dead", "id: all", "7:52: heal: all heals every fault", "another id"),
    "timeout without wait_for": (
        "heal: dead", "timeout: 6s, heal: dead", "9:6: timeout belongs to a step with wait_for", "add wait_for",
    ),
    "target without inject": (
        "{wait_for: healthy", "{target: db1, wait_for: healthy", "10:6: target belongs to a step with inject", "inject",
    ),
    "id of a drain": ("heal: dead", "drain: app-1, id: x", "9:20: id belongs to a step with inject", "remove it"),
    "probes of instant": (
        "{wait_for: healthy", "{probes: [tcp], wait_for: healthy", "10:6: healthy has no probes", "service",
    ),
    "stable_for of instant": (
        "timeout: 120s", "stable_for: 3s", "10:25: healthy has no stable_for", "only service and no-service",
    ),
    "stable_for too long": (
        "stable_for: 3s", "stable_for: 50s", "8:37: it must hold for 50s and come within 45s", "longer",
    ),
    "stable_for of fault": (
        "id: dead}", "stable_for: 3s}", "7:48: stable_for belongs to a step with wait_for", "remove it",
    ),
    "no time": ("{heal: dead}", "{sleep: 0s}", "9:13: 0s is not a duration to wait", "write how long"),
    "nothing": ("{heal: dead}", "{id: x}", "9:5: this step does nothing", "one of sleep, inject, wait_for, heal"),
    "two things": ("heal: dead", "heal: dead, sleep: 3s", "9:6: this step has both sleep and heal", "two steps"),
    "no target": (', target: "db:primary"', "", "7:14: this fault has no target", "such as db:primary"),
    "failover first": (
        "steps:\n", "steps:\n  - {wait_for: failed-over}\n", "7:16: failed-over cannot come", "inject or resign first",
    ),
    "drained without drain": ("wait_for: healthy", "wait_for: drained", "10:16: drained cannot come", "drain first"),
    "undrain without drain": (
        "{heal: dead}", "{undrain: app-1}", "9:15: 'app-1' is not drained here", "drain it first",
    ),
    "undrain another": (
        "{heal: dead}", "{drain: app-1}\n  - {undrain: app-2}", "10:15: 'app-2' is not drained here",
        "drained are app-1",
    ),
    "drain twice": (
        "{heal: dead}", "{drain: app-1}\n  - {drain: app-1}", "10:13: 'app-1' is drained already", "undrain it first",
    ),
    "no users to serve": (
        "users: 6", "users: 0", "8:16: all-users-served cannot come: the load has no users", "give load.users some",
    ),
    "steady state": (
        "probe_intervals:", "steady_state: {stable_for: 9s, timeout: 5s}\nprobe_intervals:",
        "5:41: the steady state could never", "longer",
    ),
    "too long": ("{heal: dead}", "{sleep: 30m}", "9:5: this is later than 1500s after the steady state", "shorter"),
}  # fmt: skip
MEASURED = {
    "too often": ("https: 20ms", "https: 1ms", "5:26: no probe can be sent that often", "use 5ms to 60s"),
    "finer than probed": (
        "sql-write: 30s",
        "sql-write: 10ms",
        "12:27: sql-write is sent every 100ms",
        "at least 100ms",
    ),
    "after heal, finer": (
        "max_recovery",
        "max_outage_after_heal: {sql-write: 9ms}\n  max_recovery",
        "15:38: sql-write is sent every 100ms",
        "at least",
    ),
    "must notice and no outage": (
        "sql-write: 30s",
        "sql-write: 0s",
        "13:17: must_notice asks for an outage of sql-write, and max_outage forbids it",
        "remove",
    ),
    "sessions, no users": (
        "max_recovery",
        "must_affect_sessions: true\n  max_recovery",
        "15:3: nothing measures must_affect_sessions: the",
        "load.users",
    ),
    "logins, no users": (
        "max_recovery",
        "max_failed_logins: 0\n  max_recovery",
        "15:3: nothing measures max_failed_logins",
        "load.users",
    ),
    "unasked": (
        "expect:\n",
        "profiles: {reference: {known_failures: {isolation: so}}}\nexpect:\n",
        "11:41: isolation cannot fail",
        "expect it too",
    ),
    "profile, no users": (
        "expect:\n",
        "profiles: {hardened: {must_affect_sessions: true}}\nexpect:\n",
        "11:23: nothing measures must_affect_sessions",
        "users",
    ),
    "finer under hardened": (
        "expect:\n",
        "profiles: {hardened: {max_outage: {sql-write: 9ms}}}\nexpect:\n",
        "11:47: sql-write is sent every 100ms",
        "100ms",
    ),
    "contradiction in a profile": (
        "expect:\n",
        "profiles: {hardened: {max_outage: {sql-write: 0s}}}\nexpect:\n",
        "14:17: must_notice asks for an outage of sql-write",
        "max_outage.sql-write",
    ),
    "other profile": (
        "expect:\n",
        "cluster: {profile: reference}\nprofiles: {hardened: {allow_alarms: []}}\nexpect:\n",
        "12:12: the incident is played under the profile reference alone",
        "cluster.profile",
    ),
    "no reason": (
        "expect:\n",
        "profiles: {reference: {known_failures: {outage: ' '}}}\nexpect:\n",
        "11:49: the known failure of outage has no reason",
        "write why",
    ),
}
FITTING = {
    "unknown probe": ("sql-write: 30s", "sql-wirte: 30s", "12:16: no probe 'sql-wirte'", "mean 'sql-write'?"),
    "unknown probe in list": (
        "must_notice: [sql-write]",
        "must_notice: [http]",
        "13:17: no probe 'http'",
        "mean 'https'?",
    ),
    "unknown fault": ("inject: power-loss", "inject: powerloss", "7:14: no fault 'powerloss'", "mean 'power-loss'?"),
    "unknown node": ('"db:primary"', "db3", "7:34: no node 'db3'", "app-1, app-2"),
    "unscaled node": ('"db:primary"', "app", "7:34: no node 'app'", "app-1, app-2"),
    "node beyond scale": ('"db:primary"', "app-3", "7:34: no node 'app-3'", "app-1, app-2"),
    "unknown role": ('"db:primary"', '"web:any"', "7:34: 'web:any': no role 'web'", "the roles are"),
    "unknown state": ('"db:primary"', '"db:active"', "7:34: 'db:active': db has no state", "db:primary"),
    "unknown node of an operation": ("{heal: dead}", "{resign: db3}", "9:14: no node 'db3'", "app-1, app-2"),
    "node that cannot be drained": ("{heal: dead}", "{drain: db2}", "9:13: drain is impossible on db2", "faults.md"),
    "node that cannot resign": ("{heal: dead}", "{resign: mail}", "9:14: resign is impossible on mail", "faults.md"),
    "option it has not": (
        "id: dead", "options: {network: backend}", "7:58: power-loss has no option 'network'", "the options",
    ),
    "not its network": (
        'power-loss, target: "db:primary", id', "cable-pull, target: db1, options: {network: public}, id",
        "7:58: db1 is not on 'public'", "its networks are backend, replication",
    ),
    "not the role's network": (
        'power-loss, target: "db:primary", id', 'cable-pull, target: "app:any", options: {network: replication}, id',
        "7:64: app is not on 'replication'", "its networks are backend",
    ),
    "off already": (
        '"db:primary", id: dead}\n', "db1, id: dead}\n  - {inject: reboot, target: db1}\n",
        "8:30: db1 is off or frozen since step 1", "heal it first",
    ),
    "resign while off": (
        '"db:primary", id: dead}\n', "db1, id: dead}\n  - {resign: db1}\n",
        "8:14: db1 is off or frozen since step 1", "heal it first",
    ),
    "healthy while off": (
        '"db:primary", id: dead}\n', "db1, id: dead}\n  - {wait_for: healthy}\n",
        "8:16: healthy cannot come: db1 is off", "heal it first",
    ),
    "healthy while some primary is off": (
        "id: dead}\n", "id: dead}\n  - {wait_for: healthy}\n", "8:16: healthy cannot come: db:primary is", "heal it",
    ),
    "no peer": (
        '"db:primary", id: dead}\n', "app-1, id: dead}\n  - {wait_for: failed-over}\n",
        "8:16: failed-over cannot come: app-1 has no peer", "service",
    ),
    "cannot be scaled": ("load:", "cluster: {scale: {db1: 3}}\nload:", "4:19: 'db1' cannot be", "what can is app"),
    "overlay": ("load:", "cluster: {overlays: [openbds]}\nload:", "4:22: no overlay 'openbds'", "mean 'openbsd'?"),
    "alarm": (
        "max_recovery", "allow_alarms: [carsh]\n  max_recovery", "15:18: nothing looks for 'carsh'", "mean 'crash'?",
    ),
    "alarm in a profile": (
        "expect:\n", "profiles: {hardened: {allow_alarms: [carsh]}}\nexpect:\n", "11:38: nothing looks for 'carsh'",
        "mean 'crash'?",
    ),
}  # fmt: skip
WITHOUT_FAULT = {
    "must_notice": ("must_notice: [tcp]", "6:3: nothing measures must_notice: no step injects a fault", "inject one"),
    "no_service_until_heal": (
        "no_service_until_heal: [tcp]",
        "6:3: nothing measures no_service_until_heal: no step injects a fault",
        "inject one",
    ),
    "must_affect_sessions": (
        "must_affect_sessions: true",
        "6:3: nothing measures must_affect_sessions: no step injects a fault",
        "inject one",
    ),
    "address_owner": ("address_owner: {site: moved}", "6:25: no step moves the address to its peer", "unchanged"),
    "max_recovery": (
        "max_recovery: 30s",
        "6:3: nothing measures max_recovery: no step heals a fault",
        "add a step `heal: all`",
    ),
    "max_outage_after_heal": (
        "max_outage_after_heal: {tcp: 2s}",
        "6:3: nothing measures max_outage_after_heal: no step heals a fault",
        "add a step `heal: all`",
    ),
    "no_failback": (
        "no_failback: true",
        "6:3: nothing measures no_failback: no step heals a fault",
        "add a step `heal: all`",
    ),
}


@pytest.fixture(scope="module")
def topology() -> Topology:
    return resolve(merged(), [CLUSTER])


def refused(path: Path, text: str, topology: Topology | None) -> str:
    """The error about a file, without its name."""
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(path, topology, patterns={"crash", "corruption"}, overlays={"openbsd", "kvm"})
    message = str(caught.value)
    assert caught.value.exit_status == 2
    assert "\n" not in message
    assert message.startswith(f"{path}:")
    return message.removeprefix(f"{path}:")


def test_the_sound_file_is_sound(tmp_path: Path, topology: Topology) -> None:
    (tmp_path / "sound.yaml").write_text(SOUND)
    assert load(tmp_path / "sound.yaml", topology).name == "sound"


def test_a_scaled_cluster_has_more_nodes(tmp_path: Path, topology: Topology) -> None:
    path = tmp_path / "scaled.yaml"
    path.write_text(SOUND.replace('"db:primary"', "app-3"))
    assert load(path, topology, scale={"app": 3}).steps[0].target == "app-3"
    path.write_text(SOUND.replace('"db:primary"', "app-3").replace("load:", "cluster: {scale: {app: 3}}\nload:"))
    assert load(path, topology).steps[0].target == "app-3"


@pytest.mark.parametrize("case", [*FORM, *ORDER, *MEASURED])
def test_a_mistake_is_reported_with_its_place_and_how_to_fix_it(tmp_path: Path, case: str) -> None:
    old, new, start, fix = {**FORM, **ORDER, **MEASURED}[case]
    assert old in SOUND
    text = SOUND.replace(old, new, 1)
    if case.endswith("no users"):
        text = text.replace("users: 6", "users: 0")
    if case == "no users to serve":
        text = text.replace("wait_for: service, stable_for: 3s", "wait_for: all-users-served")
    message = refused(tmp_path / "broken.yaml", text, None)
    assert message.startswith(start)
    assert fix in message


@pytest.mark.parametrize("case", FITTING)
def test_what_does_not_fit_the_cluster_is_reported(tmp_path: Path, topology: Topology, case: str) -> None:
    old, new, start, fix = FITTING[case]
    assert old in SOUND
    message = refused(tmp_path / "broken.yaml", SOUND.replace(old, new, 1), topology)
    assert message.startswith(start)
    assert fix in message


@pytest.mark.parametrize("case", WITHOUT_FAULT)
def test_expectations_need_what_they_measure(tmp_path: Path, case: str) -> None:
    expectation, start, fix = WITHOUT_FAULT[case]
    text = (
        f"name: quiet\ntitle: It sleeps\nwhy: nothing happens in it\nsteps: [{{sleep: 3s}}]\nexpect:\n  {expectation}\n"
    )
    message = refused(tmp_path / "broken.yaml", text, None)
    assert message.startswith(start)
    assert fix in message


def test_the_first_mistake_in_the_file_is_reported_first(tmp_path: Path) -> None:
    text = SOUND.replace("max_recovery: 120s", "max_recovery: 120").replace("users: 6", "users: 600")
    assert refused(tmp_path / "broken.yaml", text, None).startswith("4:15: ")


@pytest.mark.parametrize("text", ["", "just words\n", "- a list\n", "42\n"])
def test_what_is_no_mapping_is_no_incident(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path / "broken.yaml", text, None).startswith("1:1: an incident is a mapping of keys")


def test_a_file_nested_beyond_reason(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("[" * 20000)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert "1:13: it is nested more than 12 levels deep" in str(caught.value)


def test_what_is_not_a_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(UsageError, match="is not a regular file"):
        find(str(tmp_path / "pipe.yaml"), tmp_path)


def test_two_documents_are_one_too_many(tmp_path: Path) -> None:
    assert refused(tmp_path / "broken.yaml", f"{SOUND}---\n{SOUND}", None).startswith("16:1: ")
