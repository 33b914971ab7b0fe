"""How `testbed up` reports the starts of VMs, read from their logs."""

from __future__ import annotations

from testbed.cluster.vm_starts import describe_starts


def test_each_vm_that_used_refused_or_saved_a_state_has_one_line() -> None:
    logs = {
        "db1": ["event=vm-restored seconds=0.665 key=bf90", "event=booted node=db1 up=6.3"],
        "db2": [
            "vm: the saved state is not used, the guest boots: /states/bf90/ram has another checksum",
            "event=vm-state-refused reason=damaged",
            "event=vm-state-saved seconds=1.235 key=bf90",
        ],
        "db3": ["event=booted node=db3 up=6.3"],
    }
    assert describe_starts(logs) == [
        "db1: continued from the saved state of a booted guest, after 0.665 s",
        "db2: booted, because its saved state cannot be used: damaged",
        "db2: booted; its state is saved for the next new cluster",
    ]
