"""The pages of the reference, made from the code: what can be typed, written and read, and what it means.

``pages()`` returns them; ``make docs`` puts them on the site, and a unit test checks them and their links.
"""

from __future__ import annotations

import ast
import inspect
import re
from argparse import SUPPRESS
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from docs_commands import commands
from docs_links import ROOT
from docs_tables import as_markdown, code, first_paragraph, parse_arguments, table, title
from testbed import settings
from testbed.checks import CHECKS
from testbed.checks.expectations import Expect
from testbed.cli.exit_status import ExitStatus
from testbed.cli.options import format_long_duration
from testbed.faults import FAULTS, Fault
from testbed.faults.service_processes import SERVICES
from testbed.incidents import load
from testbed.incidents.incident_model import CONDITIONS
from testbed.incidents.incident_schema import schema as incident_schema
from testbed.journal.events import KINDS
from testbed.probes.probe_registry import PROBES
from testbed.pytest_plugin import cluster_under_test, fixtures, pytest_options
from testbed.recorder.log_patterns import PATTERNS

FOLDER = "reference"
# Settings whose variable is not called as the field.
FIELDS = {
    "COMPOSE_PROJECT_NAME": "project",
    "TESTBED_CHECKOUT": "root",
    "TESTBED_STATE": "state_dir",
    "TESTBED_RUN": "run_dir",
    "TESTBED_PREFIX": "network_prefix",
}
# Defaults that are not values of the class.
DEFAULTS = {"COMPOSE_PROJECT_NAME": "testbed", "TESTBED_STATE": ".testbed", "TESTBED_RUN": "/run/testbed"}
OTHER_VARIABLES = {
    "DOCKER_HOST": "The Docker engine, as for `docker`.",
    "NO_COLOR": "Set to anything: no colours.",
    "PYTHON": "For `make`: the Python that makes the virtual environment, 3.11 or newer.",
}


def pages() -> dict[str, str]:
    """Return the reference: the path of each page below ``docs/``, and its Markdown."""
    made: Mapping[str, Callable[[], str]] = {
        "commands": commands, "incident-keys": incident_keys, "conditions": conditions,
        "shipped-incidents": shipped_incidents, "faults": faults, "probes": probes, "checks": checks,
        "environment": environment, "exit-statuses": exit_statuses, "journal-events": journal_events,
        "pytest-fixtures": pytest_fixtures,
    }  # fmt: skip
    return {f"{FOLDER}/{name}.md": make() for name, make in made.items()}


def incident_keys() -> str:
    """Return the page of the incident file's keys, from its JSON schema."""
    document = incident_schema()
    text = title(
        "Incident keys",
        "Made from the model that `testbed validate` checks files against. [Incidents](../incidents.md) explains them "
        "with examples, and `testbed schema incident` prints them as a JSON schema.",
    )
    blocks = {"An incident": document, **{each: document["$defs"][each] for each in sorted(document["$defs"])}}
    names = {"ClusterShape": "cluster", "Expect": "expect", "Load": "load", "Profile": "profiles.NAME",
             "Profiles": "profiles", "SteadyState": "steady_state", "Step": "steps"}  # fmt: skip
    for name, block in blocks.items():
        heading = code(names[name]) if name in names else name
        text += f"## {heading}\n\n"
        if name in names:
            text += f"{as_markdown(block.get('description', ''))}\n\n"
        required = block.get("required", [])
        keys = block["properties"].items()
        text += (
            table(
                ["key", "value", "default", "what it means"],
                [
                    [
                        code(key),
                        _value(of),
                        "required" if key in required else code(_shown(of.get("default", ""))),
                        as_markdown(of.get("description") or _of_block(document, of)),
                    ]
                    for key, of in keys
                    if name != "Profile" or key not in Expect.model_fields
                ],
            )
            + "\n"
        )
        if name == "Profile":
            text += "And every key of `expect`.\n\n"
    return text


def _of_block(document: Mapping[str, Any], of: Mapping[str, Any]) -> str:
    """The description of the block that a key holds."""
    return str(document["$defs"][of["$ref"].rpartition("/")[2]]["description"]) if "$ref" in of else ""


def _shown(default: object) -> str:
    return {True: "true", False: "false"}.get(default, str(default)) if isinstance(default, bool) else str(default)


