"""What a command does before its work begins: each import is paid for in every call."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from testbed.cli import collector

# What only commands need that write, play or judge, and the YAML parser: Compose files come from the cache.
HEAVY = (
    "cryptography", "jinja2", "numpy", "psycopg", "ruamel",
    "testbed.checks", "testbed.journal", "testbed.probes", "testbed.report", "testbed.yaml_source.parser",
)  # fmt: skip
CERTIFICATES = ("cryptography.x509", "testbed.cluster.certificate_authority")


def printed(script: str, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return result.stdout


@pytest.fixture
def thawed() -> Iterator[None]:
    """A collector that is on, and that collects what the test has made."""
    was_enabled = gc.isenabled()
    gc.enable()
    yield
    gc.unfreeze()
    if not was_enabled:
        gc.disable()


@pytest.mark.parametrize(
    ("command", "heavy"),
    [("status", HEAVY), ("fault", HEAVY), ("up", CERTIFICATES), ("reset", CERTIFICATES), ("run", CERTIFICATES)],
)
def test_a_command_imports_only_what_it_needs(command: str, heavy: tuple[str, ...]) -> None:
    script = f"import sys, testbed.cli.{command}\nprint('LOADED', [name for name in {heavy!r} if name in sys.modules])"
    assert printed(script) == "LOADED []\n"


def test_the_collector_is_kept_from_what_a_command_imports() -> None:
    script = (
        "import gc\nfrom testbed.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "from testbed.cli.status import status\n"
        "seen = any(each is status for each in gc.get_objects())\n"
        "print('COLLECTOR', gc.isenabled(), gc.get_freeze_count() > 0, seen)"
    )
    assert "COLLECTOR True True False\n" in printed(script, "status", "--help")


@pytest.mark.usefixtures("thawed")
def test_the_collector_comes_back_when_an_import_fails() -> None:
    def fail() -> None:
        with collector.spared():
            during.append(gc.isenabled())
            raise ImportError

    during: list[bool] = []
    with pytest.raises(ImportError):
        fail()
    assert (during, gc.isenabled()) == ([False], True)


@pytest.mark.usefixtures("thawed")
def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    with collector.spared():
        pass
    assert not gc.isenabled()
