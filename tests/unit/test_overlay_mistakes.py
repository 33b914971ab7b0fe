"""Mistakes in an overlay, which are reported in the overlay's own file."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML
from test_topology import CLUSTER, merged

from testbed.errors import UsageError
from testbed.topology import resolve


@pytest.mark.parametrize(
    ("entry", "place", "what"),
    [
        ("{kind: wsgi, port: 8O, path: /notes/}", ":4:31", "x-testbed-notes.applications.notes.port: port must be"),
        ("{kind: wsgi, port: 80, path: /notes/}", ":4:31", "x-testbed-notes.applications.notes.port: port 80 is below"),
        ("{kind: wsgi, prot: 8091, path: /notes/}", ":4:25", "unknown key 'prot'"),
        ("{kind: wsgi, port: 8091}", ":4:5", "key 'path' is missing"),
        ("notes", ":4:12", "notes holds keys, not 'notes'"),
    ],
)
def test_mistake_in_overlay_is_reported_in_overlay(tmp_path: Path, entry: str, place: str, what: str) -> None:
    overlay = tmp_path / "application.yaml"
    overlay.write_text(f"# An application.\nx-testbed-notes:\n  applications:\n    notes: {entry}\n")
    document = {**merged(), **YAML(typ="safe", pure=True).load(overlay.read_text())}
    with pytest.raises(UsageError) as caught:
        resolve(document, [CLUSTER, overlay])
    assert f"{overlay}{place}" in str(caught.value)
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x-testbed: {}\n",
            r":1:1: x-testbed is also in .*cluster\.yaml, and Compose keeps only one .*; name it x-testbed-",
        ),
        ("- x\n", ":1:1: a list where keys belong"),
    ],
)
def test_overlay_that_replaces_or_adds_nothing(tmp_path: Path, text: str, message: str) -> None:
    overlay = tmp_path / "application.yaml"
    overlay.write_text(text)
    with pytest.raises(UsageError, match=rf"application\.yaml{message}"):
        resolve(merged(), [CLUSTER, overlay])


def test_two_applications_need_two_names(tmp_path: Path) -> None:
    files = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    for file in files:
        file.write_text("x-testbed-notes: {}\n")
    with pytest.raises(UsageError, match=r"two\.yaml:1:1: x-testbed-notes is also in .*one\.yaml"):
        resolve(merged(), [CLUSTER, *files])


def test_key_that_overlay_leaves_out_is_missing_in_overlay(tmp_path: Path) -> None:
    overlay = tmp_path / "application.yaml"
    overlay.write_text("x-testbed-mine:\n  applications:\n    wiki: {kind: wsgi, port: 8082}\n")
    document = {**merged(), **YAML(typ="safe", pure=True).load(overlay.read_text())}
    with pytest.raises(UsageError, match=r"application\.yaml:3:5: x-testbed-mine\.applications\.wiki\.path: key"):
        resolve(document, [CLUSTER, overlay])
