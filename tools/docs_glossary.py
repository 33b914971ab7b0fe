"""Terms of the glossary, and their links on the site's other pages."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from docs_links import slug, without_links

_ENTRY = re.compile(r"^## (?P<heading>[^\n]+)\n+(?P<text>.+?)(?=\n\n|\n## |\Z)", re.DOTALL | re.MULTILINE)
_TAG = re.compile(r"(<[^>]*>)")
# Text in these elements gets no link.
_LEFT_ALONE = {"a", "code", "pre", "script", "style", "svg", "h1", "h2", "h3", "h4", "h5", "h6", "th", "figcaption"}
# With fewer words than this, a first sentence alone explains little.
SHORT = 8
# Terms that are also words of everyday language, such as in "run it again".
_AMBIGUOUS = {"check", "condition", "hang", "heal", "run", "series", "unknown"}


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the glossary.

    Attributes:
        name: as the heading has it.
        anchor: of the heading.
        meaning: its first sentence, without marks; two, if the first is short.
    """

    name: str
    anchor: str
    meaning: str


def terms(glossary: str) -> Iterator[Term]:
    """Yield the terms that other pages link to. A heading with a comma has several terms."""
    for entry in _ENTRY.finditer(glossary):
        text = " ".join(without_links(entry["text"]).replace("`", "").replace("**", "").split())
        sentences = re.split(r"(?<=\.) ", re.sub(r" \([^()]*\)(?=\.)", "", text))
        meaning = " ".join(sentences[: 2 if len(sentences[0].split()) < SHORT else 1])
        for name in entry["heading"].split(", "):
            if name.lower() not in _AMBIGUOUS:
                yield Term(name, slug(entry["heading"]), meaning)


def link_first_uses(page: str, known: Iterable[Term], glossary: str) -> str:
    """Return a page's HTML with a link at the first use of each term; the link shows the meaning.

    A term that the page links by itself gets no second link.

    Args:
        page: the HTML.
        known: the terms.
        glossary: the address of the glossary, as the page would link to it.
    """
    # Long terms first: "virtual address" before "address".
    waiting = sorted((each for each in known if f'#{each.anchor}"' not in page), key=lambda term: -len(term.name))
    parts = _TAG.split(page)
    inside: list[str] = []
    for at, part in enumerate(parts):
        if tag := re.match(r"</?([a-z0-9]+)", part):
            if tag[1] in _LEFT_ALONE:
                inside = inside[:-1] if part.startswith("</") else [*inside, tag[1]]
        elif not inside and part.strip():
            parts[at], waiting = _link(part, waiting, glossary)
    return "".join(parts)


def _link(text: str, waiting: list[Term], glossary: str) -> tuple[str, list[Term]]:
    """Return the text with its first uses linked, and the terms that are still to come."""
    found: dict[str, str] = {}
    for term in waiting:
        if match := re.search(_pattern(term), text):
            mark = f"\x00{len(found)}\x00"
            title = html.escape(term.meaning, quote=True)
            found[mark] = f'<a class="term" href="{glossary}#{term.anchor}" title="{title}">{match[0]}</a>'
            text = text[: match.start()] + mark + text[match.end() :]
            waiting = [other for other in waiting if other is not term]
    for mark, link in found.items():
        text = text.replace(mark, link)
    return text, waiting


def _pattern(term: Term) -> str:
    """Return the pattern of a term in running text: a plural, or a capital at the beginning of a sentence."""
    first, rest = re.escape(term.name[0]), re.escape(term.name[1:]).replace(r"\ ", r"\s+")
    if not term.name.isupper():
        first = f"[{term.name[0].upper()}{term.name[0].lower()}]"
    return rf"(?<![\w./-]){first}{rest}s?(?![\w/-])"
