"""Keys and values of the first format of incident files, each reported with its replacement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.checks import first_format as first
from testbed.faults.fault_registry import FORMER_NAMES, OPERATIONS
from testbed.yaml_source import KeyPath, Problem
from testbed.yaml_source.problem import QUOTE_CHARACTERS

# How to replace a key of `expect` when a new name is not enough.
_MOVED = {
    "return": "write `max_outage_after_heal` with the same limits, and `no_failback: true`",
    "documented": "write `known_failures` under `profiles: reference:`",
    "hardened": "write `profiles: hardened:` at the top level, with the same keys",
}


def problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield all keys and values of the first format in an incident's data.

    Args:
        data: the file's content; it need not be valid.
    """
    for key, new in first.TOP.items():
        if key in data:
            yield _renamed((key,), f"write `{new}`")
    yield from _load(_block(data, "load"), ("load",))
    for old, new in first.STEADY.items():
        if old in (steady := _block(data, "steady_state")):
            yield _renamed(("steady_state", old), f"write `{new}: {_shown(steady[old])}`")
    steps = data.get("steps")
    for number, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, Mapping):
            yield from _step(step, ("steps", number))
    yield from _expect(_block(data, "expect"), ("expect",))
    for profile, block in _block(data, "profiles").items():
        if isinstance(block, Mapping):
            yield from _expect(block, ("profiles", profile))


def _load(load: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    if "rate" in load:
        yield _renamed((*path, "rate"), f"write `spawn_rate: {_shown(load['rate'])}/s`, the users started per second")
    if "think" in load:
        factor = load["think"]
        share = first.percent_of(factor) if isinstance(factor, int | float) else "30%"
        yield _renamed((*path, "think"), f"write `think_time: {share}`, a share of the usual thinking times")


def _step(step: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    if "at" in step:
        what, how = "the key 'at' was removed", f"write a step `sleep: {_shown(step['at'])}` before this one"
        yield Problem((*path, "at"), what, how, at_key=True)
    if "fault" in step:
        yield _renamed((*path, "fault"), f"write `{_injection(step['fault'], step.get('target', 'NODE'))}`")
    if "as" in step:
        yield _renamed((*path, "as"), f"write `id: {_shown(step['as'])}`")
    if "when" in step:
        yield _renamed((*path, "when"), f"write `wait_for: {_word(first.CONDITIONS, step['when'])}`")
    if "for" in step:
        new = "stable_for" if {"when", "wait_for"} & step.keys() else "sleep"
        yield _renamed((*path, "for"), f"write `{new}: {_shown(step['for'])}`")
    if "within" in step:
        yield _renamed((*path, "within"), f"write `timeout: {_shown(step['within'])}`")
    yield from _renamed_values(step, path)


def _renamed_values(step: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    """Yield values of the first format below keys of the second."""
    condition, fault = step.get("wait_for"), step.get("inject")
    if isinstance(condition, str) and condition in first.CONDITIONS:
        what = f"the condition {condition!r} was renamed"
        yield Problem((*path, "wait_for"), what, f"write `wait_for: {first.CONDITIONS[condition]}`")
    if not isinstance(fault, str):
        return
    if fault in FORMER_NAMES:
        yield Problem((*path, "inject"), f"the fault {fault!r} was renamed", f"write `inject: {FORMER_NAMES[fault]}`")
    if fault in OPERATIONS:
        what, target = f"{fault!r} is an operation, not a fault", step.get("target", "NODE")
        yield Problem((*path, "inject"), what, f"write `{_injection(fault, target)}`")


def _expect(expect: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    for key, value in expect.items():
        if key in _MOVED:
            yield _renamed((*path, key), _MOVED[key])
        elif key in first.EXPECT:
            shown = f": {_shown(value)}" if isinstance(value, str | int | float) else ""
            yield _renamed((*path, key), f"write `{first.EXPECT[key]}{shown}`")
    for address, owner in _block(expect, "address_owner").items():
        if isinstance(owner, str) and owner in first.OWNERS:
            what = f"the owner {owner!r} was renamed"
            yield Problem((*path, "address_owner", address), what, f"write `{address}: {first.OWNERS[owner]}`")
    for check in _block(expect, "known_failures"):
        if check in first.CHECKS:
            what = f"the check {check!r} was renamed"
            yield Problem((*path, "known_failures", check), what, f"write `{first.CHECKS[check]}`", at_key=True)


def _injection(fault: object, target: object) -> str:
    """A step of the second format that does what a step with ``fault`` did."""
    return f"{fault}: {_shown(target)}" if fault in OPERATIONS else f"inject: {_word(FORMER_NAMES, fault)}"


def _word(names: Mapping[str, str], word: object) -> str:
    return names.get(word, _shown(word)) if isinstance(word, str) else _shown(word)


def _shown(value: object) -> str:
    """A value as the file may have it, or an ellipsis for one that a message cannot hold."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    short = isinstance(value, str | int | float) and len(text) <= QUOTE_CHARACTERS and text.isprintable()
    return text if short else "..."


def _renamed(path: KeyPath, how: str) -> Problem:
    return Problem(path, f"the key {path[-1]!r} was renamed", how, at_key=True)


def _block(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}
