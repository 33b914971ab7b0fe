"""JUnit's XML is valid by the published schema of Jenkins' xUnit plugin: strict parsers refuse anything else."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from report_forge import Forge
from test_pytest_plugin import pytest_in
from test_report_page import EXPECT, KNOWN

from testbed import report

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).parent / "schemas" / "junit-10.xsd"))
A_TEST_WITH_A_RUN = """
from pathlib import Path
from testbed.pytest_plugin.report_links import add_report_link

def test_it(request):
    add_report_link(request.node, Path("runs/first"))
    add_report_link(request.node, Path("runs/second"))
    assert request.node.name == "test_it"
"""


@pytest.mark.parametrize(
    "forge",
    [
        Forge(),
        Forge(lost=3, two_owners=2.0, expect=EXPECT, known=KNOWN),
        Forge(error="db2: the guest agent does not answer"),
    ],
    ids=["passed", "failed and known", "broken"],
)
def test_a_runs_report_is_valid(tmp_path: Path, forge: Forge) -> None:
    folder = forge.write(tmp_path / "run")
    report.write_report(folder)
    SCHEMA.validate(str(folder / "junit.xml"))


def test_a_damaged_runs_report_is_valid(tmp_path: Path) -> None:
    folder = Forge().write(tmp_path / "run")
    journal = folder / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[: len(whole) // 2])
    report.write_report(folder)
    SCHEMA.validate(str(folder / "junit.xml"))


def test_the_schema_refuses_properties_in_a_case(tmp_path: Path) -> None:
    folder = Forge().write(tmp_path / "run")
    report.write_report(folder)
    tree = ET.parse(folder / "junit.xml")  # noqa: S314 - our own
    case = next(tree.iter("testcase"))
    ET.SubElement(ET.SubElement(case, "properties"), "property", name="known_failure", value="why")
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        SCHEMA.validate(tree.getroot())


def test_the_plugin_links_reports_in_a_valid_document(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(A_TEST_WITH_A_RUN)
    result = pytest_in(tmp_path, "-q", "--junitxml=junit.xml")
    assert result.returncode == 0, result.stdout + result.stderr
    SCHEMA.validate(str(tmp_path / "junit.xml"))
    found = [(each.get("name"), each.get("value")) for each in ET.parse(tmp_path / "junit.xml").iter("property")]  # noqa: S314
    name = "testbed-report:test_mine.py::test_it"
    assert found == [(name, "runs/first/report.html"), (name, "runs/second/report.html")]
