"""All files of one balancer: made in memory, then written where its container sees them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed.applications import balancer_files
from testbed.balancers.balancer_registry import SERVER
from testbed.errors import TestbedError
from testbed.openbsd.node import interfaces, pf, services, ssh
from testbed.openbsd.node.balancer import Balancer
from testbed.topology import Topology


@dataclass(frozen=True)
class GuestFile:
    """One file of the guest, root's.

    Args:
        content: its bytes.
        mode: its permissions.
    """

    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class NodeSecrets:
    """The secrets of one balancer.

    Args:
        election_password: shared by both balancers.
        site_certificate: PEM.
        site_key: its private key, PEM.
        ca_certificate: PEM.
        host: the key the guest proves itself with.
        client: the key its container proves itself with.
    """

    election_password: str
    site_certificate: bytes
    site_key: bytes
    ca_certificate: bytes
    host: ssh.KeyPair
    client: ssh.KeyPair

    @classmethod
    def read(cls, state_dir: Path) -> NodeSecrets:
        """The cluster's secrets; SSH's keys are made when they are not there.

        Args:
            state_dir: the folder that holds ``nodes/`` and ``pki/``.

        Raises:
            TestbedError: the cluster's secrets have not been made.
        """
        shared = state_dir / "nodes" / "lb"
        try:
            lines = (shared / "secrets.env").read_text().splitlines()
            return cls(
                election_password=dict(line.split("=", 1) for line in lines)["CARP_PASSWORD"],
                site_certificate=(shared / "site.crt").read_bytes(),
                site_key=(shared / "site.key").read_bytes(),
                ca_certificate=(shared / "ca.crt").read_bytes(),
                host=_key(state_dir / "pki" / "ssh-host"),
                client=_key(state_dir / "pki" / "ssh-client"),
            )
        except (OSError, KeyError, ValueError) as error:
            raise TestbedError(
                f"the cluster's secrets cannot be read: {error}",
                where=str(state_dir),
                fix="`testbed down` and `testbed up` make new ones",
            ) from None


def files(topology: Topology, node: str, secrets: NodeSecrets, templates: Path) -> Mapping[str, GuestFile]:
    """All files of one balancer, by their paths below its root.

    Args:
        node: the balancer's name.
        secrets: the cluster's.
        templates: the folder of the server's files on Debian (``images/lb``).

    Raises:
        UsageError: the balancer's Compose service has an invalid value.
        TestbedError: a template does not fit.
    """
    balancer = Balancer.of(topology, node)
    text: dict[str, tuple[str, int]] = {
        # netstart(8) insists on files that only root can read.
        f"etc/hostname.{name}": (content, 0o640)
        for name, content in interfaces.hostname_if(balancer, secrets.election_password).items()
    }
    text |= {
        "etc/myname": (f"{balancer.name}\n", 0o644),
        "etc/hosts": (interfaces.hosts(balancer), 0o644),
        "etc/resolv.conf": (interfaces.resolv_conf(), 0o644),
        "etc/sysctl.conf": (interfaces.sysctl_conf(), 0o644),
        "etc/pf.conf": (pf.pf_conf(balancer), 0o600),
        "etc/rc.conf.local": (services.rc_conf_local(), 0o644),
        "etc/ssh/sshd_config": (ssh.sshd_config(), 0o644),
    }
    text |= {path: (content, 0o644) for path, content in SERVER.openbsd_files(balancer, templates).items()}
    text |= {f"etc/testbed/{name}": (content, 0o644) for name, content in balancer_files(topology).items()}
    made = {path: GuestFile(content.encode(), mode) for path, (content, mode) in text.items()}
    made |= {
        "etc/testbed/ca.crt": GuestFile(secrets.ca_certificate),
        "etc/testbed/site.crt": GuestFile(secrets.site_certificate),
        "etc/testbed/site.key": GuestFile(secrets.site_key, 0o600),
        _below(ssh.HOST_KEY_FILE): GuestFile(secrets.host.private, 0o600),
        _below(f"{ssh.HOST_KEY_FILE}.pub"): GuestFile(secrets.host.public),
        _below(ssh.AUTHORIZED_KEYS_FILE): GuestFile(secrets.client.public, 0o600),
    }
    return made


def write(state_dir: Path, topology: Topology, node: str, templates: Path) -> None:
    """Write what one balancer's container sees at ``/etc/testbed``: ``guest/``, ``control/``, ``secrets.env``.

    The folder is replaced, so that no file of another profile stays.

    Args:
        state_dir: the folder that holds ``nodes/`` and ``pki/``.
        node: the balancer's name.
        templates: the folder of the server's files on Debian (``images/lb``).

    Raises:
        UsageError: the balancer's Compose service has an invalid value; nothing is written.
        TestbedError: there are no secrets, or a template does not fit.
    """
    secrets = NodeSecrets.read(state_dir)
    guest = files(topology, node, secrets, templates)
    folder = state_dir / "nodes" / node
    for name in ("guest", "control"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path, file in guest.items():
        _write(folder / "guest" / path, file.content, file.mode)
    control = {
        "id_ed25519": secrets.client.private,
        "ssh_config": ssh.ssh_config().encode(),
        "known_hosts": ssh.known_hosts(secrets.host).encode(),
    }
    for name, content in control.items():
        _write(folder / "control" / name, content, 0o600)
    _write(folder / "secrets.env", f"CARP_PASSWORD={secrets.election_password}\n".encode(), 0o600)


def _key(path: Path) -> ssh.KeyPair:
    if not path.exists():
        _write(path, ssh.KeyPair.generate().private, 0o600)
    return ssh.KeyPair.read(path.read_bytes())


def _below(path: str) -> str:
    return path.lstrip("/")


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(mode)