def _value(of: Mapping[str, Any]) -> str:
    """What a key of the schema takes, in a few words."""
    kind = of.get("type", "")
    if "$ref" in of:
        found = "a block"
    elif "enum" in of:
        found = ", ".join(map(code, of["enum"]))
    elif "anyOf" in of:
        found = "see the description"
    elif of.get("examples"):
        found = f"such as {code(of['examples'][0])}"
    elif kind == "array":
        found = f"list: {_value(of['items'])}"
    elif kind == "object":
        entries = of.get("additionalProperties")
        found = f"mapping: {_value(entries)}" if isinstance(entries, dict) else "mapping"
    elif "minimum" in of:
        found = f"{of['minimum']} to {of['maximum']}" if "maximum" in of else f"{of['minimum']} or more"
    else:
        found = {"string": "text", "boolean": "`true`, `false`"}.get(kind, kind)
    return found


def conditions() -> str:
    """Return the page of what ``wait_for`` can wait for."""
    return title(
        "Conditions",
        "What a step `wait_for` can wait for ([how conditions are read](../incidents.md#conditions)).",
    ) + table(["condition", "comes when"], [[code(name), meaning] for name, meaning in CONDITIONS.items()])


def shipped_incidents() -> str:
    """Return the page of the incident files that ship."""
    text = title(
        "Shipped incidents",
        "Each is a file in `incidents/`. `testbed run NAME` plays it, `testbed incidents` lists them all.",
    )
    for path in sorted((ROOT / "incidents").glob("*.yaml")):
        incident = load(path)
        facts = [f"about {format_long_duration(incident.duration)}"] if incident.duration else []
        facts += [f"profile `{incident.cluster.profile}` only"] if incident.cluster.profile else []
        shown = f" ({', '.join(facts)})" if facts else ""
        text += f"## {incident.name}\n\n**{incident.title}**{shown}\n\n"
        text += f"{as_markdown(incident.why)}\n\n"
    return text


def faults() -> str:
    """Return the page of faults and their options."""
    text = title(
        "Faults",
        "Made from the classes in `src/testbed/faults`. [Faults in detail](../faults.md) says how each fault is done, "
        "which nodes can suffer it, and when it is refused.",
    )
    for name, fault in FAULTS.items():
        text += f"## {name}\n\n{as_markdown(fault.effect[0].upper() + fault.effect[1:])}. "
        text += f"`heal`: {as_markdown(fault.healing)}.\n\n{_where(fault)}\n\n"
        schema = fault.Options.model_json_schema()
        rows = (
            [
                [
                    code(key),
                    _option(of),
                    "required" if key in schema.get("required", []) else "",
                    of.get("description", ""),
                ]
                for key, of in schema["properties"].items()
            ]
            if schema["properties"]
            else []
        )
        text += f"{table(['option', 'value', '', 'what it means'], rows)}\n" if rows else ""
    text += "## Values of `process`\n\n"
    return text + table(
        ["process", "runs on"],
        [[code(name), ", ".join(role.value for role in service.roles)] for name, service in SERVICES.items()],
    )


def _where(fault: Fault[Any]) -> str:
    """The nodes that can suffer a fault."""
    known = ", ".join(role.value for role in fault.roles or ())
    nodes = f"A node of the role {known}" if known else "Every node"
    return f"{nodes} can suffer it{', if it is a virtual machine' if fault.why_containers_cannot else ''}."


def _option(of: Mapping[str, Any]) -> str:
    if "anyOf" in of:  # one network, or several
        return "a network, or several: `backend,replication`"
    return _value(of)


def probes() -> str:
    """Return the page of probes."""
    rows = [
        [code(name), probe.summary, probe.unit, f"every {format_long_duration(probe.interval)}", probe.runs_on]
        for name, probe in PROBES.items()
    ]
    return title(
        "Probes",
        "All of them run in every run. [What probes see](../probes.md) explains what each can find and what not.",
    ) + table(["probe", "what it does", "one sample", "how often", "runs on"], rows)


def checks() -> str:
    """Return the page of checks and of the log patterns that raise an alarm."""
    text = title(
        "Checks",
        "[Checks in detail](../checks.md) explains how each check measures. Every check that judges every run passes "
        "on a healthy cluster. The others judge a run if its `expect` has their key.",
    )
    text += table(
        ["check", "what it judges", "judges", "passes if", "unknown if"],
        [
            [f"[{code(name)}](../checks.md#{name})", each.title, each.judged_runs, each.passes_if, each.unknown_if]
            for name, each in CHECKS.items()
        ],
    )
    patterns = "\n".join(f"- {code(name)}" for name in PATTERNS)
    return text + f"\n## Log patterns\n\nA log line of one of these kinds fails the check `alarms`.\n\n{patterns}\n"


