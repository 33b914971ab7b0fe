"""Links and headings of Markdown pages, read as GitHub and the site read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`")
# A link or an image; the text of a link may hold an image.
_LINK = re.compile(r"\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_SOURCE = re.compile(r"<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)=\"([^\"]+)\"")
_HEADING = re.compile(r"^(#{1,6}) +(.+?) *#*$", re.MULTILINE)
# A link or picture with its text, which may hold brackets or a picture.
_WITH_TEXT = re.compile(r"!?\[((?:[^][]|\[[^]]*\])*)\]\([^)]*\)")
_OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a page to another page, a file or a heading.

    Attributes:
        text: as the page has it.
        path: the part before ``#``; empty for the page itself.
        anchor: the part behind ``#``; empty if there is none.
    """

    text: str
    path: str
    anchor: str


def without_fences(markdown: str) -> str:
    """Return a page without its code blocks."""
    return FENCE.sub("", markdown)


def without_code(markdown: str) -> str:
    """Return a page without its code blocks and code spans, which may hold what looks like a link."""
    return _CODE.sub("``", FENCE.sub("", markdown))


def without_links(markdown: str) -> str:
    """Return a page with the text of each link in place of the link."""
    return _WITH_TEXT.sub(r"\1", markdown)


def links(markdown: str) -> Iterator[Link]:
    """Yield the links that stay within the repository; links to the web are left out."""
    text = without_code(markdown)
    for pattern in (_LINK, _SOURCE):
        for match in pattern.finditer(text):
            if not _OUTSIDE.match(match[1]):
                path, _, anchor = match[1].partition("#")
                yield Link(match[1], path, anchor)


def slug(heading: str) -> str:
    """Return the anchor of a heading: small letters and digits, with ``-`` for each space.

    GitHub and Python-Markdown differ in some signs; ``anchors`` refuses headings whose anchors would differ.
    """
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
    return re.sub(r"[^\w\s-]", "", text).strip().lower().replace(" ", "-")


def anchors(markdown: str) -> set[str]:
    """Return the anchors of a page's headings; one that two headings have is left out.

    Raises:
        ValueError: GitHub and the site would give a heading different anchors.
    """
    found: list[str] = []
    for match in _HEADING.finditer(FENCE.sub("", markdown)):
        anchor = slug(match[2])
        if "--" in anchor or not anchor.isascii():
            raise ValueError(f"the heading {match[2]!r} has different anchors on GitHub and on the site")
        found.append(anchor)
    return {anchor for anchor in found if found.count(anchor) == 1}
