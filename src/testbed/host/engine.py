"""The Docker engine and the Compose plugin: found, or installed from Debian and started."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

from testbed.errors import TestbedError, UsageError
from testbed.host import apt, dockerd, identity, mirrors, product
from testbed.host.command import host_environment, run
from testbed.output_line import last_line
from testbed.progress import PrintLine
from testbed.settings import CLUSTER_LABEL, Settings
from testbed.wait import wait_until

# Debian 12's own docker-compose is version 1; Debian 13's is a single program that needs glibc 2.34 alone.
_COMPOSE_RELEASE = "trixie"
_START_SECONDS = 60.0
_SOCKET = "/var/run/docker.sock"


class NoEngineError(TestbedError):
    """Nothing listens where the engine would."""


def client(seconds: float = 60.0) -> docker.DockerClient:
    """Return a client of the running engine.

    Args:
        seconds: time limit of each request.

    Raises:
        UsageError: the engine is another host's or not Docker, or this user may not use it.
        NoEngineError: none runs.
        TestbedError: one runs, and does not answer.
    """
    host = host_environment().get("DOCKER_HOST", "")
    if host and not host.startswith("unix:"):
        raise UsageError(f"{host} is another host's engine", where="DOCKER_HOST", fix="unset DOCKER_HOST")
    try:
        made = docker.from_env(version="auto", timeout=int(seconds))
        version = made.version()
    except (DockerException, requests.RequestException) as error:
        if "PermissionError" in repr(error) or "Permission denied" in str(error):
            raise UsageError("no right to use the Docker engine", fix="run as root or join group docker") from error
        if _listens(host):
            raise TestbedError("the Docker engine does not answer", fix="wait a moment, or restart it") from error
        raise NoEngineError(
            "no Docker engine runs", fix="run `testbed up` as root: it installs and starts one"
        ) from error
    try:
        product.must_be_docker(version)
    except UsageError:
        made.close()
        raise
    return made


def _listens(host: str) -> bool:
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(5.0)
        try:
            end.connect(host.removeprefix("unix://") or _SOCKET)
        except TimeoutError:
            return True
        except OSError:
            return False
    return True


def ensure(settings: Settings, print_line: PrintLine) -> docker.DockerClient:
    """Return a client of the engine, installing and starting what is missing.

    Args:
        settings: where to keep logs and records.
        print_line: called before anything is installed or started.

    Raises:
        UsageError: something is missing and this process is not root.
        TestbedError: installing or starting failed.
    """
    try:
        engine = client()
    except NoEngineError:
        engine = _install_and_start(settings, print_line)
    product.must_not_be_rootless(engine.info())
    if not has_program("docker"):
        _install_client(settings, print_line)
    if compose_version() is None:
        _install_compose(settings, print_line)
    return engine


def has_program(name: str) -> bool:
    """Return whether a program is on this host, in a folder that only root has on its path or elsewhere."""
    return shutil.which(name, path=host_environment()["PATH"]) is not None


def compose_version() -> str | None:
    """Return the version of the Compose plugin, None when the client has none of version 2 or newer."""
    if not has_program("docker"):
        return None
    try:
        version = run(["docker", "compose", "version", "--short"], "asking Compose", seconds=20).strip().lstrip("v")
    except TestbedError:
        return None
    major = version.partition(".")[0]
    return version if major.isdigit() and int(major) >= 2 else None


def stop_if_ours(settings: Settings, print_line: PrintLine) -> bool:
    """Stop the engine when testbed started it and no other containers run in it.

    Returns:
        True when it was stopped, False when there was nothing of ours to stop.

    Raises:
        TestbedError: it does not stop.
    """
    if dockerd.recorded(settings) is None:
        return False
    try:
        engine = client()
        running = engine.containers.list()
    except TestbedError:
        running = []
    known = identity.read(settings)
    foreign = [str(one.name) for one in running if not known or one.labels.get(CLUSTER_LABEL) != known]
    if foreign:
        print_line(f"The engine stays: it runs containers that are not this cluster's ({', '.join(foreign[:3])})")
        return False
    print_line("Stopping the Docker engine that testbed started")
    return dockerd.stop(settings)


def _install_and_start(settings: Settings, print_line: PrintLine) -> docker.DockerClient:
    print_line("No Docker engine runs on this host")
    if not has_program("dockerd"):
        packages = ["docker.io", "ca-certificates"]  # without the latter it trusts no registry
        apt.need_root("installing the Docker engine", f"run as root: apt-get install {' '.join(packages)}")
        dockerd.note_host(settings)
        apt.install(packages, "the Docker engine", print_line, settings.logs_dir / "apt-engine.log")
    else:
        apt.need_root("starting the Docker engine", "run as root: systemctl start docker")
        dockerd.note_host(settings)
    if not _answers():
        dockerd.start(settings, print_line)
    log = settings.logs_dir / "dockerd.log"
    wait_until(
        _answers, _START_SECONDS, "the Docker engine", hint=f"see {log} or `journalctl -u docker`",
        fatal=lambda: f"dockerd ended: {last_line(log.read_text())}" if dockerd.died(settings) else "",
    )  # fmt: skip
    dockerd.adopt(settings)
    return client()


def _answers() -> bool:
    try:
        client(seconds=5).close()
    except UsageError:
        raise
    except TestbedError:
        return False
    return True


def _install_client(settings: Settings, print_line: PrintLine) -> None:
    """Install the program ``docker``: a package of its own since Debian 13, which others only recommend."""
    apt.need_root("installing the Docker client", "run as root: apt-get install docker-cli (Debian 12: docker.io)")
    log = settings.logs_dir / "apt-client.log"
    apt.refresh(log)
    package = "docker-cli" if apt.candidate("docker-cli") else "docker.io"
    apt.install([package], "the Docker client", print_line, log)
    if not has_program("docker"):
        raise TestbedError(
            f"there is no Docker client: {package} contains no program `docker`", fix="install Docker's client"
        )


def _install_compose(settings: Settings, print_line: PrintLine) -> None:
    log = settings.logs_dir / "apt-compose.log"
    apt.need_root("installing Docker Compose", "run as root: apt-get install docker-compose (version 2 or newer)")
    apt.refresh(log)
    for package in ("docker-compose-v2", "docker-compose"):
        version = apt.candidate(package)
        if version and _is_version_2(version):
            apt.install([package], "Docker Compose", print_line, log)
            break
    else:
        mirror = mirrors.host_mirrors().main
        if mirror is None:
            raise UsageError("Docker Compose 2 is missing", fix="install the Compose plugin by your system's means")
        scratch = settings.state_dir / "apt"
        package_file = apt.fetch_from_release("docker-compose", _COMPOSE_RELEASE, mirror, scratch, print_line, log)
        apt.install([str(package_file)], "Docker Compose 2; your apt sources stay as they are", print_line, log)
        shutil.rmtree(scratch, ignore_errors=True)
    if compose_version() is None:
        raise TestbedError(
            "the docker client finds no Compose plugin",
            where=str(_client_path()),
            fix="use Debian's client, or put the plugin where this client looks",
        )


def _is_version_2(version: str) -> bool:
    major = version.partition(":")[2] or version
    return major.partition(".")[0] not in ("0", "1")


def _client_path() -> Path:
    return Path(shutil.which("docker") or "docker")
