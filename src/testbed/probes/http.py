"""The HTTP probe: is the site there, as a client that was never there before finds it?

    python -m testbed.probes.http --url https://webmail.testbed.test/alive --journal /runs/http.jsonl

Each probe opens a connection of its own, TCP and TLS, so that it tests the address and not a connection that
happens to be open. A page is good by its content.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from testbed.journal import Outcome, ProbeSample, Writer
from testbed.probes.openloop import OpenLoop, add_arguments, run_command

NAME = "http"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP server sent.

    Args:
        status: the status line's number.
        headers: lower-case names; the last of equal names counts.
        body: what follows.
    """

    status: int
    headers: dict[str, str]
    body: bytes


def parse_answer(raw: bytes) -> Answer:
    """Take an HTTP/1.x answer apart that ended with its connection.

    Raises:
        ValueError: it is not one.
    """
    head, separator, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    if not separator or not version.startswith("HTTP/1."):
        raise ValueError(f"no HTTP answer in {len(raw)} bytes")
    pairs = (line.partition(":") for line in lines[1:])
    return Answer(int(rest[:3]), {name.strip().lower(): value.strip() for name, _, value in pairs}, body)


class HttpProbe:
    """Fetches one page, each time over a fresh connection.

    Args:
        url: an https or http URL; its host is resolved here, once, so that no probe waits for a resolver.
        content: what the page must contain.
        timeout: seconds for a whole probe, from connecting to the last byte.
        ca_file: certificates to trust; https is always verified.

    Raises:
        OSError: the host has no address, or the CA file cannot be read.
        ValueError: the URL is not one.
    """

    def __init__(self, url: str, content: str, timeout: float, ca_file: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is not an http URL")
        self._host = parts.hostname
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._address = str(socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0][4][0])
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # HTTP/1.0: the answer comes in one piece and ends with the connection.
        self._request = (
            f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\nUser-Agent: testbed-probe\r\nConnection: close\r\n\r\n"
        ).encode()
        self._content = content.encode()
        self._timeout = timeout

    async def __call__(self, scheduled: float) -> ProbeSample:
        """Probe once."""
        started = time.monotonic()
        sent = False
        writer: asyncio.StreamWriter | None = None
        answer: Answer | None = None
        detail = ""
        try:
            async with asyncio.timeout(self._timeout):
                reader, writer = await asyncio.open_connection(
                    self._address, self._port, ssl=self._tls, server_hostname=self._host if self._tls else None
                )
                sent = True
                writer.write(self._request)
                answer = parse_answer(await reader.read())
        except TimeoutError:
            detail = f"timeout after {self._timeout:g} s"
        except (OSError, ValueError, EOFError) as error:
            detail = f"{type(error).__name__}: {error}"
        finally:
            if writer:
                writer.transport.abort()
        finished = time.monotonic()
        if answer is None:
            outcome = Outcome.UNKNOWN if sent else Outcome.FAILED
            return ProbeSample(NAME, scheduled, started, finished, outcome, detail)
        return self._judge(answer, scheduled, started, finished)

    def _judge(self, answer: Answer, scheduled: float, started: float, finished: float) -> ProbeSample:
        good = answer.status == 200 and self._content in answer.body
        detail = "" if good else f"status {answer.status}, content not as expected"
        attrs = {"balancer": answer.headers.get("x-balancer", ""), "app": answer.headers.get("x-app-node", "")}
        outcome = Outcome.OK if good else Outcome.FAILED
        return ProbeSample(NAME, scheduled, started, finished, outcome, detail, attrs)


async def probe(options: argparse.Namespace) -> str:
    """Run the probe as the command line says; returns the summary."""
    one = HttpProbe(options.url, options.content, options.timeout, options.ca)
    outstanding = 2 * math.ceil(options.timeout / options.interval) + 1
    with Writer(options.journal, "probe", probe=NAME, url=options.url) as journal:
        loop = OpenLoop(one, NAME, journal, interval=options.interval, outstanding=outstanding)
        await loop.run(options.seconds)
        return loop.summary()


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m testbed.probes.http", description="probe a page at a fixed rate")
    parser.add_argument("--url", required=True)
    parser.add_argument("--content", default="alive", help="what the page must contain (alive)")
    parser.add_argument("--timeout", type=float, default=1.0, help="seconds for a whole probe (1)")
    parser.add_argument("--ca", default="/etc/testbed/ca.crt", help="certificates to trust")
    add_arguments(parser)
    return run_command(NAME, probe, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
