"""Secrets of one cluster: a certificate authority, certificates and passwords, made afresh, each node seeing its own.

Each folder below ``nodes/`` is what the nodes of one kind see at ``/etc/testbed``. The CA's key stays outside them.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from testbed.cluster.node_folders import share
from testbed.database_passwords import password_name
from testbed.topology import Topology

# Nodes whose root may read by its groups alone (compose/: cap_drop, group_add); another node's reads all files.
BY_GROUP = frozenset({"db", "arbiter"})
VALIDITY = timedelta(days=365)
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
    authority = Authority("testbed CA")
    site = authority.issue([topology.site.name, "localhost"], [str(topology.site.address), "127.0.0.1"])
    # For the overlay that adds it, which may be asked for later.
    single = authority.issue([f"single.{topology.site.name.partition('.')[2]}"], [])
    mail = authority.issue(["mail"], [])
    carp, horde, probe, users, arbiter = (password() for _ in range(5))
    nodes = {
        "lb": {"site.crt": site[0], "site.key": site[1], "secrets.env": _env(CARP_PASSWORD=carp)},
        "app": {"secrets.env": _env(HORDE_DB_PASSWORD=horde, HORDE_SECRET_KEY=password(40))},
        "mail": {"mail.crt": mail[0], "mail.key": mail[1], "secrets.env": _env(MAIL_PASSWORD=users)},
        "db": {
            "secrets.env": _env(
                CARP_PASSWORD=carp, HORDE_DB_PASSWORD=horde, PROBE_DB_PASSWORD=probe, ARBITER_SECRET=arbiter
            )
        },
        "arbiter": {"secrets.env": _env(ARBITER_SECRET=arbiter)},
        "single": {
            "single.crt": single[0],
            "single.key": single[1],
            "secrets.env": _env(HORDE_DB_PASSWORD=password(), HORDE_SECRET_KEY=password(40)),
        },
        "client": {"secrets.env": _env(MAIL_PASSWORD=users)},
        "observer": {"secrets.env": _env(PROBE_DB_PASSWORD=probe)},
    }
    for folder in (state_dir / "nodes", done.parent):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    for node, files in nodes.items():
        for name, content in {**files, "ca.crt": authority.certificate}.items():
            path = state_dir / "nodes" / node / name
            _write(path, content)
            if node in BY_GROUP:
                share(state_dir, path, 0o640)
    _write(state_dir / "pki" / "ca.crt", authority.certificate)
    _write(state_dir / "pki" / "ca.key", authority.key)
    _write(done, b"")
    return True


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


class Authority:
    """A certificate authority of one cluster.

    Args:
        name: its common name.
    """

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        self._own = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def certificate(self) -> bytes:
        """Its own certificate, PEM."""
        return self._own.public_bytes(serialization.Encoding.PEM)

    @property
    def key(self) -> bytes:
        """Its private key, PEM."""
        return _pem(self._key)

    def issue(self, names: Sequence[str], addresses: Sequence[str]) -> tuple[bytes, bytes]:
        """Issue a server certificate.

        Args:
            names: DNS names; the first is the common name too.
            addresses: IP addresses.

        Returns:
            Certificate and private key, PEM.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        certificate = (
            self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]), key.public_key())
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM), _pem(key)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        # An hour back: a guest's clock may be behind the host's.
        start = datetime.now(UTC) - timedelta(hours=1)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + VALIDITY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _env(**values: str) -> bytes:
    return "".join(f"{key}={value}\n" for key, value in values.items()).encode()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(0o600)
