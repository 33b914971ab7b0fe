"""The launcher's saved states of booted guests: which one fits, and which one is refused."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"NODE": "db1", "VM_DISKS": "root.qcow2", "VM_KERNEL": "vmlinux", "VM_MEMORY_MIB": "256"}


class FakeMonitor:
    """Answers as QEMU does, and writes a file for a state.

    Args:
        written: write operations of the first disk.
        refuses: whether QEMU cannot load a state.
    """

    def __init__(self, written: int = 0, *, refuses: bool = False) -> None:
        self.written = written
        self.refuses = refuses
        self.orders: list[str] = []

    def ask(self, command: str, **_: object) -> Any:  # noqa: ANN401 - as each command answers
        self.orders.append(command)
        return [{"device": "drive0", "stats": {"wr_operations": self.written}}]

    def report_migrations(self) -> None:
        self.orders.append("events")

    def resume(self) -> None:
        self.orders.append("cont")

    def migrated(self, command: str, *, uri: str) -> None:
        self.orders.append(command)
        if self.refuses:
            raise importlib.import_module("launcher.settings").LauncherError("migrate-incoming: Invalid argument")
        if command == "migrate":
            Path(uri.removeprefix("file:")).write_bytes(b"memory" * 1000)


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The launcher's modules."""
    monkeypatch.syspath_prepend(str(ROOT / "images/vm"))
    names = ("settings", "machine", "network", "saved_state")
    yield SimpleNamespace(**{name: importlib.import_module(f"launcher.{name}") for name in names})
    for name in [name for name in sys.modules if name.split(".")[0] == "launcher"]:
        del sys.modules[name]


@pytest.fixture
def parts(launcher: SimpleNamespace, tmp_path: Path) -> Any:  # noqa: ANN401 - the launcher has no types here
    """A node whose disks are as in its image."""
    folders = {name: tmp_path / name for name in ("images", "states", "sockets")}
    for folder in folders.values():
        folder.mkdir()
    (folders["images"] / "identity").write_text("1234  /vm/root.qcow2\n")
    (tmp_path / "configuration.tar").write_bytes(bytes(1 << 20))
    settings = launcher.settings.read(
        {**ENVIRONMENT, **{f"VM_{name.upper()}": str(folder) for name, folder in folders.items()}}
    )
    nic = launcher.network.Nic("backend", "tap-backend", "02:42:c6:12:01:15", "198.18.1.21", 24)
    return launcher.machine.Parts(settings, [Path("/disk/root.qcow2")], tmp_path / "configuration.tar", [nic])


@pytest.fixture
def saved(launcher: SimpleNamespace, parts: Any) -> Any:  # noqa: ANN401
    """A state that was saved."""
    state = launcher.saved_state.of(parts, new=True)
    assert not state.exists()
    assert state.save(FakeMonitor())
    return state


def damage(state: Any, how: str) -> None:  # noqa: ANN401
    """Damage the files of a state."""
    folder = next(path for path in state._all.iterdir() if path.is_dir())
    ram, manifest = folder / "ram", folder / "manifest.json"
    content = ram.read_bytes()
    if how == "damaged":
        ram.write_bytes(content[:3000] + b"?" + content[3001:])
    elif how == "truncated":
        ram.write_bytes(content[:-1])
    elif how == "foreign":
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "key": "another"}))
    elif how == "incomplete":
        manifest.write_text("{")


def test_a_state_fits_every_node_of_the_image(launcher: SimpleNamespace, parts: Any, saved: Any) -> None:  # noqa: ANN401
    other = replace(parts, settings=replace(parts.settings, node="db2"), nics=[replace(parts.nics[0], mac="02:42::16")])
    state = launcher.saved_state.of(other, new=True)
    assert state.key == saved.key
    assert state.exists()
    state.check()


@pytest.mark.parametrize("name", ["memory_mib", "cpu", "append", "extra", "disks", "nics"])
def test_every_part_of_the_command_line_changes_the_key(
    launcher: SimpleNamespace,
    parts: Any,  # noqa: ANN401
    name: str,
) -> None:
    key = launcher.saved_state.key_of
    if name == "disks":
        changed = replace(parts, overlays=[*parts.overlays, Path("/disk/data.qcow2")])
    elif name == "nics":
        changed = replace(parts, nics=[*parts.nics, replace(parts.nics[0], name="management")])
    else:
        value = {"memory_mib": 512, "extra": ("-s",)}.get(name, "other")
        changed = replace(parts, settings=replace(parts.settings, **{name: value}))
    assert key(changed) != key(parts)


