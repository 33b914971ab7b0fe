from __future__ import annotations

import io
import subprocess
import tarfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from testbed import settings as configuration
from testbed.errors import TestbedError, UsageError
from testbed.host import mirrors
from testbed.host.mirrors import Mirrors
from testbed.images import base_image, manifest
from testbed.images.build_inputs import BuildInput
from testbed.images.build_order import run_in_order
from testbed.images.builder import hash_all
from testbed.images.image_build import shorten
from testbed.images.image_catalogue import Choices, Image, catalogue, select
from testbed.images.input_hash import inputs_of, write_context

CHOICES = Choices({"base": "bookworm", "app": "bullseye", "vm": "trixie"}, "ext3", 60, 2006)
MIRRORS = Mirrors("http://mirror.example.net/debian", "http://mirror.example.net/debian-security")
ARCHIVE = "http://old.example.net/debian"


def _writes(text: str) -> Callable[[Path], None]:
    def write(target: Path) -> None:
        (target / "it").write_text(text)

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    image = tmp_path / "lb"
    (image / "bin").mkdir(parents=True)
    (image / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (image / "bin" / "boot").write_text("#!/bin/sh\n")
    return image


def test_an_image_is_built_after_all_it_stands_on() -> None:
    images = catalogue(Path("/checkout"), CHOICES)
    ordered = [image.tag for image in select(images, [image.name for image in images.values()])]
    assert len(ordered) == len(set(ordered)) == len(images)
    for image in images.values():
        for needed in image.bases.values():
            assert ordered.index(needed) < ordered.index(image.tag)


def test_a_named_image_brings_its_bases_and_nothing_else() -> None:
    names = [image.name for image in select(catalogue(Path("/checkout"), CHOICES), ["schema"])]
    assert names == ["base-bullseye", "app", "schema"]
    with pytest.raises(UsageError, match="no image 'nginx'"):
        select(catalogue(Path("/checkout"), CHOICES), ["nginx"])


def test_an_optional_image_is_built_only_when_it_is_named() -> None:
    images = catalogue(Path("/checkout"), CHOICES)
    optional = {image.tag for image in images.values() if image.optional}
    assert "testbed/openbsd-installer" in optional
    assert {image.tag for image in select(images, [])} == set(images) - optional
    assert [image.name for image in select(images, ["openbsd-installer"])] == ["base-trixie", "vm", "openbsd-installer"]


def test_one_base_serves_all_that_share_a_release() -> None:
    same = Choices({"base": "trixie", "app": "trixie", "vm": "trixie"}, "ext3", 60, 2006)
    tags = [tag for tag in catalogue(Path("/checkout"), same) if tag.startswith("testbed/base")]
    assert tags == ["testbed/base:trixie"]


def test_a_release_whose_python_is_unknown_is_refused() -> None:
    with pytest.raises(UsageError, match="sid"):
        catalogue(Path("/checkout"), Choices({"base": "sid", "app": "sid", "vm": "sid"}, "ext3", 60, 2006))


def test_inputs_change_with_content_mode_names_arguments_and_bases(folder: Path) -> None:
    image = Image("testbed/lb", folder, bases={"BASE": "b"}, args={"A": "1"})
    seen = {inputs_of(image, {"b": "x"})}

    def changed(new: str) -> bool:
        seen.add(new)
        return len(seen) == changes

    changes = 2
    (folder / "bin" / "boot").write_text("#!/bin/bash\n")
    assert changed(inputs_of(image, {"b": "x"}))
    changes = 3
    (folder / "bin" / "boot").chmod(0o755)
    assert changed(inputs_of(image, {"b": "x"}))
    changes = 4
    (folder / "bin" / "boot").rename(folder / "bin" / "start")
    assert changed(inputs_of(image, {"b": "x"}))
    changes = 5
    assert changed(inputs_of(image, {"b": "y"}))
    changes = 6
    assert changed(inputs_of(Image("testbed/lb", folder, bases={"BASE": "b"}, args={"A": "2"}), {"b": "x"}))


def test_inputs_ignore_times_caches_and_what_is_made(folder: Path) -> None:
    image = Image("testbed/lb", folder)
    before = inputs_of(image, {})
    for name in ("build/mailboxes.tar", "bin/__pycache__/x.pyc", "build.new/half"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("made")
    (folder / "Dockerfile").touch()
    assert inputs_of(image, {}) == before


def test_inputs_change_with_a_piece(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("1")

    def hashed(value: str) -> str:
        piece = BuildInput("piece", folder, (source,), (value,), lambda _: None)
        return inputs_of(Image("testbed/lb", folder, build_inputs=(piece,)), {})

    first = hashed("a")
    assert hashed("b") != first
    source.write_text("2")
    assert hashed("a") != first


def test_a_change_reaches_all_that_is_built_on_it(folder: Path) -> None:
    images = [Image("testbed/a", folder), Image("testbed/b", folder, bases={"BASE": "testbed/a"})]
    before = hash_all(images)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    after = hash_all(images)
    assert all(before[tag] != after[tag] for tag in before)


def test_a_folder_without_dockerfile_is_named(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match="no Dockerfile"):
        hash_all([Image("testbed/x", tmp_path)])


def test_the_context_holds_what_is_made_and_depends_on_content_alone(folder: Path) -> None:
    (folder / "build").mkdir()
    (folder / "build" / "mailboxes.tar").write_bytes(b"mail")
    (folder / "bin" / "boot").chmod(0o700)
    (folder / "bin" / "link").symlink_to("boot")
    first, second = io.BytesIO(), io.BytesIO()
    write_context(folder, first)
    (folder / "Dockerfile").touch()
    write_context(folder, second)
    assert first.getvalue() == second.getvalue()
    with tarfile.open(fileobj=first) as tar:
        members = {member.name: member for member in tar}
        assert set(members) == {"Dockerfile", "bin/boot", "bin/link", "build/mailboxes.tar"}
        assert members["bin/boot"].mode == 0o755
        assert members["Dockerfile"].mode == 0o644
        assert members["bin/link"].linkname == "boot"


def test_a_piece_is_made_once_and_again_when_its_key_changes(folder: Path) -> None:
    made: list[str] = []

    def piece(value: str) -> BuildInput:
        return BuildInput("piece", folder, (), (value,), _writes(value))

    piece("1").ensure(made.append)
    piece("1").ensure(made.append)
    assert made == ["piece"]
    piece("2").ensure(made.append)
    assert (folder / "build" / "it").read_text() == "2"
    assert made == ["piece", "piece"]


def test_a_piece_that_fails_leaves_the_old_one(folder: Path) -> None:
    BuildInput("piece", folder, (), ("1",), _writes("1")).ensure(print)

    def broken(target: Path) -> None:
        (target / "it").write_text("half")
        raise TestbedError("no network")

    with pytest.raises(TestbedError):
        BuildInput("piece", folder, (), ("2",), broken).ensure(print)
    assert (folder / "build" / "it").read_text() == "1"


def test_sources_are_the_hosts_mirror_with_the_suites_it_has() -> None:
    found = base_image.choose_sources("bookworm", MIRRORS, ARCHIVE, lambda _, suite: suite != "bookworm-updates")
    assert found.archive == MIRRORS.main
    assert [line.split("] ")[1] for line in found.lines] == [
        "http://mirror.example.net/debian bookworm main",
        "http://mirror.example.net/debian-security bookworm-security main",
    ]
    assert all("signed-by=" in line and "valid" not in line for line in found.lines)


def test_a_release_that_left_the_mirror_comes_from_the_archive() -> None:
    found = base_image.choose_sources("bullseye", MIRRORS, ARCHIVE, lambda archive, _: archive == ARCHIVE)
    assert found.archive == ARCHIVE
    assert "check-valid-until=no" in found.lines[0]
    assert "signed-by=" in found.lines[0]


def test_a_release_that_no_mirror_has_is_refused_with_both_places() -> None:
    with pytest.raises(TestbedError, match=r"neither .*mirror.* nor .*old.* has Debian lenny"):
        base_image.choose_sources("lenny", MIRRORS, ARCHIVE, lambda *_: False)


def test_a_host_that_runs_sid_has_security_updates_from_its_mirrors_sibling() -> None:
    found = base_image.choose_sources("bookworm", Mirrors(MIRRORS.main), ARCHIVE, lambda *_: True)
    assert "http://mirror.example.net/debian-security bookworm-security main" in found.lines[-1]


def test_a_host_without_a_debian_mirror_leaves_the_default() -> None:
    assert base_image.choose_sources("bookworm", Mirrors(), ARCHIVE, lambda *_: False) == base_image.AptSources(
        None, ()
    )
    served = base_image.choose_sources("bookworm", Mirrors(), ARCHIVE, lambda archive, _: archive == mirrors.DEFAULT)
    assert served == base_image.AptSources(None, ())


def test_a_host_without_a_debian_mirror_takes_an_old_release_from_the_archive() -> None:
    found = base_image.choose_sources("bullseye", Mirrors(), ARCHIVE, lambda archive, _: archive == ARCHIVE)
    assert found.archive == ARCHIVE


@pytest.mark.parametrize(("uid", "package"), [(0, "mmdebstrap"), (1000, "uidmap")])
def test_what_making_a_release_takes_is_asked_for_before_it_is_made(
    uid: int, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setattr(base_image, "registry_answers", lambda _: False)
    monkeypatch.setattr("testbed.host.engine.has_program", lambda name: name == "mmdebstrap" and uid != 0)
    monkeypatch.setattr("testbed.host.apt.install", lambda packages, *_: asked.extend(packages))
    base_image.need_tools(replace(configuration.load(), state_dir=tmp_path), "bookworm", print)
    assert asked == [package]


def test_order_and_parallelism_of_builds() -> None:
    needs: dict[str, list[str]] = {"a": [], "b": [], "c": ["a", "b"], "d": ["c", "not-built-now"], "e": []}
    lock = threading.Lock()
    done: list[str] = []
    at_once = [0, 0]
    both = threading.Barrier(2, timeout=10)

    def work(name: str) -> None:
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
            assert all(need in done for need in needs[name] if need in needs)
        if name in ("a", "b"):
            both.wait()  # comes back only when two truly run at once
        with lock:
            at_once[0] -= 1
            done.append(name)

    run_in_order(needs, work)
    assert sorted(done) == sorted(needs)
    assert at_once[1] == 2


def test_the_first_failure_comes_through_and_nothing_more_begins() -> None:
    begun: list[str] = []

    def work(name: str) -> None:
        begun.append(name)
        raise TestbedError(name)

    with pytest.raises(TestbedError, match="a"):
        run_in_order({"a": [], "b": ["a"]}, work)
    assert begun == ["a"]


def test_needs_that_go_in_a_circle() -> None:
    with pytest.raises(ValueError, match="need each other"):
        run_in_order({"a": ["b"], "b": ["a"]}, lambda _: None)


def test_packages_of_a_dpkg_status_file() -> None:
    status = """\
Package: ucarp
Status: install ok installed
Version: 1.5.2-2
Description: common
 Package: not a field

Package: removed
Status: deinstall ok config-files
Version: 1

Package: apache2
Status: install ok installed
Version: 2.4
"""
    assert manifest.packages(status) == {"apache2": "2.4", "ucarp": "1.5.2-2"}


def test_an_instruction_is_printed_on_one_line() -> None:
    assert shorten("RUN a \\\n && b") == "RUN a && b"
    assert len(shorten("RUN " + "x" * 100)) == 60


INTERPRETERS = {"#!/bin/sh": ["sh", "-n"], "#!/bin/bash": ["bash", "-n"], "#!/usr/bin/perl": ["perl", "-c"]}
PROGRAMS = [
    (path, interpreter)
    for path in sorted((Path(__file__).parents[2] / "images").rglob("*"))
    if path.is_file() and not path.is_symlink() and "build" not in path.parts
    for line, interpreter in INTERPRETERS.items()
    if path.read_bytes().startswith(line.encode())
]


@pytest.mark.parametrize(("path", "interpreter"), PROGRAMS, ids=[path.name for path, _ in PROGRAMS])
def test_the_programs_in_images_can_be_parsed(path: Path, interpreter: list[str]) -> None:
    """A slip in one would show only when its container runs it, minutes later."""
    parsed = subprocess.run([*interpreter, path], capture_output=True, text=True, check=False)
    assert parsed.returncode == 0, parsed.stderr
