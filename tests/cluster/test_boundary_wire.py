"""What is readable on the wire: behind the balancers everything, towards the mail server nothing.

A user logs in, reads and sends, while all TCP of the app nodes is listened to; then a mail server with a wrong
certificate stands in for the right one.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from echo import Echo
from outside import Flow, listening
from testbed.cluster import Cluster
from testbed.cluster.certificate_authority import Authority
from testbed.cluster.secrets import mail_password
from testbed.incidents.task import end_strays
from testbed.machines.container import ContainerMachine
from testbed.probes.horde.client import HordeClient
from testbed.probes.horde.pages import PageError
from testbed.topology import Role

USER, OTHER = "user01", "user02@testbed.test"
WORDS = "the words of a letter that no other user should read"
IMAPS, SUBMISSION = 993, 587
# A mail server up to TLS, where it reports what it heard; submission begins in the clear.
IMPOSTOR = """
import json, socket, ssl, sys
port, certificate, key = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
listener = socket.create_server(("", port), backlog=5)
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.settimeout(5)
    heard, trouble = "", ""
    try:
        if port == 587:
            lines = connection.makefile("rwb", buffering=0)
            lines.write(b"220 mail ESMTP\\r\\n")
            lines.readline()
            lines.write(b"250-mail\\r\\n250-AUTH PLAIN\\r\\n250 STARTTLS\\r\\n")
            lines.readline()
            lines.write(b"220 go ahead\\r\\n")
        secret = context.wrap_socket(connection, server_side=True)
        if port != 587:
            secret.sendall(b"* OK ready\\r\\n")
        heard = secret.recv(4096).decode(errors="replace")
        secret.close()
    except OSError as error:
        trouble = str(error)
    connection.close()
    print(json.dumps({"heard": heard, "trouble": trouble}), flush=True)
"""


@pytest.fixture
def apps(cluster: Cluster) -> list[ContainerMachine]:
    return [each for each in cluster.fleet.machines(Role.APP) if isinstance(each, ContainerMachine)]


@contextmanager
def user(cluster: Cluster) -> Iterator[HordeClient]:
    """A user's browser, not logged in yet."""
    authority = str(cluster.settings.state_dir / "pki" / "ca.crt")
    browser = HordeClient(
        f"https://{cluster.topology.site.address}", USER, mail_password(cluster.settings.state_dir),
        ca_file=authority, record=lambda _: None,
    )  # fmt: skip
    try:
        yield browser
    finally:
        browser.forget()


def test_backend_is_plain_and_mail_is_not(cluster: Cluster, apps: list[ContainerMachine], echo: Echo) -> None:
    password = mail_password(cluster.settings.state_dir)
    with listening(cluster, [each.name for each in apps]) as flows, user(cluster) as browser:
        browser.log_in()
        browser.read(browser.inbox()[0])
        browser.send(browser.compose(), OTHER, "on the wire", WORDS)
    webmail = cluster.topology.applications["webmail"].port
    asked, answered = sent(flows, target=webmail), sent(flows, source=webmail)
    assert re.search(rb"^POST /horde/login.php HTTP/1.1\r$", asked, re.MULTILINE)
    assert f"horde_pass={password}".encode() in asked
    assert WORDS.replace(" ", "+").encode() in asked
    assert re.search(rb"^Cookie: .*ROUTEID=\.app-\d", asked, re.MULTILINE)
    assert answered.startswith(b"HTTP/1.1 ")
    assert b"user\0horde\0database\0horde\0" in sent(flows, target=5432)
    assert re.search(rb"SELECT .* FROM", sent(flows, target=5432))

    to_mail = [each for each in flows if each.target in (IMAPS, SUBMISSION) or each.source in (IMAPS, SUBMISSION)]
    assert {IMAPS, SUBMISSION} <= {each.target for each in to_mail}
    for each in to_mail:
        opened, secret = opening(each)
        assert records(secret), f"from port {each.source} to {each.target}: not TLS all through"
        for known in (password, WORDS, USER, OTHER):
            assert known.encode() not in opened + secret
        assert re.fullmatch(rb"(EHLO \S+\r\nSTARTTLS\r\n|220 .*\r\n(250[- ].*\r\n)+220 .*\r\n)?", opened), opened
    echo(f"{len(flows)} streams of {len(apps)} app nodes, {len(to_mail)} of them with mail, all of those TLS")


