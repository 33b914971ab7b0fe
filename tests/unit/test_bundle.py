"""`testbed bundle`: what is in it, and that no secret is."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from fakes import topology
from test_health import TOPOLOGY, whole
from typer.testing import CliRunner

from testbed.cli import app
from testbed.cluster import secrets
from testbed.cluster.shape import Shape
from testbed.errors import TestbedError
from testbed.faults import Ledger
from testbed.machines.machine import LogLine
from testbed.recorder import bundle
from testbed.recorder.redaction import REDACTED, Redaction, secrets_of


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("the password is s3cr3t-of-ours.", f"the password is {REDACTED}."),
        ("CARP_PASSWORD=hunter2 next", f"CARP_PASSWORD={REDACTED} next"),
        ('{"auth_token": "abc", "token": "w-1"}', f'{{"auth_token": "{REDACTED}", "token": "w-1"}}'),
        ("HTTPS_PROXY=http://me:pass@proxy.test:3128/", f"HTTPS_PROXY=http://{REDACTED}@proxy.test:3128/"),
        ('"php-horde-secret": "2.0.6", "passwd": "1:4.8"', '"php-horde-secret": "2.0.6", "passwd": "1:4.8"'),
        ("http://mirror.test:8080/a@b", "http://mirror.test:8080/a@b"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nrest", f"{REDACTED}\nrest"),
    ],
)
def test_secrets_are_replaced_and_nothing_else(text: str, clean: str) -> None:
    assert Redaction({"s3cr3t-of-ours", "ours"}).text(text) == clean


def test_every_secret_of_a_cluster_is_known(tmp_path: Path) -> None:
    secrets.ensure(tmp_path, topology())
    found = secrets_of(tmp_path)
    assert secrets.mail_password(tmp_path) in found
    key = (tmp_path / "pki" / "ca.key").read_text().splitlines()
    assert set(key[1:-1]) <= found
    assert len(found) > 10


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cluster whose nodes log its secrets, and a run whose journal holds one."""
    state = tmp_path / "state"
    monkeypatch.setenv("TESTBED_STATE", str(state))
    monkeypatch.setenv("TESTBED_LOCK_TOKENS", "lock-token-of-this-process")
    monkeypatch.setenv("HOME_OF_SOMETHING", "not-for-a-report")
    secrets.ensure(state, topology())
    leaked = " ".join(sorted(secrets_of(state)))

    def node(name: str) -> SimpleNamespace:
        return SimpleNamespace(
            name=name, console=lambda: None, logs=lambda tail: iter([LogLine(1.0, f"{name} logged {leaked} {tail}")])
        )

    cluster = SimpleNamespace(
        shape=Shape(), topology=TOPOLOGY, state=whole, ledger=Ledger(state / "faults"),
        fleet=SimpleNamespace(machines=lambda: [node("lb1"), node("db1")]),
    )  # fmt: skip
    monkeypatch.setattr(bundle, "Cluster", lambda _: cluster)
    monkeypatch.setattr(bundle, "examine", lambda _: [])
    monkeypatch.setattr(bundle, "collect_versions", lambda *_: {"testbed": "1"})
    monkeypatch.setattr(bundle, "compose_config", lambda *_: f"services: {{db1: {{x: {leaked}}}}}\n")
    for name, text in (("runs/20261124-1-x/journal.jsonl", leaked), ("logs/compose.log", leaked)):
        path = state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return state


def written(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        members = {member.name.partition("/")[2]: archive.extractfile(member) for member in archive}
        return {name: file.read().decode() for name, file in members.items() if file}


def make(target: Path, *arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["bundle", "--output", str(target), "--json", *arguments])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_a_bundle_explains_and_contains_no_secret(state: Path, tmp_path: Path) -> None:
    target = tmp_path / "problem.tar.gz"
    found = make(target, "--run", "latest")
    files = written(target)
    assert found["files"] == list(files)
    assert {
        "environment.json", "doctor.json", "state-folder.txt", "compose.yaml", "status.json", "versions.json",
        "nodes/lb1.log", "nodes/db1.log", "logs/compose.log", "run/journal.jsonl",
    } <= files.keys()  # fmt: skip
    everything = "".join(files.values())
    assert REDACTED in files["nodes/lb1.log"]
    assert "lb1 logged" in files["nodes/lb1.log"]
    for secret in secrets_of(state):
        assert secret not in everything
    assert "lock-token" not in everything
    assert "not-for-a-report" not in everything
    assert "nodes/db/secrets.env" in files["state-folder.txt"]
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("state")
def test_what_cannot_be_had_is_named_and_keeps_nothing_else_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise TestbedError("the engine is gone")

    monkeypatch.setattr(bundle, "examine", refuse)
    monkeypatch.setattr(bundle, "collect_versions", refuse)
    make(tmp_path / "b.tar.gz")
    files = written(tmp_path / "b.tar.gz")
    assert "the engine is gone" in files["versions.json.missing"]
    assert "nodes/db1.log" in files
    assert "run/journal.jsonl" not in files


def test_a_journal_that_is_too_large_is_left_out(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "RUN_FILE_BYTES", 10)
    result = CliRunner().invoke(app, ["bundle", "-o", str(tmp_path / "b.tar.gz"), "--run", "20261124-1-x"])
    assert result.exit_code == 0
    assert "is too large; send" in result.output
    assert "run/journal.jsonl" not in written(tmp_path / "b.tar.gz")
    assert not list(state.glob(".b.tar*"))
