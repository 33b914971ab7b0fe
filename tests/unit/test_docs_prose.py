"""The rules of style that a program can check, in README and docs: short sentences, and the field's own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs_links import DOCS, ROOT
from docs_prose import LONGEST, sentences

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_sentence_is_short_and_has_no_banned_word(page: Path) -> None:
    wrong = [
        f"{page.relative_to(ROOT)}:{each.line}: {each.words} words, {list(each.banned())}: {each.text}"
        for each in sentences(page.read_text())
        if each.words > LONGEST or list(each.banned())
    ]
    assert wrong == []


def test_sentences_of_paragraphs_entries_and_cells_are_found() -> None:
    page = """# A heading

One sentence
over two lines. `code with spaces` begins [another one](x.md).

- An entry. **Bold.** Last
- Second, e.g. this

| cell | a \\| b |
|---|---|

```
not. this.
```
"""
    assert [each.text.replace("\u00a0", " ") for each in sentences(page)] == [
        "A heading", "One sentence over two lines.", "`code with spaces` begins another one.", "An entry.", "Bold.",
        "Last", "Second, e.g. this", "cell", "a \\| b",
    ]  # fmt: skip
    assert [each.line for each in sentences(page)][:4] == [1, 3, 3, 6]


def test_a_long_sentence_and_a_banned_word_are_found() -> None:
    long, banned = sentences("one " * 26 + ".\n\nThe spare serves, and `spare` is code.\n")
    assert long.words == 26
    assert list(banned.banned()) == ["spare"]
