"""Every application through the site, every kind of rule, and an application that is added by its block alone."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from testbed import applications
from testbed.cluster import Cluster, lifecycle
from testbed.machines import Machine
from testbed.topology import Application, Role, Topology
from testbed.wait import wait_until

# One request from the client's network, without any session; the answer's status, headers (and cookies' names), body.
ASK = """
import json, os, sys, requests
method, url, headers, size = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
answer = requests.request(method, url, headers=headers, data=b"x" * size if size else None, allow_redirects=False,
                          verify="/etc/testbed/ca.crt", timeout=20)
print(json.dumps([answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, list(answer.cookies.keys()),
                  answer.text[:100000]]))
"""
# A page of the wiki is written as a browser does it: the form, its hidden fields, the answer to it.
WRITE = """
import re, sys, requests
url, words = sys.argv[1], sys.argv[2]
session = requests.Session()
session.verify = "/etc/testbed/ca.crt"
form = session.get(url, params={"id": "written", "do": "edit"}, timeout=20).text
form = form[form.index('id="dw__editform"'):]
fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
answer = session.post(url, data={**fields, "wikitext": words, "do[save]": "1"}, timeout=20)
answer.raise_for_status()
print(words in session.get(url, params={"id": "written"}, timeout=20).text)
"""


@dataclass(frozen=True)
class Answer:
    """What came back.

    Args:
        status: HTTP's.
        headers: by name in small letters.
        cookies: names of those that were set.
        text: the body.
    """

    status: int
    headers: dict[str, str]
    cookies: list[str]
    text: str

    @property
    def node(self) -> str:
        """The app node that answered."""
        return self.headers.get("x-app-node", "")

    @property
    def python(self) -> bool:
        """Whether Gunicorn answered and no Apache of PHP."""
        return self.headers.get("server") == "gunicorn"


@pytest.fixture
def client(cluster: Cluster) -> Machine:
    return cluster.fleet.machines(Role.CLIENT)[0]


def ask(client: Machine, path: str, method: str = "GET", size: int = 0, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"https://webmail.testbed.test{path}"
    result = client.exec(["python3", "-c", ASK, method, url, json.dumps(named), str(size)], timeout=60)
    assert result.status == 0, result.stderr
    return Answer(*json.loads(result.stdout))


def test_each_application_has_its_nodes_and_its_cookie(cluster: Cluster, client: Machine) -> None:
    for name, cookie in (("webmail", "ROUTEID"), ("wiki", "ROUTEID-wiki"), ("files", "ROUTEID-files")):
        nodes: set[str] = set()
        # Who has answered more lately comes later: new sessions do not alternate strictly.
        for _ in range(20):
            answer = ask(client, f"/alive/{name}")
            assert (answer.status, answer.cookies) == (200, [cookie])
            nodes.add(answer.node)
            if nodes == set(cluster.topology.machines_of(name)):
                break
        assert nodes == set(cluster.topology.machines_of(name))


def test_a_link_moves_no_session(client: Machine) -> None:
    """Apache looks for a route in the URL before it looks into the cookie."""
    for name, cookie in (("webmail", "ROUTEID"), ("files", "ROUTEID-files")):
        for path in (f"/alive/{name}?u={cookie}=.app-2", f"/alive/{name}?{cookie}=.app-2"):
            answers = [ask(client, path, Cookie=f"{cookie}=.app-1") for _ in range(2)]
            assert [(each.node, each.cookies) for each in answers] == [("app-1", [])] * 2
    link = "/alive/webmail;ROUTEID=.app-2"
    assert ask(client, link, Cookie="ROUTEID=.app-1").node == "app-1"


def test_the_paths_are_the_applications(client: Machine) -> None:
    assert ask(client, "/").headers["location"].endswith("/horde/")
    wiki = ask(client, "/wiki/")
    assert (wiki.status, wiki.node, "DokuWiki" in wiki.text) == (200, "app-2", True)
    files = ask(client, "/files/")
    assert (files.status, files.python, "<h1>Files</h1>" in files.text) == (200, True, True)
    assert ask(client, "/files").headers["location"] == "https://webmail.testbed.test/files/"
    assert ask(client, "/wiki/install.php").status == 403


def test_the_wiki_is_written_and_read(client: Machine) -> None:
    url = "https://webmail.testbed.test/wiki/doku.php"
    result = client.exec(["python3", "-c", WRITE, url, "words for the wiki"], timeout=60)
    assert (result.stdout.strip(), result.status) == ("True", 0), result.stderr


def test_php_is_another_for_each_application(cluster: Cluster) -> None:
    """The wiki has no database extensions and less memory; the webmail on the same node has both."""
    node = cluster.machine("app-2")
    question = (
        "for name in webmail wiki; do PHP_INI_SCAN_DIR=/run/php/$name php -r"
        ' \'echo json_encode([extension_loaded("pgsql"), ini_get("memory_limit"), (bool) ini_get("open_basedir")]);\';'
        " done"
    )
    result = node.exec(["sh", "-c", question])
    assert result.stdout == '[true,"96M",false][false,"48M",true]', result.stderr


def test_a_file_comes_back_as_it_went(client: Machine) -> None:
    assert ask(client, "/files/test-1.txt", "PUT", 1000, Content_Type="application/octet-stream").status in (201, 204)
    back = ask(client, "/files/test-1.txt", Content_Type="application/octet-stream")
    assert (back.status, back.text) == (200, "x" * 1000)
    assert ask(client, "/files/test-1.txt", "DELETE", Content_Type="application/octet-stream").status == 204
    assert ask(client, "/files/test-1.txt", Content_Type="application/octet-stream").status == 404
    assert ask(client, "/files/..%2Fsecret").status == 404


def test_a_header_chooses_the_application(client: Machine) -> None:
    assert ask(client, "/alive", X_Application="files").python
    assert not ask(client, "/alive", X_Application="filess").python
    assert not ask(client, "/alive").python


def test_a_media_type_chooses_the_nodes(client: Machine) -> None:
    for kind in ("application/octet-stream", "Application/Octet-Stream; q=1"):
        answers = [ask(client, "/files/", Content_Type=kind) for _ in range(3)]
        assert [(each.node, each.cookies) for each in answers] == [("app-1", ["ROUTEID-files.raw"])] * 3
    other = ask(client, "/files/", Content_Type="application/octet-streams")
    assert other.cookies == ["ROUTEID-files"]


def test_a_large_body_chooses_the_nodes(client: Machine) -> None:
    large = ask(client, "/files/large", "PUT", (1 << 20) + 1, Content_Type="text/plain")
    assert (large.status in (201, 204), large.node, large.cookies) == (True, "app-1", ["ROUTEID-files.bulk"])
    small = ask(client, "/files/large", "PUT", 1 << 20, Content_Type="text/plain")
    assert (small.status in (201, 204), small.cookies) == (True, ["ROUTEID-files"])


def test_a_clients_network_chooses_the_nodes(cluster: Cluster, client: Machine) -> None:
    """The gateway passes on what comes to this machine's loopback; the balancers see its address."""
    context = ssl.create_default_context(cafile=cluster.settings.state_dir / "pki" / "ca.crt")
    url = f"https://localhost:{cluster.settings.site_port}/files/"
    for _ in range(3):
        with urllib.request.urlopen(url, context=context, timeout=20) as answer:
            assert answer.headers["X-App-Node"] == "app-1"
            assert "ROUTEID-files.desk=" in answer.headers["Set-Cookie"]
    assert ask(client, "/files/").cookies == ["ROUTEID-files"]


