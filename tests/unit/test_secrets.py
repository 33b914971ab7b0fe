"""Secrets: made once, verifiable by a real TLS handshake, each node seeing only its own."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from test_topology import CLUSTER, merged

from testbed.cluster import secrets
from testbed.topology import resolve


@pytest.fixture
def state(tmp_path: Path) -> Path:
    assert secrets.ensure(tmp_path, resolve(merged(), [CLUSTER]))
    return tmp_path


def handshake(folder: Path, name: str, ca: Path, server_name: str) -> None:
    """A TLS client that verifies, against a server with the certificate ``name`` of ``folder``."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()  # the client refused us; its error has the reason

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        ssl.create_default_context(cafile=str(ca)).wrap_socket(ours, server_hostname=server_name).close()
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("name", ["webmail.testbed.test", "198.18.0.10", "localhost", "127.0.0.1"])
def test_clients_can_verify_the_site_by_each_of_its_names(state: Path, name: str) -> None:
    handshake(state / "nodes" / "lb", "site", state / "nodes" / "client" / "ca.crt", name)


def test_app_nodes_can_verify_the_mail_server(state: Path) -> None:
    handshake(state / "nodes" / "mail", "mail", state / "nodes" / "app" / "ca.crt", "mail")


def test_another_name_is_not_accepted(state: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(state / "nodes" / "lb", "site", state / "pki" / "ca.crt", "evil.example")


def test_nodes_whose_root_reads_by_its_groups_alone_are_in_the_group() -> None:
    """Those that may not override permissions, by what Compose says of them."""
    by_group = resolve(merged(), [CLUSTER]).layout.group_folders
    for name in ("cluster", "hardened"):
        services = YAML(typ="safe", pure=True).load((CLUSTER.parent / f"{name}.yaml").read_text())["services"]
        for service in services.values():
            mounts = " ".join(each for each in service.get("volumes", []) if isinstance(each, str))
            folder = re.search(r"/nodes/(\w+):/etc/testbed", mounts)
            if folder and "image" in service:
                assert (folder[1] in by_group) == (service.get("cap_drop") == ["ALL"])
                assert (folder[1] in by_group) == (service.get("group_add") == ["${TESTBED_GID:-0}"])


def test_made_once(state: Path) -> None:
    before = secrets.mail_password(state)
    assert not secrets.ensure(state, resolve(merged(), [CLUSTER]))
    assert secrets.mail_password(state) == before


def test_each_cluster_has_its_own(state: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    secrets.ensure(other, resolve(merged(), [CLUSTER]))
    assert secrets.mail_password(other) != secrets.mail_password(state)
    assert (other / "pki" / "ca.crt").read_bytes() != (state / "pki" / "ca.crt").read_bytes()


def test_no_node_sees_the_authoritys_key_and_nobody_else_reads(state: Path) -> None:
    for name in ("nodes", "pki"):
        assert (state / name).stat().st_mode & 0o077 == 0
    for path in (path for path in state.rglob("*") if path.is_file()):
        by_group = path.parent.name in resolve(merged(), [CLUSTER]).layout.group_folders
        assert path.stat().st_mode & 0o777 == (0o640 if by_group else 0o600), path
        assert not by_group or path.stat().st_gid == state.stat().st_gid
    assert not list((state / "nodes").rglob("ca.key"))
    assert "MAIL_PASSWORD" not in (state / "nodes" / "db" / "secrets.env").read_text()
