"""The project has one vocabulary: the words of its field, and one meaning for each name."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import vocabulary

SRC = vocabulary.ROOT / "src" / "testbed"


def test_no_file_gets_a_word_that_the_vocabulary_replaces() -> None:
    allowed = vocabulary.remainder()
    wrong = []
    for path in vocabulary.files():
        found = vocabulary.findings(path)
        if len(found) > allowed.get(str(path), 0):
            wrong.append(f"{path}: {len(found)}, of which {allowed.get(str(path), 0)} are old: {'; '.join(found[:40])}")
    assert not wrong, "\n".join(["write the words that tests/unit/vocabulary.py names instead", *wrong])


def test_the_remainder_names_only_files_that_exist() -> None:
    gone = vocabulary.remainder().keys() - {str(path) for path in vocabulary.files()}
    assert not gone, "run `python tests/unit/vocabulary.py`"


def test_an_allowed_file_exists() -> None:
    assert [name for name in vocabulary.ALLOWED if not (vocabulary.ROOT / name).is_file()] == []


def test_what_counts_as_a_word(tmp_path: Path) -> None:
    path = tmp_path / "told.py"
    path.write_text(
        '"""It tells nobody."""\n\n\ndef say_hello(words):\n    # a spare\n    retell = "mended"\n    return retell\n'
    )
    assert sorted(vocabulary.findings(path)) == [
        "0: told", "1: nobody", "1: tells", "4: say_hello", "4: words", "5: spare", "6: mended",
    ]  # fmt: skip


def test_no_class_name_recurs() -> None:
    places = defaultdict(list)
    for path in SRC.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(SRC)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_module_name_recurs() -> None:
    """A command's file may have the name of what it commands."""
    places = defaultdict(list)
    for path in SRC.rglob("*.py"):
        if path.stem not in ("__init__", "__main__") and path.parent != SRC / "cli":
            places[path.stem].append(str(path.relative_to(SRC)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_the_words_are_regular_expressions() -> None:
    assert all(re.compile(pattern) for pattern in vocabulary.TEXTS)
