"""Base images: a Debian release and nothing else, from a registry where one answers, else made from packages."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

from testbed.errors import TestbedError
from testbed.host import apt, engine, mirrors
from testbed.host.mirrors import Mirrors
from testbed.images.build_job import Report, Stop
from testbed.images.image_build import build
from testbed.images.input_hash import LABEL, write_context
from testbed.progress import PrintLine
from testbed.settings import Settings

_REGISTRY_SECONDS = 5.0
# What Debian's own slim images leave out as well, so that both kinds are alike.
_LEFT_OUT = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
)
_RETRIES = 'Acquire::Retries "3";'


@dataclass(frozen=True)
class AptSources:
    """Where a release's packages come from.

    Args:
        archive: address of the archive; None leaves Debian's default.
        lines: of its sources.list; empty leaves Debian's default.
    """

    archive: str | None
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as a file's content."""
        return "".join(f"{line}\n" for line in self.lines)


def choose_sources(release: str, host: Mirrors, archive: str, serves: Callable[[str, str], bool]) -> AptSources:
    """Choose a release's sources: the host's mirror, or the archive when the mirror no longer has the release.

    Args:
        release: Debian code name.
        host: the host's mirrors; without one, Debian's default mirror is asked.
        archive: Debian's archive of old releases.
        serves: returns whether an archive has a suite.

    Raises:
        TestbedError: neither has the release.
    """
    main = host.main or mirrors.DEFAULT
    signed = f"signed-by={apt.KEYRING}"
    if serves(main, release):
        if host.main is None:
            return AptSources(None, ())
        lines = [f"deb [{signed}] {main} {release} main"]
        if serves(main, f"{release}-updates"):
            lines.append(f"deb [{signed}] {main} {release}-updates main")
        # A host that runs sid has no source of security updates, but its mirror may have a sibling.
        security = host.security or f"{main}-security"
        if serves(security, f"{release}-security"):
            lines.append(f"deb [{signed}] {security} {release}-security main")
        return AptSources(main, tuple(lines))
    if serves(archive, release):
        # What is archived is signed for the last time: its validity has run out for good.
        return AptSources(archive, (f"deb [{signed} check-valid-until=no] {archive} {release} main",))
    if host.main is None:
        return AptSources(None, ())  # without apt nothing could be asked: the registry's image has sources of its own
    raise TestbedError(
        f"neither {main} nor {archive} has Debian {release}",
        fix="set TESTBED_DEBIAN_ARCHIVE to an archive that has it, or see whether this host reaches its mirror",
    )


def registry_answers(release: str) -> bool:
    """Return whether the engine reaches a registry that has the official image, within seconds."""
    try:
        engine.client(seconds=_REGISTRY_SECONDS).api.inspect_distribution(f"debian:{release}-slim")  # type: ignore[no-untyped-call]
    except (DockerException, requests.RequestException, TestbedError):
        return False
    return True


@dataclass(frozen=True)
class BaseImageBuild:
    """The build of one base image.

    Args:
        client: the engine.
        release: Debian code name.
        tag: given to the image.
        inputs: hash of all it is made of, kept as its label.
        log: keeps all output.
        report: called with each step.
        stop: ends it.
        fresh: ask the registry for its newest, even if the engine has an older one.
    """

    client: docker.DockerClient
    release: str
    tag: str
    inputs: str
    log: Path
    report: Report
    stop: Stop
    fresh: bool = False

    def run(self, settings: Settings) -> None:
        """Make the image.

        Args:
            settings: where the scratch files go, and the archive of old releases.

        Raises:
            TestbedError: the release is nowhere, or making it failed.
        """
        scratch = settings.state_dir / "tmp" / self.release
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            self.report("asking the Debian mirror")
            sources = choose_sources(
                self.release,
                mirrors.host_mirrors(),
                settings.debian_archive,
                lambda archive, suite: mirrors.serves(archive, suite, scratch),
            )
            if registry_answers(self.release):
                self._from_registry(sources, scratch)
            else:
                self._from_packages(sources, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _from_registry(self, sources: AptSources, scratch: Path) -> None:
        context = scratch / "context"
        context.mkdir()
        (context / "retries").write_text(f"{_RETRIES}\n")
        (context / "sources.list").write_text(sources.text)
        steps = [f"FROM debian:{self.release}-slim", "COPY retries /etc/apt/apt.conf.d/99testbed"]
        if sources.lines:
            steps += ["RUN rm -f /etc/apt/sources.list.d/*", "COPY sources.list /etc/apt/sources.list"]
        (context / "Dockerfile").write_text("\n".join(steps) + "\n")
        with tempfile.TemporaryFile() as archive:
            write_context(context, archive)
            build(
                self.client, self.tag, archive, {}, self.inputs,
                log=self.log, report=self.report, stop=self.stop, pull=self.fresh,
            )  # fmt: skip

    def _from_packages(self, sources: AptSources, scratch: Path) -> None:
        self.report(f"mmdebstrap: Debian {self.release} from its packages")
        tree = scratch / "root.tar"
        options = [f"--aptopt={_RETRIES}", *(f"--dpkgopt={line}" for line in _LEFT_OUT)]
        # Lines rather than a file of them: mmdebstrap then writes the image's sources.list.
        mode = "root" if os.geteuid() == 0 else "unshare"
        command: list[str | Path] = ["mmdebstrap", f"--mode={mode}", "--variant=minbase", *options, self.release, tree]
        command += sources.lines
        self.stop.run(command, f"making Debian {self.release}", self.log)
        self.report("importing")
        repository, _, version = self.tag.partition(":")
        changes = [f"LABEL {LABEL}={self.inputs}", 'CMD ["bash"]']
        self.client.api.import_image_from_file(str(tree), repository=repository, tag=version, changes=changes)


def need_tools(settings: Settings, release: str, print_line: PrintLine) -> None:
    """Install mmdebstrap when base images must be made from packages; asked before the first image is built.

    Args:
        settings: where the log goes.
        release: one of the releases that are to be made.
        print_line: called before anything is installed.

    Raises:
        UsageError: it is missing and this process may not install it.
    """
    # Without root it makes a release in a user namespace, whose users are mapped by uidmap's programs (mmdebstrap(1)).
    programs = (
        {"mmdebstrap": "mmdebstrap"} if os.geteuid() == 0 else {"mmdebstrap": "mmdebstrap", "newuidmap": "uidmap"}
    )
    missing = [package for program, package in programs.items() if not engine.has_program(program)]
    if missing and not registry_answers(release):
        apt.install(
            missing,
            "no registry answers: base images are made from packages",
            print_line,
            settings.logs_dir / "apt-mmdebstrap.log",
        )
