"""What `testbed openbsd` is asked, and what it refuses before anything is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from testbed.cli.openbsd import _release, _source
from testbed.errors import UsageError
from testbed.openbsd.media import Directory, InstallImage, Mirror
from testbed.settings import Settings

SETTINGS = Settings(root=Path(), project="testbed", state_dir=Path("state"), run_dir=Path("run"))


@pytest.mark.parametrize("mirror", ["", "ftp://mirror.example.net", "http://", "http://[bad", "mirror.example.net"])
def test_an_invalid_mirror_is_refused_with_its_source(mirror: str) -> None:
    with pytest.raises(UsageError) as caught:
        _source(SETTINGS, mirror, None, None)
    assert caught.value.where == "--mirror"
    with pytest.raises(UsageError) as caught:
        _source(replace(SETTINGS, openbsd_mirror=mirror), None, None, None)
    assert caught.value.where == "TESTBED_OPENBSD_MIRROR"


@pytest.mark.parametrize("mirror", ["https://mirror.example.net/pub/OpenBSD", "http://[2001:db8::1]:8080/pub"])
def test_a_mirror_is_a_source(mirror: str) -> None:
    source = _source(SETTINGS, mirror, None, None)
    assert isinstance(source, Mirror)
    assert source.name == mirror


def test_a_folder_is_all_there_is_when_offline(tmp_path: Path) -> None:
    assert isinstance(_source(SETTINGS, None, None, tmp_path), Directory)
    with pytest.raises(UsageError, match="no such folder"):
        _source(SETTINGS, None, None, tmp_path / "nowhere")
    with pytest.raises(UsageError, match="--mirror has no use"):
        _source(SETTINGS, "http://mirror.example.net", None, tmp_path)
    image = tmp_path / "install80.iso"
    image.write_bytes(b"\0" * 0x8001 + b"CD001")
    assert isinstance(_source(SETTINGS, None, image, tmp_path), InstallImage)


def test_an_invalid_release_is_refused_with_its_source() -> None:
    assert _release(SETTINGS, None).version == "8.0"
    assert _release(replace(SETTINGS, openbsd_release="7.9"), None).version == "7.9"
    assert _release(replace(SETTINGS, openbsd_release="7.9"), "8.0").version == "8.0"
    with pytest.raises(UsageError) as caught:
        _release(replace(SETTINGS, openbsd_release="6.0"), None)
    assert caught.value.where == "TESTBED_OPENBSD_RELEASE"
    with pytest.raises(UsageError, match="not supported"):
        _release(SETTINGS, "6.0")
