"""Texts without the cluster's secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

REDACTED = "[redacted]"
# Secrets of the cluster are not shorter, and shorter values would be found in many texts.
LEAST_CHARACTERS = 8
_KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
# PASSWORD=x, "auth_token": "x" and the like, of any program; not the package `php-horde-secret: 1.2`.
_NAMED = re.compile(
    r"(?i)((?<![\w-])(?:\w+_)?(?:password|passphrase|secret|secret_key|api_?key|auth_token|access_token)[\"']?\s*[=:]\s*"
    r"[\"']?)([^\s\"',;]+)"
)


class Redaction:
    """Replaces secrets in texts.

    Args:
        secrets: values that must not be printed.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: one may be a part of another.
        self.secrets = sorted({each for each in secrets if len(each) >= LEAST_CHARACTERS}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, self.secrets))) if self.secrets else None

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        if self._known:
            text = self._known.sub(REDACTED, text)
        text = _KEY.sub(REDACTED, text)
        text = _IN_ADDRESS.sub(REDACTED, text)
        return _NAMED.sub(rf"\g<1>{REDACTED}", text)


def secrets_of(state_dir: Path) -> set[str]:
    """Return every secret of a cluster: the passwords, and each line of its private keys.

    Args:
        state_dir: the folder that holds ``nodes/`` and ``pki/``.
    """
    found = set()
    for path in sorted((state_dir / "nodes").rglob("*.env")):
        found |= {line.partition("=")[2] for line in path.read_text().splitlines() if "=" in line}
    for folder in ("nodes", "pki"):
        for path in sorted((state_dir / folder).rglob("*.key")):
            found |= {line for line in path.read_text().splitlines() if not line.startswith("-----")}
    return found
