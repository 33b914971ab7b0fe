"""How tests run a probe outside its loop, and certificates for servers on loopback."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from testbed.journal import ProbeSample
from testbed.probes.open_loop import Probe

DAY = dt.timedelta(days=1)


async def samples_of(probe: Probe, count: int = 1, interval: float = 0.0) -> list[ProbeSample]:
    """Begin so many probes, so many seconds apart, and wait for all of them."""
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.Future[ProbeSample]] = []
    for _ in range(count):
        waiting.append(loop.create_future())
        probe.begin(5.0, waiting[-1].set_result)
        await asyncio.sleep(interval)
    return list(await asyncio.gather(*waiting))


def probe_once(make: Callable[[], Probe], count: int = 1, interval: float = 0.0) -> list[ProbeSample]:
    """The samples of a new probe."""

    async def go() -> list[ProbeSample]:
        probe = make()
        try:
            return await samples_of(probe, count, interval)
        finally:
            await probe.close()

    return asyncio.run(go())


def certificate(folder: Path) -> Path:
    """A certificate for loopback with its key, in one file, its own CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "site.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def server_context(path: Path) -> ssl.SSLContext:
    """TLS for a server with the certificate at ``path``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