def opening(flow: Flow) -> tuple[bytes, bytes]:
    """What was sent in the clear before TLS began, and the rest; submission begins so (STARTTLS)."""
    if SUBMISSION not in (flow.source, flow.target):
        return b"", flow.content
    begin = flow.content.index(b"\x16\x03")
    return flow.content[:begin], flow.content[begin:]


def records(text: bytes) -> list[int]:
    """Kinds of the TLS records that a text is made of, a hello first (RFC 8446, 5.1); none if it is not all TLS."""
    kinds: list[int] = []
    hello = text[5:6] in (b"\x01", b"\x02")
    while text:
        length = int.from_bytes(text[3:5], "big")
        if not hello or text[0] not in (20, 21, 22, 23) or text[1] != 3 or len(text) < 5 + length:
            return []
        kinds.append(text[0])
        text = text[5 + length :]
    return kinds


def sent(flows: list[Flow], *, source: int = 0, target: int = 0) -> bytes:
    return b"\n".join(each.content for each in flows if source in (0, each.source) and target in (0, each.target))


@pytest.mark.parametrize(
    ("port", "wrong"), [(IMAPS, "authority"), (IMAPS, "name"), (SUBMISSION, "authority"), (IMAPS, ""), (SUBMISSION, "")]
)
def test_a_mail_server_with_a_wrong_certificate_gets_no_data(
    cluster: Cluster, apps: list[ContainerMachine], tmp_path: Path, port: int, wrong: str
) -> None:
    """With the right one, the impostor hears what the mail server would: it is the certificate that counts."""
    certificate, key = certificates(cluster, tmp_path)[wrong]
    with user(cluster) as browser:
        if port == SUBMISSION:
            browser.log_in()
        with impostor(cluster, apps, port, certificate, key) as heard, pytest.raises(PageError):
            use(browser, port)
    assert heard, "no client connected"
    texts = [each["heard"] for each in heard]
    if wrong:
        assert not any(texts), texts
    else:
        assert any(re.match(r"\S+ (LOGIN|AUTHENTICATE|CAPABILITY|NOOP)|EHLO ", text) for text in texts), heard


def use(browser: HordeClient, port: int) -> None:
    """Have an app node talk with the mail server."""
    if port == SUBMISSION:
        browser.send(browser.compose(), OTHER, "to an impostor", WORDS)
    else:
        browser.log_in()


def certificates(cluster: Cluster, folder: Path) -> dict[str, tuple[Path, Path]]:
    """Certificate and key of a mail server, by what is wrong with them."""
    stranger = folder / "stranger.crt", folder / "stranger.key"
    for path, content in zip(stranger, Authority("unknown CA").issue(["mail"], []), strict=True):
        path.write_bytes(content)
    nodes = cluster.settings.state_dir / "nodes"
    return {
        "authority": stranger,
        "name": (nodes / "lb" / "site.crt", nodes / "lb" / "site.key"),
        "": (nodes / "mail" / "mail.crt", nodes / "mail" / "mail.key"),
    }


@contextmanager
def impostor(
    cluster: Cluster, apps: list[ContainerMachine], port: int, certificate: Path, key: Path
) -> Iterator[list[dict[str, str]]]:
    """The observer answers in the mail server's place; what it heard is in the list at the end."""
    observer = cluster.machine("observer")
    assert isinstance(observer, ContainerMachine)
    mail, other = (str(cluster.topology.nodes[name].addresses["backend"]) for name in ("mail", "observer"))
    gone = "table ip impostor\ndelete table ip impostor\n"
    chain = f"type nat hook output priority -100; ip daddr {mail} tcp dport {port} dnat to {other}:{port};"
    heard: list[dict[str, str]] = []
    container = observer.container_id()
    for path, name in ((certificate, "impostor.crt"), (key, "impostor.key")):
        subprocess.run(["docker", "cp", str(path), f"{container}:/tmp/{name}"], check=True, capture_output=True)
    script = ["python3", "-c", IMPOSTOR, str(port), "/tmp/impostor.crt", "/tmp/impostor.key"]  # noqa: S108 - there
    command = ["docker", "exec", container, *script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline() == "ready\n"
            for app in apps:
                app.filter(f"{gone}table ip impostor {{\nchain out {{\n{chain}\n}}\n}}\n")
            yield heard
        finally:
            for app in apps:
                app.filter(gone)
            end_strays(observer)  # the client of `docker exec` ends with it, but not the other way round
            observer.exec(["rm", "-f", "/tmp/impostor.crt", "/tmp/impostor.key"])  # noqa: S108
            heard += [json.loads(line) for line in server.stdout]
