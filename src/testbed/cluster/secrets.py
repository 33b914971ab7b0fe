"""Secrets of one cluster: a certificate authority, certificates and passwords, made afresh, each node seeing its own.

Each folder below ``nodes/`` is what the nodes of one kind see at ``/etc/testbed``. The CA's key stays outside them.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from testbed.cluster.node_folders import share
from testbed.database_passwords import password_name
from testbed.topology import Topology

ALPHABET = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def ensure(state_dir: Path, topology: Topology) -> bool:
    """Make the cluster's secrets unless they are there.

    Args:
        state_dir: the folder that holds ``nodes/`` and ``pki/``.
        topology: names and addresses for the certificates.

    Returns:
        Whether they were made now.
    """
    done = _done(state_dir)
    if done.exists():
        return False
    # Most commands find the secrets made: they need not wait 20 ms for the import of the library behind it.
    from testbed.cluster.certificate_authority import Authority  # noqa: PLC0415 - see above

    authority = Authority("testbed CA")
    site = authority.issue([topology.site.name, "localhost"], [str(topology.site.address), "127.0.0.1"])
    # For the overlay that adds it, which may be asked for later.
    single = authority.issue([f"single.{topology.site.name.partition('.')[2]}"], [])
    mail = authority.issue(["mail"], [])
    election, horde, probe, users = (password() for _ in range(4))
    nodes = {
        "lb": {"site.crt": site[0], "site.key": site[1], "secrets.env": _env(CARP_PASSWORD=election)},
        "app": {"secrets.env": _env(HORDE_DB_PASSWORD=horde, HORDE_SECRET_KEY=password(40))},
        "mail": {"mail.crt": mail[0], "mail.key": mail[1], "secrets.env": _env(MAIL_PASSWORD=users)},
        "db": {"secrets.env": _env(CARP_PASSWORD=election, HORDE_DB_PASSWORD=horde, PROBE_DB_PASSWORD=probe)},
        "single": {
            "single.crt": single[0],
            "single.key": single[1],
            "secrets.env": _env(HORDE_DB_PASSWORD=password(), HORDE_SECRET_KEY=password(40)),
        },
        "client": {"secrets.env": _env(MAIL_PASSWORD=users)},
        "observer": {"secrets.env": _env(PROBE_DB_PASSWORD=probe)},
    }
    for name, added in _passwords_of_design(topology).items():
        files = nodes.setdefault(name, {"secrets.env": b""})
        files["secrets.env"] += _env(**added)
    for folder in (state_dir / "nodes", done.parent):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    for node, files in nodes.items():
        for name, content in {**files, "ca.crt": authority.certificate}.items():
            path = state_dir / "nodes" / node / name
            _write(path, content)
            if node in topology.layout.group_folders:
                share(state_dir, path, 0o640)
    _write(state_dir / "pki" / "ca.crt", authority.certificate)
    _write(state_dir / "pki" / "ca.key", authority.key)
    _write(done, b"")
    return True


def _passwords_of_design(topology: Topology) -> dict[str, dict[str, str]]:
    """New passwords that only the database design has, by the folder of the nodes that see them."""
    folders = topology.layout.passwords
    made = {name: password() for name in dict.fromkeys(name for names in folders.values() for name in names)}
    return {folder: {name: made[name] for name in names} for folder, names in folders.items()}


def ensure_database_passwords(state_dir: Path, topology: Topology) -> dict[str, str]:
    """Make a password for each application that has a database, unless it has one; app nodes and observer see them.

    Args:
        state_dir: the folder that holds ``nodes/``.
        topology: the applications.

    Returns:
        The password of each such application.
    """
    known: dict[str, str] = {}
    for name in [name for name, application in topology.applications.items() if application.database]:
        key = password_name(name)
        paths = [state_dir / "nodes" / node / "secrets.env" for node in ("app", "observer")]
        lines = [dict(_pair(line) for line in path.read_text().splitlines()) for path in paths]
        known[name] = next((each[key] for each in lines if key in each), "") or password()
        for path, there in zip(paths, lines, strict=True):
            if there.get(key) != known[name]:
                _write(path, _env(**(there | {key: known[name]})))
    return known


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition("=")
    return name, value


def exist(state_dir: Path) -> bool:
    """Return whether all secrets of a cluster are there."""
    return _done(state_dir).exists()


def _done(state_dir: Path) -> Path:
    return state_dir / "pki" / "complete"


def mail_password(state_dir: Path) -> str:
    """The password all mail users share."""
    text = (state_dir / "nodes" / "client" / "secrets.env").read_text()
    return text.partition("MAIL_PASSWORD=")[2].strip()


def password(length: int = 16) -> str:
    """A random password without look-alikes."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _env(**values: str) -> bytes:
    return "".join(f"{key}={value}\n" for key, value in values.items()).encode()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(0o600)
