"""Finds words that the project's vocabulary replaces, in names, comments, docstrings and texts.

`python tests/unit/vocabulary.py` writes the remainder: how many such words each file still has. A count may only fall.
The prose of Markdown pages has a test of its own (`tools/docs_prose.py`).
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
REMAINDER = Path(__file__).with_name("vocabulary_remainder.txt")
# Words that no name of a function, class, argument, variable or module has as a part, with what to write instead.
NAMES: Mapping[str, str] = {
    "told": "report, print, record, format", "tell": "report, print, record, format", "tells": "reports, prints",
    "telling": "report, print, record", "said": "output, message, lines", "say": "print, log", "says": "prints, logs",
    "words": "text, arguments, lines", "mend": "fix, repair", "mended": "fixed", "doomed": "affected",
    "felt": "noticed", "heir": "standby", "nowhere": "what it does", "anew": "again", "ceiling": "limit",
    "scenario": "incident", "scenarios": "incidents",
}  # fmt: skip
# Words that no comment, docstring, message or help has, with what to write instead.
TEXTS: Mapping[str, str] = {
    r"told|tells?|telling": "report, print, record, return",
    r"mend(?:s|ed|ing)?": "fix, repair",
    r"ceilings?": "limit",
    r"anew": "again",
    r"doomed": "affected",
    r"nobody": "the cause, or the actor",
    r"scenarios?": "incident",
    r"heirs?": "standby",
    r"spares?": "standby",
    r"felt": "noticed",
    r"whoever": "the actor",
    r"each second": "every second",
    r"whole (?:again|cluster|backups?)": "healthy, complete",
    r"taken over": "failed over",
    r"(?<!there )(?:is|are) no (?!longer\b|more\b|such\b|other\b)\w+": "is not a",
}
# Formats of logs, journals and answers, which keep such a word. docs/contract.md has the events.
_FORMATS = re.compile(r"clock-told|alone=nobody|[\"']scenario[\"']")
_TEXTS = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in TEXTS), re.IGNORECASE)
# What may have such a word, and why.
ALLOWED: Mapping[str, str] = {
    "images/arbiter/arbiter/__main__.py": "the arbiter's answer `alone=nobody` is a format",
    "src/testbed/designs/drbd/drbd_arbiter.py": "it reads the arbiter's answer `alone=nobody`",
    "src/testbed/images/mailboxes.py": "the generated mails are ordinary prose",
    "tests/unit/vocabulary.py": "it lists the words",
    "tests/unit/test_vocabulary.py": "it has files with the words checked",
    "tests/unit/test_docs_prose.py": "it has a page with the words checked",
    "tests/unit/test_renamed_keys.py": "it has the words of the first incident format",
    "src/testbed/checks/first_format.py": "it holds the words of the first incident format",
    "src/testbed/incidents/renamed_keys.py": "it answers the words of the first incident format",
    "src/testbed/cli/schema.py": "it answers the former name of a schema",
    "src/testbed/journal/events.py": "the journal's key `scenario` is a recorded format",
    "tools/docs_prose.py": "it lists the words",
}
SOURCES = ("src", "tests", "tools", "loadtests", "images", "incidents", "compose")
PYTHON, COMMENTED = {".py"}, {".yaml", ".sh", ".conf", ".service", ""}


def files() -> Iterator[Path]:
    """Yield the files of the checkout whose words count, relative to it."""
    listed = subprocess.run(["git", "ls-files", "-z", *SOURCES], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        path = Path(name)
        data = any(part in {"recordings", "samples", "composed", "schemas"} for part in path.parts)
        if name not in ALLOWED and not data and path.suffix in PYTHON | COMMENTED and (ROOT / path).is_file():
            yield path


def findings(path: Path) -> list[str]:
    """Return each word of a file that the vocabulary replaces, with its line."""
    try:
        text = (ROOT / path).read_text()
    except UnicodeDecodeError:
        return []
    if path.suffix in PYTHON or text.startswith(("#!/usr/bin/python3", "#!/usr/bin/env python3")):
        return [*_names(path, text), *_python_texts(text)]
    return [
        f"{number}: {match[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        if path.parts[0] in ("incidents", "compose") or line.lstrip().startswith("#")
        for match in _TEXTS.finditer(line)
    ]


def _names(path: Path, text: str) -> Iterator[str]:
    names = [(0, path.stem)]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append((node.lineno, node.name))
        elif isinstance(node, ast.arg):
            names.append((node.lineno, node.arg))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append((node.lineno, node.id))
    for line, name in names:
        parts = re.sub("([A-Z])", r"_\1", name).lower().split("_")
        yield from (f"{line}: {name}" for part in parts if part in NAMES)


def _python_texts(text: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            for match in _TEXTS.finditer(text := _FORMATS.sub("", token.string)):
                line = token.start[0] + text[: match.start()].count("\n")
                yield f"{line}: {match[0]}"


def remainder() -> dict[str, int]:
    """Return how many such words each file may still have."""
    lines = (line.split(maxsplit=1) for line in REMAINDER.read_text().splitlines() if not line.startswith("#"))
    return {name: int(count) for count, name in lines}


def main() -> None:
    """Write the remainder."""
    counts = Counter({str(path): len(findings(path)) for path in files()})
    head = (
        "# Words that the vocabulary replaces, by file; written by `python tests/unit/vocabulary.py`. May only fall.\n"
    )
    REMAINDER.write_text(head + "".join(f"{count} {name}\n" for name, count in sorted(counts.items()) if count))


if __name__ == "__main__":
    main()