class _Reading(dict[str, str]):
    """An empty environment that remembers which variables were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - as dict has it
        self.names.append(key)
        return super().get(key, default)


def environment() -> str:
    """Return the page of environment variables: all that ``settings.load`` reads, and what Compose files name."""
    read = _Reading()
    settings.load(read, ROOT)
    meanings = parse_arguments(settings.Settings)
    defaults = {each.name: each.default for each in fields(settings.Settings) if each.default is not MISSING}
    rows = []
    for name in dict.fromkeys(read.names):
        field = FIELDS.get(name, name.removeprefix("TESTBED_").lower())
        default = defaults.get(field)
        rows.append([code(name), code(DEFAULTS.get(name, "" if default is None else default)), meanings[field]])
    for name, default in _interpolated():
        if name not in read.names and name not in settings.load({}, ROOT).compose_environment("tcg"):
            rows.append([code(name), code(default), "In the Compose files."])
    rows += [[code(name), "", meaning] for name, meaning in OTHER_VARIABLES.items()]
    return title(
        "Environment variables",
        "Keep them the same for every command on one cluster. [Settings](../architecture.md#settings) explains them.",
    ) + table(["variable", "default", "meaning"], rows)


def _interpolated() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "compose").glob("*.yaml")):
        yield from re.findall(r"\$\{(TESTBED_[A-Z_]+):?-([^}]*)\}", path.read_text())


def exit_statuses() -> str:
    """Return the page of exit statuses."""
    meanings = parse_arguments(ExitStatus, "Attributes")
    return title(
        "Exit statuses", "Each number means one thing in every command ([examples](../commands.md#exit-statuses))."
    ) + table(["status", "meaning"], [[code(int(each)), meanings[each.name]] for each in ExitStatus])


def journal_events() -> str:
    """Return the page of what a journal holds."""
    text = title(
        "Journal events",
        "A run's `journal.jsonl` has one JSON object a line, each with one of these kinds. [Journal](../journal.md) "
        "explains clocks and damage, and `testbed schema journal` prints the JSON schema.",
    )
    for kind, event in KINDS.items():
        rows = [[code(name), meaning] for name, meaning in parse_arguments(event).items()]
        text += f"## {kind}\n\n{first_paragraph(event)}\n\n{table(['field', 'meaning'], rows)}\n"
    return text


def pytest_fixtures() -> str:
    """Return the page of the pytest plugin: fixtures, what they give, options."""
    text = title("Pytest fixtures", "[Failover tests in your own project](../pytest.md) shows how to use them.")
    tree = ast.parse(Path(inspect.getfile(fixtures)).read_text())
    text += table(
        ["fixture", "what it is"],
        [
            [code(node.name), as_markdown(ast.get_docstring(node) or "")]
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and any("fixture" in ast.unparse(each) for each in node.decorator_list)
        ],
    )
    for fixture, kind in {
        "testbed": cluster_under_test.ClusterUnderTest,
        "load": cluster_under_test.LoadStarter,
        "probes": cluster_under_test.ProbeStarter,
        "journal": cluster_under_test.JournalFixture,
    }.items():
        text += f"\n## The fixture `{fixture}`\n\n{table(['', 'what it does'], _members(kind, fixture))}"
    recorder = _Options()
    pytest_options.pytest_addoption(recorder)  # type: ignore[arg-type]
    return text + f"\n## Options of pytest\n\n{table(['option', 'meaning'], recorder.rows)}"


def _members(kind: type, fixture: str) -> Iterator[list[str]]:
    for name, member in vars(kind).items():
        if isinstance(member, property):
            yield [code(f"{fixture}.{name}"), first_paragraph(member)]
        elif inspect.isfunction(member) and (name == "__call__" or not name.startswith("_")):
            parameters = list(inspect.signature(member).parameters.values())[1:]
            call = fixture if name == "__call__" else f"{fixture}.{name}"
            shown = [str(each.replace(annotation=inspect.Parameter.empty)) for each in parameters]
            yield [code(f"{call}({', '.join(shown)})"), first_paragraph(member)]


class _Options:
    """Takes pytest's options, as its parser would."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []

    def getgroup(self, *_: str) -> _Options:
        return self

    def addoption(self, name: str, **given: Any) -> None:  # noqa: ANN401 - as pytest has it
        if given["help"] == SUPPRESS:
            return
        shown = (
            given.get("help", "") % {"default": given.get("default")}
            if "%(" in given.get("help", "")
            else given["help"]
        )
        self.rows.append([code(f"{name} {given.get('metavar', '')}".strip()), shown])

    def addini(self, name: str, help_text: str, **_: Any) -> None:  # noqa: ANN401 - likewise
        self.rows.append([f"{code(name)} in pytest's configuration", help_text])
