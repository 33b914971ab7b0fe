"""The reference has all that the code has, and each entry says what it means."""

from __future__ import annotations

import re

import pytest

import docs_tables
from docs_reference import pages
from testbed import settings
from testbed.checks import CHECKS
from testbed.cli.exit_status import ExitStatus
from testbed.cli.main import load_all
from testbed.cli.table import COMMANDS
from testbed.faults import FAULTS
from testbed.incidents.incident_model import CONDITIONS, Incident, Step
from testbed.journal.events import KINDS
from testbed.probes.probe_registry import PROBES
from testbed.settings import Settings

PAGES = pages()
VARIABLES = ("COMPOSE_PROJECT_NAME", "TESTBED_STATE", "TESTBED_RUN", "TESTBED_ACCEL", "TESTBED_PREFIX", "NO_COLOR")


@pytest.mark.parametrize(
    ("page", "entries"),
    [
        ("commands", [f"`{each.name}`" for each in COMMANDS]),
        ("incident-keys", [f"`{key}`" for key in (*Incident.model_fields, *Step.model_fields)]),
        ("conditions", [f"`{each}`" for each in CONDITIONS]),
        ("faults", [f"## {each}\n" for each in FAULTS]),
        ("probes", [f"| `{each}` |" for each in PROBES]),
        ("checks", [f"| [`{each}`](../checks.md#{each}) |" for each in CHECKS]),
        ("journal-events", [f"## {each}\n" for each in KINDS]),
        ("exit-statuses", [f"| `{each.value}` |" for each in ExitStatus]),
        ("environment", [f"| `{each}` |" for each in VARIABLES]),
        ("pytest-fixtures", [f"| `testbed{each}` |" for each in ("", "_load", "_probes", "_journal", "_played")]),
    ],
)  # fmt: skip
def test_a_page_has_every_entry(page: str, entries: list[str]) -> None:
    assert entries
    assert not [each for each in entries if each not in PAGES[f"reference/{page}.md"]]


@pytest.mark.parametrize("page", PAGES)
def test_every_row_explains_its_entry(page: str) -> None:
    rows = [line for line in PAGES[page].splitlines() if line.startswith("| `")]
    assert not [row for row in rows if row.endswith("|  |")]


def test_every_option_of_every_command_is_there() -> None:
    text = PAGES["reference/commands.md"]
    commands = [load_all().commands[each.name] for each in COMMANDS]
    names = {name for each in commands for param in each.params for name in getattr(param, "opts", ())}
    missing = {name for name in names if name.startswith("--") and name not in text}
    assert missing == {"--quiet", "--verbose"}  # every command has them: docs/commands.md


def test_the_arguments_of_a_docstring_are_read() -> None:
    def documented() -> None:
        """Do it.

        Args:
            one, two: what both
                are.
            three: ``code``.

        Returns:
            nothing: at all.
        """

    assert docs_tables.parse_arguments(documented) == {
        "one": "what both are.",
        "two": "what both are.",
        "three": "`code`.",
    }


def test_what_has_no_docstring_is_refused() -> None:
    with pytest.raises(ValueError, match="has no docstring"):
        docs_tables.first_paragraph(lambda: None)


def test_every_setting_is_documented() -> None:
    assert set(docs_tables.parse_arguments(settings.Settings)) == set(Settings.__dataclass_fields__)
    assert re.search(r"\| `TESTBED_SITE_PORT` \| `8443` \|", PAGES["reference/environment.md"])
