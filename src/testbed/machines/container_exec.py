"""Run a command in a container by the engine's API, and read all its output.

``exec_run`` of docker-py loses output: it upgrades the connection and reads from the socket below the HTTP reader, but
the first bytes may already be in that reader's buffer (docker-py's issue 3332). This module reads the response to its
end without an upgrade, which the engine allows as well (Docker Engine API, ``ExecStart``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from struct import Struct

from docker import APIClient
from docker.errors import create_api_error_from_http_exception
from requests import HTTPError, RequestException

from testbed.machines.machine import KILLED, TIMED_OUT, ExecResult, with_time_limit
from testbed.wait import WaitTimeout, wait_until

# How long the engine may take to record a status after the end of the output.
STATUS_SECONDS = 2.0
# How long the engine may take to respond after the command's own time.
MARGIN_SECONDS = 30.0
STDOUT, STDERR = 1, 2
# Docker Engine API, "Stream format": the stream's number, three unused bytes, the length of the data.
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
    run = api.exec_create(container, with_time_limit(command, timeout))["Id"]
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
        output = demultiplex(response.content)
    status = _status(api, run)
    if status == KILLED and time.monotonic() >= begin + timeout:
        status = TIMED_OUT
    return ExecResult(status, *(output[stream].decode(errors="replace") for stream in (STDOUT, STDERR)))


def _status(api: APIClient, run: str) -> int:
    """Return the command's exit status; the engine may close the output before it records the status.

    Raises:
        RequestException: the engine records no status, for example because it lost its connection to the command.
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
    """Return the output of each stream.

    Raises:
        RequestException: the answer ends within a frame.
    """
    output = {STDOUT: bytearray(), STDERR: bytearray()}
    at = 0
    while at < len(content):
        if at + FRAME.size > len(content):
            raise RequestException("the engine's answer ends within a frame")
        stream, length = FRAME.unpack_from(content, at)
        begin, at = at + FRAME.size, at + FRAME.size + length
        if stream not in output or at > len(content):
            raise RequestException("the engine's answer ends within a frame")
        output[stream] += content[begin:at]
    return {stream: bytes(text) for stream, text in output.items()}
