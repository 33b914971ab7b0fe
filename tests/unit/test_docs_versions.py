"""The page of versions: what the repository itself fixes is on it as it is fixed."""

from __future__ import annotations

import re

import pytest

from docs_links import DOCS, ROOT
from testbed.openbsd import release

PAGE = (DOCS / "versions.md").read_text()


@pytest.mark.parametrize(("program", "package"), [("Locust", "locust"), ("psycopg", "psycopg")])
def test_a_python_package_has_its_locked_version(program: str, package: str) -> None:
    locked = re.search(rf"^{package}==(\S+)", (ROOT / "requirements" / "client.txt").read_text(), re.MULTILINE)
    assert locked
    assert f"| {program} | {locked[1]} |" in PAGE


def test_openbsd_has_the_default_release() -> None:
    assert f"OpenBSD {release.DEFAULT} in a VM" in PAGE
