"""Sentences of Markdown pages, and the rules of style that a program can check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docs_links import FENCE, without_links

LONGEST = 25
# An entry with more links than this is a list of links and no sentence.
MANY_LINKS = 5
# Words that the vocabulary replaces, and what to write instead.
BANNED = {
    r"scenarios?": "incident",
    r"spares?": "standby",
    r"heirs?": "standby",
    r"mend(s|ed|ing)?": "repair",
    r"anew": "again",
    r"each second": "every second",
    r"told": "printed, reported",
    r"(?<!runs to )tells?": "print, report",
    r"in order(?! (to|of|that))": "gracefully",
    r"whole backups?": "complete",
    r"ceilings?": "limit",
    r"whoever": "name the actor",
    r"nobody": "write the cause",
    r"is (felt|no (?!longer|more\b)\w+)": "is not a",
    r"felt": "noticed",
    r"taken over": "failed over",
    r"nowhere": "name the place",
}
_BANNED = {re.compile(rf"\b{pattern}\b", re.IGNORECASE): instead for pattern, instead in BANNED.items()}
_MARK = re.compile(r"^ *(?:[-*+]|\d+\.|#{1,6}|>|!!!.*|:) +")
_END = re.compile(r"(?<=[.!?])[*)\"”]*\s+")
# A full stop behind these ends no sentence.
_SHORT = re.compile(r"\b(e\.g|i\.e|cf|vs|etc|Dr|St)\.$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a page.

    Attributes:
        line: the line on which its paragraph, cell or list entry begins.
        text: without marks; a code span is one word.
    """

    line: int
    text: str

    @property
    def words(self) -> int:
        """How many words it has; signs and numbers with a unit count as one."""
        return len([word for word in self.text.split() if re.search(r"\w", word)])

    def banned(self) -> Iterator[str]:
        """Yield the words of it that the vocabulary replaces."""
        for pattern in _BANNED:
            yield from (match[0] for match in pattern.finditer(re.sub(r"`[^`]*`", "`x`", self.text)))


def sentences(markdown: str) -> Iterator[Sentence]:
    """Yield the sentences of a page: of paragraphs, list entries, headings and table cells, without code blocks."""
    text = FENCE.sub(lambda match: "\n" * match[0].count("\n"), markdown)
    text = re.sub(r"<!--.*?-->", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL)
    text = re.sub(r"`[^`]+`", lambda match: match[0].replace(" ", "\u00a0").replace("|", "/"), text)
    for line, block in _blocks(text):
        if block.count("](") >= MANY_LINKS:
            continue
        plain = re.sub(r"<[^>\n]*>", "", without_links(block))
        start = ""
        for part in _END.split(" ".join(plain.replace("**", "").split())):
            start = f"{start} {part}".strip()
            if not _SHORT.search(start):
                yield Sentence(line, start)
                start = ""


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Yield paragraphs, list entries, headings and the facts of table cells, which `;` separates, with their line."""
    first, gathered = 0, ""
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        table = line.lstrip().startswith("|")
        heading = line.startswith("#")
        if (not line.strip() or table or heading or _MARK.match(line)) and gathered:
            yield first, gathered
            gathered = ""
        if table:
            cells = re.split(r"(?<!\\)\||;\s", line.strip().strip("|"))
            yield from ((number, cell) for cell in cells if cell.strip(" -:"))
        elif heading:
            yield number, _MARK.sub("", line)
        elif line.strip():
            first = first if gathered else number
            gathered += f" {_MARK.sub('', line)}"
