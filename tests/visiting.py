"""Visitors of the site, as a balancer's own Apache serves them: which node answers, and what their cookie says."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from platforms import platform_of
from testbed.machines import Machine


@dataclass(frozen=True)
class Visit:
    """What came of one request.

    Attributes:
        status: of HTTP.
        node: the app node that answered, or empty.
        routes: the nodes that the answer's route cookies name.
        head: the complete head of the answer, for messages.
    """

    status: int
    node: str
    routes: tuple[str, ...]
    head: str


def visits(balancer: Machine, count: int, route: str = "") -> list[Visit]:
    """Ask for the webmail's health page, each time as another visitor.

    Args:
        balancer: whose Apache is asked.
        count: how often.
        route: the node that the visitors' cookie names, empty for visitors without one.
    """
    script = platform_of(balancer).visits.format(count=count, cookie=f"ROUTEID=.{route}" if route else "")
    result = balancer.exec(["sh", "-c", script], timeout=60)
    assert result.status == 0, f"{balancer.name}: {result.stderr}{result.stdout}"
    return [_visit(head) for head in re.split(r"^(?=HTTP/)", result.stdout, flags=re.MULTILINE) if head]


def _visit(head: str) -> Visit:
    found = re.search(r"(?im)^x-app-node: (\S+)", head)
    routes = re.findall(r"(?im)^set-cookie: ROUTEID=\.([a-z0-9-]+);", head)
    return Visit(int(head.split()[1]), found[1] if found else "", tuple(routes), head)


def visitors(balancer: Machine, count: int) -> Counter[str]:
    """To which nodes new visitors go; each must be served, and get one cookie that names its node."""
    made = visits(balancer, count)
    assert len(made) == count
    for each in made:
        assert (each.status, each.routes) == (200, (each.node,)), f"{balancer.name}: {each.head}"
    return Counter(each.node for each in made)


def stays(balancer: Machine, node: str) -> str:
    """Which node answers a visitor whose cookie names one."""
    [visit] = visits(balancer, 1, node)
    return visit.node
