"""A developer of another project: the example of docs/pytest.md, run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

from testbed.cluster import Cluster

DOCUMENT = Path(__file__).parents[2] / "docs" / "pytest.md"


def test_the_documented_example_passes_in_a_project_of_its_own(cluster: Cluster, tmp_path: Path) -> None:
    blocks: list[str] = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    [example] = [block for block in blocks if "testbed_load(" in block]
    assert len(example.splitlines()) <= 10
    (tmp_path / "test_mine.py").write_text(example)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--junitxml=junit.xml", "test_mine.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 passed" in result.stdout
    [link] = [
        each.attrib["value"] for each in ET.parse(tmp_path / "junit.xml").iter("property")  # noqa: S314
        if each.attrib["name"] == "testbed-report:test_mine.py::test_the_site_survives_its_database"
    ]  # fmt: skip
    assert Path(link).is_file()
    assert Path(link).is_relative_to(cluster.settings.state_dir)
