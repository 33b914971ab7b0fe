"""Security options are written as Docker wants them: NAME=VALUE; the colon of old is deprecated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILES = [path for path in sorted((ROOT / "compose").glob("*.yaml")) if "security_opt" in path.read_text()]
PROGRAMS = [path for path in sorted((ROOT / "src").rglob("*.py")) if "security_opt=" in path.read_text()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_compose_files_separate_names_from_values_by_equals_signs(path: Path) -> None:
    services = YAML(typ="safe", pure=True).load(path)["services"]
    options = [option for service in services.values() for option in service.get("security_opt", [])]
    assert options
    assert [option for option in options if ":" in option] == []


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_containers_that_testbed_starts_itself_do_so_too(path: Path) -> None:
    lists = re.findall(r"security_opt=\[([^]]*)]", path.read_text())
    assert lists
    assert [each for each in lists if ":" in each] == []
