"""Every message that the page on troubleshooting explains is one that the program can print."""

from __future__ import annotations

import re

import pytest

from docs_links import DOCS, ROOT

MESSAGES = re.findall(r"^\*\*Message:\*\* `([^`\n]+)`$", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
# Python joins adjacent literals, and a message may begin in one and go on in the next.
SOURCES = re.sub(
    r'"\s*\n\s*f?"',
    "",
    "\n".join(path.read_text() for path in [*sorted((ROOT / "src").rglob("*.py")), ROOT / "Makefile"]),
)


def printed(message: str, sources: str) -> bool:
    """Return whether one line of the sources has all parts of a message, in order."""
    parts = [re.escape(part.strip()) for part in message.split("...") if part.strip()]
    return bool(parts) and re.search(".*".join(parts), sources) is not None


@pytest.mark.parametrize("message", MESSAGES)
def test_each_message_is_printed(message: str) -> None:
    assert printed(message, SOURCES)


def test_there_are_messages() -> None:
    assert len(MESSAGES) >= 20


def test_a_message_that_is_not_printed_is_found() -> None:
    assert printed("no ... runs; start it", 'x = f"no {name} runs; start it"')
    assert not printed("no ... runs; start it", 'x = f"no {name} runs"')
