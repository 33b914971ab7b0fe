"""What the pages about the design name is there: files, incidents, settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HARDENED = (ROOT / "docs" / "hardened.md").read_text()
PAGES = {name: (ROOT / "docs" / name).read_text() for name in ("hardened.md", "design-2006.md", "split-brain.md")}
TREES = ("compose/", "docs/", "images/", "incidents/", "src/", "tests/")


def code_spans(text: str) -> set[str]:
    """Return what stands between backticks, outside of blocks."""
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page: str) -> None:
    named = {word for word in code_spans(PAGES[page]) if word.startswith(TREES)}
    missing = {word for word in named if not any(ROOT.glob(word.rstrip("/")))}
    assert not missing


def rows() -> list[list[str]]:
    table = HARDENED.split("## Hole by hole")[1].split("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]


def test_each_hole_has_its_setting_and_its_incident() -> None:
    overlay = (ROOT / "compose" / "hardened.yaml").read_text()
    holes = rows()[2:]
    assert len(holes) >= 8
    for _, _, settings, incidents in holes:
        assert code_spans(settings)
        assert all(re.search(rf"\b{setting}\b", overlay) for setting in code_spans(settings)), settings
        assert code_spans(incidents)
        assert all((ROOT / "incidents" / f"{name}.yaml").is_file() for name in code_spans(incidents)), incidents
