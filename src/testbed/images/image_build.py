"""One image built by the engine's classic builder: streamed, logged, tagged only when it is complete."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import docker
import requests
from docker.errors import DockerException

from testbed.errors import TestbedError
from testbed.images.build_job import Report, Stop
from testbed.images.input_hash import LABEL

_STEP = re.compile(r"^Step (\d+)/(\d+) : (.*)")
_BUILT = re.compile(r"^Successfully built ([0-9a-f]+)")
_LAYER = re.compile(r"^ ---> ([0-9a-f]{12})$")
_SILENT_SECONDS = 3600  # a step may install packages for minutes without a word
_LAST_LINES = 8


def build(
    engine: docker.DockerClient,
    tag: str,
    context: IO[bytes],
    arguments: Mapping[str, str],
    inputs: str,
    *,
    log: Path,
    report: Report,
    stop: Stop,
    fresh: bool = False,
    pull: bool = False,
) -> list[str]:
    """Build an image and tag it.

    Args:
        engine: builds it.
        tag: given to the image when all of it is built.
        context: a tar archive with a Dockerfile.
        arguments: build arguments.
        inputs: hash of all it is made of, kept as its label.
        log: keeps all output.
        report: called with each step.
        stop: checked before tagging.
        fresh: use no layer of an earlier build.
        pull: ask the registry for a newer image to build on.

    Returns:
        Ids of the images that its earlier stages left, in their order.

    Raises:
        TestbedError: a step failed; the step, the last lines and the log are named.
    """
    try:
        events = engine.api.build(
            fileobj=context,
            custom_context=True,
            buildargs={**proxies(), **arguments},
            labels={LABEL: inputs},
            rm=True,
            forcerm=True,
            nocache=fresh,
            pull=pull,
            decode=True,
            timeout=_SILENT_SECONDS,
        )
        with log.open("a", errors="replace") as output:
            image_id, stages = _follow(events, output, tag, log, report, stop)
        stop.check()
        repository, _, version = tag.partition(":")
        engine.api.tag(image_id, repository, version or "latest")
    except (DockerException, requests.RequestException) as error:
        raise TestbedError(f"the engine gave up the build: {error}", where=tag, fix=f"full log: {log}") from error
    return stages


def proxies() -> dict[str, str]:
    """Return the host's proxy variables: Docker hands them to the steps and keeps them out of the image."""
    names = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _follow(
    events: Iterator[dict[str, Any]], output: IO[str], tag: str, log: Path, report: Report, stop: Stop
) -> tuple[str, list[str]]:
    step, image_id = "before its first step", ""
    stages: list[str] = []
    last: deque[str] = deque(maxlen=_LAST_LINES)
    for event in events:
        stop.check()
        if "errorDetail" in event or "error" in event:
            reason = str(event.get("error") or event["errorDetail"].get("message"))
            output.write(f"{reason}\n")
            lines = "".join(f"\n    {line}" for line in last)
            raise TestbedError(f"{step} failed: {reason}{lines}\n ", where=tag, fix=f"full log: {log}")
        text = str(event.get("stream") or event.get("status") or "")
        output.write(text)
        output.flush()
        if found := _STEP.match(text):
            step = f"step {found[1]}/{found[2]} {found[3].split()[0]}"
            report(f"{found[1]}/{found[2]} {shorten(found[3])}")
            last.clear()
            if found[3].startswith("FROM"):
                stages.append("")
        elif found := _BUILT.match(text):
            image_id = found[1]
        elif (found := _LAYER.match(text)) and stages:
            stages[-1] = found[1]
        elif not text.startswith(" --->"):
            last.extend(line for line in text.splitlines() if line.strip())
    if not image_id:
        raise TestbedError("the engine ended the build without an image", where=tag, fix=f"full log: {log}")
    return image_id, stages[:-1]


def shorten(instruction: str, width: int = 60) -> str:
    """Return an instruction of a Dockerfile on one line of at most ``width`` characters."""
    text = " ".join(instruction.replace("\\", " ").split())
    return text if len(text) <= width else f"{text[: width - 1]}…"
