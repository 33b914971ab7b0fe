"""Program that lists the open ports of addresses, tried from the node that it runs on.

``python3 -m testbed.probes.port_scan [--wait SECONDS] ADDRESS=PORTS ...`` with PORTS such as ``1-1000,5432`` prints one
JSON object: address to the ports that are open. It waits for silent ports, and tries thousands of ports at once.
"""

from __future__ import annotations

import argparse
import errno
import json
import resource
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator

WAIT_SECONDS = 1.2
AT_ONCE = 12_000


def main(arguments: list[str] | None = None) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(
        prog="testbed.probes.port_scan", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument(
        "--wait", type=float, default=WAIT_SECONDS, help="seconds after which a silent port counts as closed"
    )
    parser.add_argument("targets", nargs="+", metavar="ADDRESS=PORTS")
    options = parser.parse_args(arguments)
    try:
        targets = [(address, ports(text)) for address, _, text in (each.partition("=") for each in options.targets)]
    except ValueError as error:
        parser.error(str(error))
    json.dump(scan(targets, options.wait), sys.stdout)
    return 0


def ports(text: str) -> list[int]:
    """Return the numbers in a text such as ``1-1000,5432``.

    Raises:
        ValueError: the text is invalid.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or not (last if dash else first).isdigit():
            raise ValueError(f"{part!r} is not a port: write 80 or 1-1000, with commas between")
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)


def scan(targets: Iterable[tuple[str, Iterable[int]]], wait: float, at_once: int = AT_ONCE) -> dict[str, list[int]]:
    """Try to connect to every port of every address.

    Args:
        targets: addresses and ports.
        wait: seconds after which a silent port counts as closed.
        at_once: how many connections may be on their way.

    Returns:
        The ports that accepted, by address.
    """
    found: dict[str, list[int]] = {address: [] for address, _ in targets}
    waiting: dict[int, tuple[socket.socket, str, int]] = {}
    due: deque[tuple[float, int, int]] = deque()  # when to give up, descriptor, serial number
    serials: dict[int, int] = {}
    poll = select.epoll()
    places = _places(targets)
    at_once = min(at_once, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 64)
    more, serial = True, 0

    def over(descriptor: int, *, opened: bool) -> None:
        connection, address, port = waiting.pop(descriptor)
        if opened:
            found[address].append(port)
        poll.unregister(descriptor)
        connection.close()

    while more or waiting:
        while more and len(waiting) < at_once:
            place = next(places, None)
            if place is None:
                more = False
                break
            connection = _connect(*place)
            if connection is None:
                continue
            serial += 1
            descriptor = connection.fileno()
            waiting[descriptor], serials[descriptor] = (connection, *place), serial
            poll.register(descriptor, select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP)
            due.append((time.monotonic() + wait, descriptor, serial))
        for descriptor, _ in poll.poll(0.02):
            error = waiting[descriptor][0].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            over(descriptor, opened=error == 0)
        while due and due[0][0] <= time.monotonic():
            _, descriptor, number = due.popleft()
            if descriptor in waiting and serials[descriptor] == number:  # numbers of descriptors are used again
                over(descriptor, opened=False)
    poll.close()
    return {address: sorted(open_ports) for address, open_ports in found.items()}


def _places(targets: Iterable[tuple[str, Iterable[int]]]) -> Iterator[tuple[str, int]]:
    for address, numbers in targets:
        for number in numbers:
            yield address, number


def _connect(address: str, port: int) -> socket.socket | None:
    """Return a connection that is under way; None if it was refused at once."""
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(0)
    if connection.connect_ex((address, port)) in (0, errno.EINPROGRESS):
        return connection
    connection.close()
    return None


if __name__ == "__main__":
    sys.exit(main())
