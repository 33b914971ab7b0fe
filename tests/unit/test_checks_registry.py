"""A check's class holds all that testbed knows of the check; a new one needs nothing but its file and one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import ValidationError
from report_forge import Forge

from docs_reference import checks as reference_page
from testbed import report
from testbed.checks import CHECKS, check, documentation, judge
from testbed.checks.expectations import Expect, Profile
from testbed.incidents.incident_schema import schema
from testbed.journal import read

ROOT = Path(__file__).parents[2]
TOY = '''
from testbed.checks import Check, Status, Verdict, register
from testbed.journal import ProbeSample


class Toy(Check):
    """The run has at least one sample."""

    name = "toy"
    passes_if = "a sample was recorded"
    unknown_if = "never"
    judges = "every run"

    def judge(self, run):
        return Verdict(self.name, Status.PASS, f"{len(run.journal.of(ProbeSample)) > 0}")


register(Toy())
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = tmp_path / "toy_checks"
    package.mkdir()
    (package / "__init__.py").write_text("from toy_checks import toy\n")
    (package / "toy.py").write_text(TOY)
    monkeypatch.syspath_prepend(str(tmp_path))
    import_module("toy_checks")
    yield
    del check._CHECKS["toy"]
    for name in ("toy_checks", "toy_checks.toy"):
        sys.modules.pop(name)


@pytest.mark.usefixtures("toy")
def test_a_toy_check_is_in_schema_reference_and_report(tmp_path: Path) -> None:
    folder = Forge().write(tmp_path / "run")
    assert [each.summary for each in judge(read(folder / "journal.jsonl")) if each.check == "toy"] == ["True"]
    known = schema()["$defs"]["Profile"]["properties"]["known_failures"]
    assert "toy" in known["propertyNames"]["enum"]
    assert "| [`toy`](../checks.md#toy) | The run has at least one sample. | every run |" in reference_page()
    report.write_report(folder)
    page = (folder / "report.html").read_text()
    assert "The run has at least one sample." in page
    assert documentation("toy") in page
    assert Profile.model_validate({"known_failures": {"toy": "It is a toy."}}).known_failures == {"toy": "It is a toy."}


def test_a_name_that_is_not_registered_is_refused() -> None:
    with pytest.raises(ValidationError, match="'outage', 'no-service'"):
        Profile.model_validate({"known_failures": {"toy": "It is a toy."}})
    with pytest.raises(ValueError, match="a check 'outage' exists"):
        check.register(CHECKS["outage"])


@pytest.mark.parametrize("name", [*CHECKS, "run", "steps", "journal"])
def test_every_verdict_has_its_heading_in_the_documentation(name: str) -> None:
    path, _, heading = documentation(name).partition("#")
    assert f"\n### {heading}\n" in (ROOT / path).read_text()


@pytest.mark.parametrize("each", CHECKS.values(), ids=list(CHECKS))
def test_every_check_names_its_runs_by_keys_that_exist(each: check.Check) -> None:
    assert each.judged_runs
    assert each.title.endswith(".")
    assert set(each.asked_by) <= set(Expect.model_fields)


def test_every_expectation_is_judged_by_a_check() -> None:
    read_by_a_check_of_every_run = {"allow_alarms"}
    asked = {key for each in CHECKS.values() for key in each.asked_by}
    assert asked | read_by_a_check_of_every_run == set(Expect.model_fields)
