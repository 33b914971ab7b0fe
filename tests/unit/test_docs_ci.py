"""The recipes for CI servers: YAML of the right shape, whose commands of testbed and make exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from docs_blocks import parse_command_line
from docs_links import DOCS, ROOT

PAGE = (DOCS / "how-to" / "ci.md").read_text()
GITHUB, GITLAB = (YAML(typ="safe").load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
# What `$(if $(NAME)...)` and the like in the Makefile read.
VARIABLES = set(re.findall(r"\$\(([A-Z_]+)\)", (ROOT / "Makefile").read_text()))


def scripts() -> Iterator[str]:
    """Yield the shell lines of both recipes, without expressions of the CI server."""
    for job in GITHUB["jobs"].values():
        yield from (line for step in job["steps"] for line in step.get("run", "").splitlines())
    for key in ("before_script", "script", "after_script"):
        yield from GITLAB["failover"][key]


COMMANDS = [
    re.sub(r"\$\{\{.*?\}\}", "hardened", line)
    for line in scripts()
    if line.split()[0] in ("make", "testbed", ".venv/bin/testbed")
]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_of_a_recipe_exists(line: str) -> None:
    program, *arguments = shlex.split(line)
    if program == "make":
        assert arguments[0] in TARGETS
        assert {word.partition("=")[0] for word in arguments[1:]} <= VARIABLES
    else:
        parse_command_line(arguments)


def test_both_recipes_play_an_incident_and_remove_the_cluster_whatever_happens() -> None:
    steps: list[dict[str, Any]] = GITHUB["jobs"]["failover"]["steps"]
    assert any(step.get("run") == "make testbed-down" and step["if"] == "always()" for step in steps)
    assert "make testbed-down" in GITLAB["failover"]["after_script"]
    assert len([line for line in COMMANDS if "testbed run " in line]) == 2
    assert all(("uses" in step) != ("run" in step) for step in steps)


def test_reports_and_junit_of_each_run_are_kept() -> None:
    kept = GITHUB["jobs"]["failover"]["steps"][-1]["with"]
    assert {".testbed/runs/*/report.html", ".testbed/runs/*/junit.xml"} <= set(kept["path"].split())
    assert kept["include-hidden-files"] is True
    assert GITLAB["failover"]["artifacts"]["when"] == "always"
    assert GITLAB["failover"]["artifacts"]["reports"]["junit"] == ".testbed/runs/*/junit.xml"