@pytest.fixture
def notes(cluster: Cluster) -> Iterator[Topology]:
    """The topology with one block more, taken up by the cluster; afterwards it is as before."""
    block = {"kind": "wsgi", "port": 8084, "path": "/notes/", "nodes": ["app-1"], "code": "files"}
    more = {**cluster.topology.applications, "notes": Application.model_validate(block)}
    topology = replace(cluster.topology, applications=more)
    try:
        assert applications.write(cluster.settings.state_dir, topology)
        lifecycle.load_applications(cluster)
        yield topology
    finally:
        applications.write(cluster.settings.state_dir, cluster.topology)
        lifecycle.load_applications(cluster)
    wait_until(lambda: ask_status(cluster, "/alive/notes") == 404, 30, "the notes to be gone")


def ask_status(cluster: Cluster, path: str) -> int:
    [client] = cluster.fleet.machines(Role.CLIENT)
    return ask(client, path).status


def test_one_block_more_is_one_application_more(cluster: Cluster, client: Machine, notes: Topology) -> None:
    assert notes.machines_of("notes") == ("app-1",)
    wait_until(lambda: ask_status(cluster, "/alive/notes") == 200, 30, "the notes to serve")
    answer = ask(client, "/notes/")
    assert (answer.status, answer.node, answer.cookies) == (200, "app-1", ["ROUTEID-notes"])
    assert ask(client, "/").status == 302
