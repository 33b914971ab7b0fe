"""SSH between a balancer and its container: keys of one cluster, and what both sides read.

Sources: sshd_config(5), ssh_config(5), sshd(8) ("SSH_KNOWN_HOSTS FILE FORMAT"). Only keywords are used that OpenBSD's
OpenSSH and Debian's share.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from testbed.openbsd.node.balancer import CONTROL_GUEST

# What the container's commands call the guest, and where its side of the files lies.
ALIAS = "guest"
CONTAINER_FOLDER = "/etc/testbed/control"
HOST_KEY_FILE = "/etc/ssh/ssh_host_ed25519_key"
AUTHORIZED_KEYS_FILE = "/etc/ssh/authorized_keys"


@dataclass(frozen=True)
class KeyPair:
    """An ed25519 key pair.

    Args:
        private: in OpenSSH's own format, without a passphrase.
        public: one line, as in ``authorized_keys``.
    """

    private: bytes
    public: bytes

    @classmethod
    def generate(cls) -> KeyPair:
        """A fresh one."""
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        return cls.read(private)

    @classmethod
    def read(cls, private: bytes) -> KeyPair:
        """The pair of a private key.

        Raises:
            ValueError: it is not a private key in OpenSSH's format.
        """
        public = serialization.load_ssh_private_key(private, password=None).public_key()
        line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return cls(private, line + b"\n")


def sshd_config() -> str:
    """``/etc/ssh/sshd_config``: root by key, on the control network's address and nowhere else."""
    return f"""\
AddressFamily inet
ListenAddress {CONTROL_GUEST.ip}
Port 22
HostKey {HOST_KEY_FILE}
AuthorizedKeysFile {AUTHORIZED_KEYS_FILE}
AllowUsers root
PermitRootLogin prohibit-password
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
DisableForwarding yes
UseDNS no
# One connection carries the commands of everybody who asks.
MaxSessions 64
# A login is a command of the testbed: only trouble is worth a line.
LogLevel ERROR
"""


def ssh_config() -> str:
    """The container's ``ssh_config``: ``ssh -F FILE guest -- COMMAND``.

    One connection is kept and shared, since a key exchange costs an emulated guest most of a second. A guest that has
    lost its power or is frozen is noticed after about four seconds.
    """
    return f"""\
Host {ALIAS}
    HostName {CONTROL_GUEST.ip}
    User root
    Port 22
    IdentityFile {CONTAINER_FOLDER}/id_ed25519
    IdentitiesOnly yes
    PreferredAuthentications publickey
    UserKnownHostsFile {CONTAINER_FOLDER}/known_hosts
    GlobalKnownHostsFile /dev/null
    HostKeyAlgorithms ssh-ed25519
    StrictHostKeyChecking yes
    UpdateHostKeys no
    BatchMode yes
    ConnectTimeout 5
    ServerAliveInterval 2
    ServerAliveCountMax 2
    ControlMaster auto
    ControlPath /run/testbed-ssh-%C
    ControlPersist 600
    LogLevel ERROR
"""


def known_hosts(host: KeyPair) -> str:
    """The container's ``known_hosts``: the cluster's host key, for the guest's address."""
    kind, key = host.public.decode().split()[:2]
    return f"{CONTROL_GUEST.ip} {kind} {key}\n"
