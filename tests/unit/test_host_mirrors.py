"""Which of the host's apt sources are Debian's own: by archive, whatever name the release has in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.host import mirrors
from testbed.host.mirrors import Mirrors

MAIN, SECURITY = "http://mirror.example.net/debian", "http://mirror.example.net/debian-security"
# What apt prints of sources in either form, shortened; each archive names its suites as it likes.
PRINTED = f"""\
'https://browser.example.com/linux/chrome/deb/dists/stable/InRelease' browser.example.com_InRelease 0 
'https://engine.example.com/linux/debian/dists/bookworm/InRelease' engine.example.com_InRelease 0 
'{MAIN}/dists/SUITE/InRelease' mirror.example.net_InRelease 0 
'{SECURITY}/dists/SUITE-security/InRelease' mirror.example.net_security_InRelease 0 
'{MAIN}/dists/SUITE/main/binary-amd64/Packages.xz' mirror.example.net_Packages 0 
'https://third.example.com/debian/12/prod/dists/bookworm/InRelease' third.example.com_InRelease 0 
"""  # noqa: W291 - apt ends its lines so


def origin(archive: str, _: str) -> str | None:
    """Debian's archives name their origin, and so do those of others."""
    return "Debian" if "mirror.example.net" in archive else "Example"


@pytest.mark.parametrize("suite", ["bookworm", "stable", "oldstable", "testing", "sid", "unstable"])
def test_debians_own_mirrors_are_found_under_any_name_of_a_release(suite: str) -> None:
    sources = mirrors.parse_sources(PRINTED.replace("SUITE", suite))
    assert mirrors.choose_mirrors(sources, "bookworm", origin) == Mirrors(MAIN, SECURITY)


def test_archives_of_others_are_no_mirrors_of_debian() -> None:
    sources = [each for each in mirrors.parse_sources(PRINTED) if "mirror.example.net" not in each[0]]
    assert len(sources) == 3
    assert mirrors.choose_mirrors(sources, "bookworm", origin) == Mirrors()


def test_another_release_than_the_hosts_by_its_code_name_is_not_asked() -> None:
    sources = mirrors.parse_sources(PRINTED.replace("SUITE", "trixie"))
    assert mirrors.choose_mirrors(sources, "bookworm", origin) == Mirrors()


def test_a_mirror_that_does_not_answer_is_known_by_its_address() -> None:
    sources = mirrors.parse_sources(PRINTED.replace("SUITE", "stable"))
    ours = [each for each in sources if "mirror.example.net" in each[0] or "chrome" in each[0]]
    assert mirrors.choose_mirrors(ours, "bookworm", lambda *_: None) == Mirrors(MAIN, SECURITY)


@pytest.mark.parametrize(
    ("content", "codename"),
    [
        ("ID=debian\nVERSION_CODENAME=bookworm\n", "bookworm"),
        ('ID="debian"\nVERSION_CODENAME="trixie"\n', "trixie"),
        ("ID=ubuntu\nVERSION_CODENAME=noble\n", None),
        ("ID=debian\n", None),
    ],
)
def test_codename(tmp_path: Path, content: str, codename: str | None) -> None:
    file = tmp_path / "os-release"
    file.write_text(content)
    assert mirrors.host_codename(file) == codename
