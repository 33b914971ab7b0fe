"""Links from the site's pages to the glossary: each term once, at its first use, and never within code or a link."""

from __future__ import annotations

from docs_glossary import link_first_uses, terms
from docs_links import DOCS, anchors

GLOSSARY = """# Glossary

## DRBD
Copies blocks ([page](drbd.md)). A kernel module does it. More.

## Primary, standby
The node that serves, and the one that is ready to take over.

## Run
One play.
"""


def test_a_heading_has_one_term_or_several_and_ambiguous_terms_are_left_out() -> None:
    found = {term.name: (term.anchor, term.meaning) for term in terms(GLOSSARY)}
    assert found == {
        "DRBD": ("drbd", "Copies blocks. A kernel module does it."),
        "Primary": ("primary-standby", "The node that serves, and the one that is ready to take over."),
        "standby": ("primary-standby", "The node that serves, and the one that is ready to take over."),
    }


def test_only_the_first_use_outside_of_code_headings_and_links_gets_a_link() -> None:
    page = "<h1>DRBD</h1><p><code>DRBD</code> <a href='x'>DRBD</a> drbd, DRBD, <b>DRBD</b>. Standbys.</p>"
    linked = link_first_uses(page, terms(GLOSSARY), "glossary.html")
    assert linked.count('class="term"') == 2
    assert 'drbd, <a class="term" href="glossary.html#drbd" title="Copies blocks. A kernel' in linked
    assert '">Standbys</a>.' in linked


def test_a_term_that_the_page_links_itself_gets_no_second_link() -> None:
    page = '<p>DRBD, see <a href="glossary.html#drbd">DRBD</a></p>'
    assert link_first_uses(page, terms(GLOSSARY), "glossary.html") == page


def test_each_term_has_a_heading_and_a_meaning_of_one_or_two_sentences() -> None:
    text = (DOCS / "glossary.md").read_text()
    found = list(terms(text))
    assert len(found) > 30
    assert {term.anchor for term in found} <= anchors(text)
    assert all(20 < len(term.meaning) < 200 for term in found)


def test_the_entries_of_the_glossary_are_sorted() -> None:
    heads = [line.lower() for line in (DOCS / "glossary.md").read_text().splitlines() if line.startswith("## ")]
    assert heads == sorted(heads)