def test_another_image_and_another_size_of_the_drive_change_the_key(launcher: SimpleNamespace, parts: Any) -> None:  # noqa: ANN401
    key = launcher.saved_state.key_of
    first = key(parts)
    parts.configuration.write_bytes(bytes(2 << 20))
    second = key(parts)
    (parts.settings.images / "identity").write_text("5678  /vm/root.qcow2\n")
    assert len({first, second, key(parts)}) == 3


def test_only_an_emulated_node_with_the_disks_of_its_image_has_a_state(launcher: SimpleNamespace, parts: Any) -> None:  # noqa: ANN401
    of = launcher.saved_state.of
    assert of(parts, new=True)
    assert of(parts, new=False) is None
    assert of(replace(parts, settings=replace(parts.settings, accel="kvm")), new=True) is None
    assert of(replace(parts, settings=replace(parts.settings, states=None)), new=True) is None
    assert of(replace(parts, settings=replace(parts.settings, states=Path("/nowhere"))), new=True) is None


@pytest.mark.parametrize("how", ["damaged", "truncated", "foreign", "incomplete"])
def test_a_node_boots_when_its_state_is(
    launcher: SimpleNamespace,
    parts: Any,  # noqa: ANN401
    saved: Any,  # noqa: ANN401
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    damage(saved, how)
    lines, restored = switched_on(launcher, parts, saved, FakeMonitor(), monkeypatch)
    assert not restored
    assert [line for line in lines if line.startswith("event=")] == [f"event=vm-state-refused reason={how}"]
    assert not saved.exists()


def test_a_node_boots_when_qemu_refuses_its_state(
    launcher: SimpleNamespace,
    parts: Any,  # noqa: ANN401
    saved: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines, restored = switched_on(launcher, parts, saved, FakeMonitor(refuses=True), monkeypatch)
    assert not restored
    assert lines == [
        "vm: the saved state is not used, the guest boots: migrate-incoming: Invalid argument",
        "event=vm-state-refused reason=qemu",
    ]


def test_a_node_continues_from_a_state_and_gets_the_time(
    launcher: SimpleNamespace,
    parts: Any,  # noqa: ANN401
    saved: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monitor = FakeMonitor()
    lines, restored = switched_on(launcher, parts, saved, monitor, monkeypatch)
    assert restored
    assert lines[0].startswith("event=vm-restored seconds=")
    assert monitor.orders[-2:] == ["migrate-incoming", "cont"]


def switched_on(
    launcher: SimpleNamespace,
    parts: Any,  # noqa: ANN401
    state: Any,  # noqa: ANN401
    monitor: FakeMonitor,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[list[str], bool]:
    """Switch a machine on; return its lines and whether it was restored. It got the time, or its power was cut."""
    done: list[str] = []

    def start(_: object, *, incoming: bool = False) -> SimpleNamespace:
        done.append(f"incoming={incoming}")
        return SimpleNamespace(
            monitor=monitor, send_time=lambda: done.append("time"), cut_power=lambda: done.append("cut")
        )

    monkeypatch.setattr(launcher.saved_state.machine, "start", start)
    lines: list[str] = []
    print_line: Callable[[str], None] = lines.append
    _, restored = launcher.saved_state.switch_on(parts, state, print_line)
    assert done == (["incoming=True", "time"] if restored else ["incoming=True", "cut", "incoming=False"])
    return lines, restored


def test_a_guest_that_has_written_to_a_disk_is_not_saved(launcher: SimpleNamespace, parts: Any) -> None:  # noqa: ANN401
    state = launcher.saved_state.of(parts, new=True)
    monitor = FakeMonitor(written=1)
    lines: list[str] = []
    launcher.saved_state.save(SimpleNamespace(monitor=monitor), state, lines.append)
    assert lines == ["vm: the state of the booted guest is not saved: the guest has written to drive0"]
    assert monitor.orders[-1] == "cont"
    assert not state.exists()


def test_one_node_saves_while_others_go_on(launcher: SimpleNamespace, parts: Any) -> None:  # noqa: ANN401
    state = launcher.saved_state.of(parts, new=True)
    with launcher.saved_state._only_one(parts.settings.states) as alone:
        assert alone
        assert not state.save(FakeMonitor())
    assert state.save(FakeMonitor())
    assert not state.save(FakeMonitor())  # it is there already


def test_only_the_last_states_are_kept(launcher: SimpleNamespace, parts: Any) -> None:  # noqa: ANN401
    states = [
        launcher.saved_state.of(replace(parts, settings=replace(parts.settings, memory_mib=size)), new=True)
        for size in (128, 256, 384, 512)
    ]
    for state in states:
        assert state.save(FakeMonitor())
    assert [state.exists() for state in states] == [False, True, True, True]
