"""The tables of applications and of dispatch: what is refused, and where each application runs."""

from __future__ import annotations

from typing import Any

import pytest
from test_topology import CLUSTER, merged, refused

from testbed.topology import resolve


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


def test_an_application_runs_where_the_table_says() -> None:
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
        ({"portt": 8090}, "wiki.portt: unknown key 'portt'; known keys here: kind, port, path"),
    ],
)
def test_an_application_that_cannot_be(keys: dict[str, Any], message: str) -> None:
    told = refused(with_wiki(**keys))
    assert message in told
    assert told.startswith("cluster.yaml:")


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
