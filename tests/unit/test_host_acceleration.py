from __future__ import annotations

import os
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.host import acceleration, guest_probe, resources
from testbed.host.acceleration import GuestRun, verdict
from testbed.host.host_check import CheckLevel

RAN = GuestRun(guest_probe.EXIT_STATUS, "")


def test_a_guest_that_ran_under_kvm_proves_it() -> None:
    assert verdict(RAN).kind == "kvm"


def test_a_guest_that_hangs_means_software_emulation_with_a_reason() -> None:
    found = verdict(GuestRun(None, "warning: something\n"), RAN)
    assert found.kind == "tcg"
    assert "no sign of life in 5 s" in found.reason


def test_a_forbidden_device_is_distinguished_from_a_broken_one() -> None:
    denied = "qemu-system-x86_64: Could not access KVM kernel module: Permission denied\n"
    assert "forbidden" in verdict(GuestRun(1, denied), RAN).reason
    absent = "qemu-system-x86_64: Could not access KVM kernel module: No such device\n"
    found = verdict(GuestRun(1, absent), RAN)
    assert "forbidden" not in found.reason
    assert "No such device" in found.reason


@pytest.mark.parametrize("tcg", [None, GuestRun(None, ""), GuestRun(127, "not found"), GuestRun(0, "")])
def test_a_probe_that_fails_in_software_too_proves_nothing(tcg: GuestRun | None) -> None:
    with pytest.raises(TestbedError, match="in software"):
        verdict(GuestRun(None, ""), tcg)


def test_a_missing_device_and_one_that_does_not_open(tmp_path: Path) -> None:
    assert "missing" in (acceleration.device_error(tmp_path / "kvm") or "")
    assert acceleration.device_error(Path(os.devnull)) is None
    assert "does not open" in (acceleration.device_error(tmp_path) or "")


def test_the_firmware_begins_at_the_reset_vector() -> None:
    image = guest_probe.firmware()
    assert len(image) == guest_probe.SIZE
    jump, offset = image[-16], int.from_bytes(image[-15:-13], "little")
    assert jump == 0xE9
    assert (guest_probe.SIZE - 16 + 3 + offset) % guest_probe.SIZE == 0  # to the first instruction
    assert guest_probe.DEBUG_EXIT_PORT.to_bytes(2, "little") in image


def test_a_device_that_this_user_may_not_open_is_left_to_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", forbidden)
    assert acceleration.device_error() is None
    finding = resources.device(Path("/dev/fuse"))
    assert (finding.status, finding.what) == (CheckLevel.OK, "/dev/fuse is there, for the engine")


def test_the_message_names_what_takes_root() -> None:
    assert resources.rights(0).what == "root"
    finding = resources.rights(1000)
    assert finding.status is CheckLevel.OK
    assert "only installing packages and starting the engine" in finding.what
