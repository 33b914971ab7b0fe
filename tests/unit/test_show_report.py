"""Reports in a browser, here or through SSH, `testbed open`, and `testbed runs rm`."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import pytest
from holding import holder
from report_forge import Forge
from typer.testing import CliRunner

from testbed import report
from testbed.cli import app, browser
from testbed.cluster import project
from testbed.cluster.lock import InUseError, Use
from testbed.errors import UsageError
from testbed.report.server import serve
from testbed.wait import wait_until

TESTBED = Path(sys.executable).with_name("testbed")


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs: one that passes and is reported, one that fails."""
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path))
    parent = tmp_path / "runs"
    Forge(seconds=45, users=2, interval=0.1, repeat=1, repeats=1, seed=1).write(parent / "20261124-120001-good")
    Forge(seconds=45, users=2, interval=0.1, lost=1, name="bad", series="bad").write(parent / "20261124-130000-bad")
    report.write_report(parent / "20261124-120001-good")
    report.write_report(parent / "20261124-130000-bad")
    return parent


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser is asked to open; there is a display."""
    pages: list[str] = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    return pages


def get(port: int, path: str, host: str = "localhost") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": f"{host}:{port}"})
    return connection.getresponse()


@pytest.fixture
def port(parent: Path) -> Iterator[int]:
    with serve(parent / "20261124-120001-good") as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join(10)


def test_a_run_s_files_are_served_on_loopback(port: int, parent: Path) -> None:
    page = (parent / "20261124-120001-good" / "report.html").read_bytes()
    assert get(port, "/").read() == page
    assert get(port, "/report.html").read() == page
    assert json.loads(get(port, "/summary.json").read())["verdict"] == "pass"
    assert get(port, "/nodes/").status == 404
    assert get(port, "/../20261124-130000-bad/report.html").status == 404


def test_a_page_of_another_name_gets_nothing(port: int) -> None:
    assert get(port, "/", host="127.0.0.1").status == 200
    assert get(port, "/", host="rebound.example.net").status == 403


def test_a_port_that_is_taken_is_refused(parent: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match=r"--port: port .*in use"):
        serve(parent, taken.getsockname()[1])


def test_serve_prints_the_address_and_the_way_to_it(parent: Path) -> None:
    environment = {**os.environ, "SSH_CONNECTION": "192.0.2.7 50000 192.0.2.9 22"}
    with subprocess.Popen(
        [TESTBED, "report", "bad", "--open"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        address = next(line for line in lines if line.startswith("http://"))
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\n", address)
        assert match
        page = (parent / "20261124-130000-bad" / "report.html").read_bytes()
        wait_until(lambda: get(int(match[1]), "/").read() == page, 20, "the page")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert re.search(rf"ssh -L {match[1]}:127\.0\.0\.1:{match[1]} \S+@192\.0\.2\.9", errors)
    assert process.returncode == 1  # the run's verdict


def test_with_a_display_the_file_is_opened(parent: Path, opened: list[str]) -> None:
    assert CliRunner().invoke(app, ["report", "--open"]).exit_code == 1
    assert opened == [(parent / "20261124-130000-bad" / "report.html").as_uri()]


def test_without_a_name_the_latest_run_is_judged(parent: Path) -> None:
    result = CliRunner().invoke(app, ["report", "--json"])
    assert json.loads(result.stdout)["run"] == "20261124-130000-bad"
    assert json.loads(result.stdout)["report"] == str(parent / "20261124-130000-bad" / "report.html")
    Forge(seconds=45, users=2, interval=0.1, seed=1).write(parent / "20261124-140000-goes-on")
    assert report.latest_run(parent).name == "20261124-130000-bad"
    for page in parent.glob("*/report.html"):
        page.unlink()
    assert report.latest_run(parent).name == "20261124-140000-goes-on"
    with pytest.raises(UsageError, match="there are no runs"):
        report.latest_run(parent / "nowhere")


@pytest.mark.parametrize(
    ("page", "url"),
    [
        ("site", "https://localhost:8443/horde/"),
        ("locust", "http://127.0.0.1:8089/"),
        ("report", "file://.*/20261124-130000-bad/report.html"),
    ],
)
def test_open_opens_a_page(
    page: str, url: str, parent: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "exists", lambda _: True)
    secrets = parent.parent / "nodes" / "client" / "secrets.env"
    secrets.parent.mkdir(parents=True)
    secrets.write_text("MAIL_PASSWORD=geheim\n")
    result = CliRunner().invoke(app, ["open", page])
    assert result.exit_code == 0, result.output
    [found] = opened
    assert re.fullmatch(url, found)
    assert found in result.stdout.replace("\n", "")
    assert ("geheim" in result.output) == (page == "site")


def test_open_refuses_when_no_cluster_is_up(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "exists", lambda _: False)
    assert isinstance(CliRunner().invoke(app, ["open"]).exception, UsageError)
    assert not opened


def test_over_ssh_the_way_is_printed(monkeypatch: pytest.MonkeyPatch, opened: list[str]) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.9 22")
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    assert browser.forward(8443, 8089) == "ssh -L 8443:127.0.0.1:8443 -L 8089:127.0.0.1:8089 root@192.0.2.9"
    assert not browser.has_display()
    browser.show("https://localhost:8443/", 8443)
    assert not opened


def names(parent: Path) -> list[str]:
    return [folder.name for folder in report.list_runs(parent)]


def test_named_runs_are_deleted(parent: Path) -> None:
    assert CliRunner().invoke(app, ["runs", "rm", "bad", "--yes"]).exit_code == 0
    assert names(parent) == ["20261124-120001-good"]


def test_runs_are_chosen_by_verdict_and_age(parent: Path) -> None:
    assert CliRunner().invoke(app, ["runs", "rm", "--passed", "--older-than", "999999h", "--yes"]).exit_code == 0
    assert len(names(parent)) == 2
    assert CliRunner().invoke(app, ["runs", "rm", "--passed", "--yes"]).exit_code == 0
    assert names(parent) == ["20261124-130000-bad"]
    assert CliRunner().invoke(app, ["runs", "rm", "--all", "--yes"]).exit_code == 0
    assert names(parent) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["bad"], "1 run .* is deleted: 20261124-130000-bad, and standard input is not a terminal"),
        (["nowhere", "--yes"], "no run 'nowhere'"),
        (["--yes"], "no run is named"),
        (["bad", "--all", "--yes"], "use one of them"),
    ],
)
def test_runs_stay_without_consent_or_a_choice(parent: Path, arguments: list[str], line: str) -> None:
    error = CliRunner().invoke(app, ["runs", "rm", *arguments]).exception
    assert isinstance(error, UsageError)
    assert re.search(line, str(error))
    assert len(names(parent)) == 2


def test_no_run_is_deleted_while_one_goes_on(parent: Path) -> None:
    with holder(parent.parent, Use.EXCLUSIVE, "testbed run x"):
        assert isinstance(CliRunner().invoke(app, ["runs", "rm", "--all", "--yes"]).exception, InUseError)
    assert len(names(parent)) == 2
