"""What the site's HTML gets after Markdown: labels for tables on a phone, and pictures that can be enlarged."""

from __future__ import annotations

import html
import re
from itertools import count

# Tables with fewer columns fit a phone as they are, unless a name in the first column is longer than this.
WIDE = 3
LONG_NAME = 26
# Tables with as many columns have too narrow ones on a desktop as well.
VERY_WIDE = 6
_TABLE = re.compile(r"<table>(.*?)</table>", re.DOTALL)
_HEAD = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_FIRST = re.compile(r"<tr>\s*<td\b[^>]*>(.*?)</td>", re.DOTALL)
_PICTURE = re.compile(r'(<img\b[^>]*?\bsrc="([^"]*)"[^>]*>)(?!\s*</a>)')


def label_tables(page: str) -> str:
    """Return a page whose wide tables name the column in each cell, so that rows can be shown as cards."""
    return _TABLE.sub(_labelled, page)


def link_pictures(page: str) -> str:
    """Return a page whose pictures are links to themselves."""
    return _PICTURE.sub(r'<a class="picture" href="\2">\1</a>', page)


def _labelled(table: re.Match[str]) -> str:
    heads = [html.escape(re.sub(r"<[^>]*>", "", head).strip(), quote=True) for head in _HEAD.findall(table[1])]
    names = [max(re.sub(r"<[^>]*>", "", cell).split(" "), key=len) for cell in _FIRST.findall(table[1])]
    if len(heads) < WIDE and max(map(len, names), default=0) <= LONG_NAME:
        return table[0]

    def row(match: re.Match[str]) -> str:
        column = count()
        return re.sub(r"<td\b", lambda _: f'<td data-label="{heads[next(column)]}"', match[0])

    # Material's styles are for tables without a class, so the mark is an attribute.
    shown = "always" if len(heads) >= VERY_WIDE else "phone"
    return f'<table data-cards="{shown}">{_ROW.sub(row, table[1])}</table>'
