"""Every link of README and the documentation leads to a file that exists, and to a heading that it has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs_links import DOCS, ROOT, anchors, links, slug
from docs_reference import pages

# Made when the site is built, so no such file exists.
GENERATED = {DOCS / name: markdown for name, markdown in pages().items()}
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md")), *GENERATED]


def text_of(page: Path) -> str:
    """Return the Markdown of a page."""
    return GENERATED[page] if page in GENERATED else page.read_text()


def broken(page: Path, markdown: str) -> list[str]:
    """Return the links of a page that lead nowhere."""
    wrong = []
    for link in links(markdown):
        target = (page.parent / link.path).resolve() if link.path else page
        if not (target.exists() or target in GENERATED) or not target.is_relative_to(ROOT):
            wrong.append(f"{link.text}: no such file")
        elif link.anchor and link.anchor not in anchors(markdown if target == page else text_of(target)):
            wrong.append(f"{link.text}: no such heading")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page, text_of(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_module_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"(?<![\w/])src/testbed/[\w/]+(?:\.py)?", text_of(page))
    assert [each for each in named if not (ROOT / each).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_heading_has_one_anchor_on_github_and_on_the_site(page: Path) -> None:
    anchors(text_of(page))


@pytest.mark.parametrize(
    ("markdown", "wrong"),
    [
        ("[a](docs/incidents.md#keys)", []),
        ("[a](docs/incidents.md#kees)", ["docs/incidents.md#kees: no such heading"]),
        ("[a](docs/incident.md)", ["docs/incident.md: no such file"]),
        ("[![a](docs/a.svg)](docs/incidents.md)", ["docs/a.svg: no such file"]),
        ('<img src="docs/a.png">', ["docs/a.png: no such file"]),
        ("# Here\n[a](#here) [b](#there)", ["#there: no such heading"]),
        ("```\n[a](nowhere.md)\n```\n`[b](nowhere.md)` [c](https://example.org/nowhere.md)", []),
        ("[a](../elsewhere/)", ["../elsewhere/: no such file"]),
    ],
)
def test_a_broken_link_is_found(markdown: str, wrong: list[str]) -> None:
    assert broken(ROOT / "README.md", markdown) == wrong


def test_headings_have_githubs_anchors() -> None:
    assert slug("What is proved, and what is not") == "what-is-proved-and-what-is-not"
    assert slug("`expect`: [keys](a.md)") == "expect-keys"
    with pytest.raises(ValueError, match="different anchors"):
        anchors("# One & two")
