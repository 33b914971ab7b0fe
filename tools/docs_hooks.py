"""What ``make docs`` adds to MkDocs: the reference, linked files, links to the glossary, a check for fetched files.

MkDocs calls the functions by their names (https://www.mkdocs.org/user-guide/configuration/#hooks).
"""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).parent))
from docs_glossary import link_first_uses, terms
from docs_html import label_tables, link_pictures
from docs_links import DOCS, ROOT, links
from docs_reference import pages

OUTSIDE = "files"
GLOSSARY = "glossary.md"
# What a browser would fetch by itself: scripts, styles, pictures, frames.
_FETCHED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*?\bsrc=\"(https?:|//)[^\"]*\"|<link\b[^>]*?\bhref=\"(https?:|//)[^\"]*\""
)


def on_files(files: Any, config: Any) -> Any:  # noqa: ANN401 - MkDocs is installed for `make docs` only
    """Add the reference, which is made from the code, and the files outside of ``docs/`` that pages link to."""
    for uri, markdown in pages().items():
        files.append(File.generated(config, uri, content=markdown))
    for path in sorted({ROOT / "CHANGELOG.md", *_outside()}):
        uri = f"{OUTSIDE}/{path.relative_to(ROOT).as_posix()}"
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:  # noqa: ANN401
    """Let links that leave ``docs/`` lead to the copies below ``files/``."""
    here = posixpath.dirname(page.file.src_uri)
    for link in {each.text: each for each in links(markdown)}.values():
        if target := _leaves(DOCS / here, link.path):
            inside = posixpath.relpath(f"{OUTSIDE}/{target.relative_to(ROOT).as_posix()}", here or ".")
            markdown = markdown.replace(f"]({link.text})", f"]({inside}{'#' + link.anchor if link.anchor else ''})")
    return markdown


def on_page_content(html: str, page: Any, **_: Any) -> str:  # noqa: ANN401
    """Prepare tables and pictures for phones, and link terms to the glossary at their first use."""
    html = label_tables(link_pictures(html))
    if page.file.src_uri == GLOSSARY or page.file.src_uri.startswith((f"{OUTSIDE}/", "index.md")):
        return html
    address = posixpath.relpath(GLOSSARY.replace(".md", ".html"), posixpath.dirname(page.file.src_uri) or ".")
    return link_first_uses(html, terms((DOCS / GLOSSARY).read_text()), address)


def on_post_build(config: Any) -> None:  # noqa: ANN401
    """Refuse a site that fetches something from elsewhere.

    Raises:
        PluginError: a page does.
    """
    for page in sorted(Path(config.site_dir).rglob("*.html")):
        if match := _FETCHED.search(page.read_text()):
            raise PluginError(f"{page.name} fetches from elsewhere: {match[0]}; the site must work without a network")


def _outside() -> Iterator[Path]:
    for page in DOCS.rglob("*.md"):
        for link in links(page.read_text()):
            if target := _leaves(page.parent, link.path):
                yield target


def _leaves(folder: Path, path: str) -> Path | None:
    """Return the file that a link leads to, if it is one of the repository outside of ``docs/``."""
    target = Path(os.path.normpath(folder / path))
    inside = target.is_relative_to(DOCS) or not target.is_relative_to(ROOT)
    return target if path and target.is_file() and not inside else None
