"""The tables of applications and of dispatch: what is refused, and where each application runs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_topology import CLUSTER, merged, refused

from testbed import applications
from testbed.applications.pools import pools
from testbed.applications.servers import server_files
from testbed.topology import Topology, resolve


def with_wiki(**keys: object) -> dict[str, Any]:
    """The shipped cluster with another wiki."""
    document = merged()
    document["x-testbed"]["applications"]["wiki"].update(keys)
    return document


def with_rule(**keys: object) -> dict[str, Any]:
    """The shipped cluster with one more rule of dispatch."""
    document = merged()
    document["x-testbed"]["dispatch"].append({"name": "mine", "path": "/mine/", "application": "wiki", **keys})
    return document


def test_an_application_runs_on_the_nodes_of_the_table() -> None:
    document = merged()
    topology = resolve(document, [CLUSTER])
    assert {name: topology.machines_of(name) for name in topology.applications} == {
        "webmail": ("app-1", "app-2"),
        "wiki": ("app-2",),
        "files": ("app-1", "app-2"),
    }
    assert resolve(document, [CLUSTER], {"app": 3}).machines_of("files") == ("app-1", "app-2", "app-3")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"nodes": ["app-3"]}, "wiki.nodes: no app node 'app-3'; the app nodes are app-1, app-2 (--scale makes more)"),
        ({"nodes": ["db1"]}, "wiki.nodes: no app node 'db1'; the app nodes are app-1, app-2 (--scale makes more)"),
        ({"nodes": []}, "x-testbed.applications.wiki.nodes: "),
        ({"nodes": "some"}, "x-testbed.applications.wiki.nodes: "),
        ({"port": 8083}, "is already "),
        ({"port": 80}, "x-testbed.applications.wiki.port: "),
        ({"path": "/files/"}, "path /files/ is already "),
        ({"path": "wiki"}, "x-testbed.applications.wiki.path: "),
        ({"path": "/alive/wiki/"}, "/alive/ is the balancers' own"),
        ({"kind": "wsgi"}, "wiki.php: its kind is wsgi"),
        ({"portt": 8090}, "wiki.portt: unknown key 'portt'; did you mean 'port'? known keys here: kind, port, path"),
    ],
)
def test_an_application_that_cannot_be(keys: dict[str, Any], message: str) -> None:
    error = refused(with_wiki(**keys))
    assert message in error
    assert re.match(r"cluster\.yaml:\d+:\d+: ", error)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"application": "wicki"}, "no application 'wicki'; the applications are "),
        ({"nodes": ["app-1"]}, "app-1 does not run wiki; wiki runs on app-2"),
        ({"name": "bulk"}, "there is a rule 'bulk' already"),
        ({"path": None}, "it holds for every request"),
        ({"client": "198.18.0.300/32"}, "x-testbed.dispatch.4.client: "),
        ({"header": {"X-A": 'a" == "a'}}, "x-testbed.dispatch.4.header.X-A: "),
        ({"content": "text"}, "x-testbed.dispatch.4.content: "),
        ({"size": 3}, "unknown key 'size'; known keys here: name, path, client"),
    ],
)
def test_a_rule_of_dispatch_that_cannot_be(keys: dict[str, Any], message: str) -> None:
    assert message in refused(with_rule(**keys))


def test_a_smaller_scale_must_still_hold_every_application() -> None:
    with pytest.raises(Exception, match="no app node 'app-2'"):
        resolve(merged(), [CLUSTER], {"app": 1})


def test_the_webmail_must_be_there() -> None:
    document = merged()
    del document["x-testbed"]["applications"]["webmail"]
    assert "no application 'webmail'" in refused(document)
    document = merged()
    document["x-testbed"]["applications"]["webmail"]["path"] = "/horde/"
    assert "no application has the path /" in refused(document)


def test_an_overlay_adds_an_application_and_takes_one_away() -> None:
    document = merged()
    notes = {"kind": "wsgi", "port": 8084, "path": "/notes/", "code": "files"}
    document["x-testbed-mine"] = {"applications": {"notes": notes, "wiki": None}}
    topology = resolve(document, [CLUSTER])
    assert set(topology.applications) == {"webmail", "files", "notes"}
    assert topology.machines_of("notes") == ("app-1", "app-2")


SHIPPED = resolve(merged(), [CLUSTER])


def line_numbers(text: str, *beginnings: str) -> list[int]:
    lines = text.splitlines()
    return [next(number for number, line in enumerate(lines) if line.startswith(each)) for each in beginnings]


def test_pools_are_one_an_application_and_one_a_rule_that_picks_nodes() -> None:
    assert applications.balancer_files(SHIPPED)["pools"].splitlines() == [
        "webmail 8081 ROUTEID *",
        "files 8083 ROUTEID-files *",
        "wiki 8082 ROUTEID-wiki app-2",
        "files.raw 8083 ROUTEID-files.raw app-1",
        "files.bulk 8083 ROUTEID-files.bulk app-1",
        "files.desk 8083 ROUTEID-files.desk app-1",
    ]


def test_rules_come_in_their_order_and_before_them_health() -> None:
    text = applications.balancer_files(SHIPPED)["dispatch.conf"]
    order = line_numbers(
        text, 'RewriteRule "^/alive/webmail$"', "# by-name", "# raw", "# bulk", "# desk",
        'ProxyPass "/files/"', 'ProxyPass "/wiki/"', 'ProxyPass "/" ',
    )  # fmt: skip
    assert order == sorted(order)


def test_all_that_a_rule_names_must_be_so() -> None:
    document = with_rule(client="10.0.0.0/8", header={"X-A": "b c"}, content="text/x.y+z", over=10)
    text = applications.balancer_files(resolve(document, [CLUSTER]))["dispatch.conf"]
    lines = text.splitlines()
    begin = lines.index("# mine")
    assert lines[begin + 1 : begin + 6] == [
        "RewriteCond expr \"-R '10.0.0.0/8'\"",
        "RewriteCond expr \"%{req_novary:X-A} == 'b c'\"",
        r'RewriteCond expr "%{req_novary:Content-Type} =~ m#^text/x\.y\+z\s*(;|$)#i"',
        'RewriteCond expr "%{req_novary:Content-Length} -gt 10"',
        'RewriteRule "^(/mine/.*)$" "balancer://wiki$1" [P,L]',
    ]


def test_without_sticky_sessions_the_webmail_alone_has_no_cookie() -> None:
    document = merged()
    document["x-testbed"]["sessions"]["store"] = "database"
    files = applications.balancer_files(resolve(document, [CLUSTER]))
    assert "webmail 8081 - *\n" in files["pools"]
    assert "wiki 8082 ROUTEID-wiki app-2\n" in files["pools"]
    assert "ROUTEID=" not in files["dispatch.conf"]
    assert "stickysession=ROUTEID|" not in files["pools.conf"]
    assert "stickysession=ROUTEID-wiki|" in files["pools.conf"]


def test_no_url_can_hold_the_name_that_apache_looks_for_in_it() -> None:
    """Apache looks for the route in the URL before it looks into the cookie (tests/openbsd/test_apache.py)."""
    text = applications.balancer_files(SHIPPED)["pools.conf"]
    names = re.findall(r'"stickysession=([^"|]*)\|?([^"]*)"', text)
    assert "ROUTEID" in dict(names)
    assert len(names) == len(pools(SHIPPED))
    assert all(" " in parameter and "//" in parameter for _, parameter in names)


def test_files_are_written_when_they_change_and_strays_go(tmp_path: Path) -> None:
    (tmp_path / "nodes" / "lb").mkdir(parents=True)

    def write(topology: Topology) -> tuple[bool, set[str]]:
        changed = applications.write(tmp_path, topology)
        return changed, {path.name for path in (tmp_path / "nodes" / "app" / "applications").iterdir()}

    all_files = {"webmail.env", "webmail.ini", "wiki.env", "wiki.ini", "files.env"}
    assert write(SHIPPED) == (True, all_files)
    assert write(SHIPPED) == (False, all_files)
    less = {name: each for name, each in SHIPPED.applications.items() if name != "wiki"}
    assert write(replace(SHIPPED, applications=less)) == (True, all_files - {"wiki.env", "wiki.ini"})


def test_an_overlay_gives_php_other_settings() -> None:
    document = with_wiki(php={"settings": {"memory_limit": "8M"}, "extensions": ["json"]})
    node_files = server_files(resolve(document, [CLUSTER]))
    assert node_files["wiki.ini"] == 'memory_limit = "8M"\n'
    assert "EXTENSIONS='json'\n" in node_files["wiki.env"]
    assert "NODES='app-2'\n" in node_files["wiki.env"]
