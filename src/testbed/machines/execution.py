"""Run a command in a container by the engine's API, and read all that it says.

The library's own ``exec_run`` has the connection upgraded and reads from the socket below the HTTP reader: what came in
one piece with the answer's headers stays in that reader's buffer, and the output lacks its begin, or a frame its header
(docker-py's issue 3332). Here the answer is read to its end as any other, which the engine allows as well (Docker
Engine API, ``ExecStart``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from struct import Struct

from docker import APIClient
from docker.errors import create_api_error_from_http_exception
from requests import HTTPError, RequestException

from testbed.machines.machine import KILLED, TIMED_OUT, ExecResult, limited
from testbed.wait import WaitTimeout, wait_until

# How long the engine may take to record a status after the end of the output.
STATUS_SECONDS = 2.0
# What a silent engine is given beyond the command's own time.
MARGIN_SECONDS = 30.0
STDOUT, STDERR = 1, 2
# Docker Engine API, "Stream format": the stream's number, three bytes of nothing, the length of what follows.
FRAME = Struct(">B3xL")


def execute(api: APIClient, container: str, command: Sequence[str], timeout: float) -> ExecResult:
    """Run a command and wait until it ends.

    Args:
        api: the engine.
        container: its identity.
        command: program and arguments.
        timeout: seconds after which it is ended, with status 124 (timeout(1)).

    Raises:
        APIError: the container does not run, or the engine refuses.
        RequestException: the engine does not answer, or does not know the exit status.
    """
    run = api.exec_create(container, limited(command, timeout))["Id"]
    begin = time.monotonic()
    with api.post(
        f"{api.base_url}/v{api.api_version}/exec/{run}/start",
        json={"Detach": False, "Tty": False},
        timeout=timeout + MARGIN_SECONDS,
    ) as response:
        try:
            response.raise_for_status()
        except HTTPError as refusal:
            create_api_error_from_http_exception(refusal)
        said = demultiplex(response.content)
    status = _status(api, run)
    if status == KILLED and time.monotonic() >= begin + timeout:
        status = TIMED_OUT
    return ExecResult(status, *(said[stream].decode(errors="replace") for stream in (STDOUT, STDERR)))


def _status(api: APIClient, run: str) -> int:
    """The command's exit status; the engine can close the output a moment before it records the status.

    Raises:
        RequestException: the engine does not record one, as when it lost its connection to the command.
    """

    def recorded() -> list[int]:
        status = api.exec_inspect(run)["ExitCode"]
        return [] if status is None else [int(status)]

    try:
        [status] = wait_until(recorded, STATUS_SECONDS, "the command's exit status", interval=0.05)
    except WaitTimeout:
        raise RequestException("it has no exit status of the command: whether the command ran is unknown") from None
    return status


def demultiplex(content: bytes) -> dict[int, bytes]:
    """Take an answer's two streams apart.

    Raises:
        RequestException: the answer ends within a frame.
    """
    said = {STDOUT: bytearray(), STDERR: bytearray()}
    at = 0
    while at < len(content):
        if at + FRAME.size > len(content):
            raise RequestException("the engine's answer ends within a frame")
        stream, length = FRAME.unpack_from(content, at)
        begin, at = at + FRAME.size, at + FRAME.size + length
        if stream not in said or at > len(content):
            raise RequestException("the engine's answer ends within a frame")
        said[stream] += content[begin:at]
    return {stream: bytes(text) for stream, text in said.items()}
