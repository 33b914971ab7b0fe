"""The options of `testbed up`: what they make of a cluster, and what they may not change."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.cluster.shape import Shape, remember, remembered
from testbed.cluster.up_options import UpOptions
from testbed.errors import UsageError
from testbed.settings import Settings

CHECKOUT = Path(__file__).parents[2]
SETTINGS = Settings(root=CHECKOUT, project="testbed", state_dir=Path("state"), run_dir=Path("run"))


@pytest.mark.parametrize(
    ("wanted", "now", "overlays"),
    [
        (UpOptions(), (), ()),
        (UpOptions(), ("hardened", "single"), ("hardened", "single")),
        (UpOptions(profile="hardened"), (), ("hardened",)),
        (UpOptions(profile="hardened"), ("hardened",), ("hardened",)),
        (UpOptions(profile="hardened"), ("mine", "single"), ("mine", "hardened", "single")),
        (UpOptions(profile="reference"), ("hardened", "single"), ("single",)),
        (UpOptions(balancer="openbsd"), ("hardened",), ("hardened", "openbsd")),
        (UpOptions(balancer="debian"), ("openbsd",), ()),
        (UpOptions(profile="hardened", balancer="openbsd"), (), ("openbsd", "hardened")),
        (UpOptions(overlays=("none",)), ("hardened", "single"), ()),
        (UpOptions(profile="hardened", overlays=("none",)), ("hardened", "single"), ("hardened",)),
        (UpOptions(profile="hardened", overlays=("mine",)), (), ("mine", "hardened")),
    ],
)
def test_profile_and_balancer_choose_overlays(
    wanted: UpOptions, now: tuple[str, ...], overlays: tuple[str, ...]
) -> None:
    assert wanted.shape(SETTINGS, Shape(now)).overlays == overlays


def test_what_is_not_named_stays() -> None:
    now = Shape(("hardened",), (("app", 3),), "kvm", "database", 64, "xfs")
    assert UpOptions().shape(SETTINGS, now) == now
    assert UpOptions(scale=("app=4",)).shape(SETTINGS, now) == replace(now, scale=(("app", 4),))
    assert UpOptions(sessions="files").shape(SETTINGS, now) == replace(now, sessions="files")


def test_an_option_overrides_the_environment() -> None:
    settings = replace(SETTINGS, filesystem="btrfs", sessions="database")
    assert UpOptions().shape(settings, Shape()) == Shape(sessions="database", filesystem="btrfs")
    wanted = UpOptions(filesystem="xfs", sessions="files")
    assert wanted.shape(settings, Shape()) == Shape(sessions="files", filesystem="xfs")


@pytest.mark.parametrize(
    "wanted",
    [
        UpOptions(overlays=("streaming", "patroni")),
        UpOptions(profile="hardened", overlays=("patroni",)),
        UpOptions(profile="reference", overlays=("hardened",)),
    ],
)
def test_two_profiles_are_refused(wanted: UpOptions) -> None:
    with pytest.raises(UsageError, match=r"^--profile: \w+ and \w+ are profiles, and a cluster has one; name one of"):
        wanted.shape(SETTINGS, Shape())


@pytest.mark.parametrize("text", ["app", "app=", "app=0", "app=many", "app=-1", "app=٣"])
def test_a_scale_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a scale; write it as app=3") as caught:
        UpOptions(scale=(text,)).shape(SETTINGS, Shape())
    assert caught.value.where == "--scale"


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        (UpOptions(profile="reference"), "--profile reference: the cluster that is up has the overlay hardened"),
        (UpOptions(balancer="openbsd"), "--balancer openbsd: the cluster that is up has the overlay hardened"),
        (UpOptions(overlays=("none",)), "--overlay none: the cluster that is up has the overlay hardened"),
        (UpOptions(filesystem="btrfs"), "--filesystem btrfs: the cluster that is up has the filesystem xfs"),
    ],
)
def test_a_cluster_that_is_up_is_not_made_half_another_one(wanted: UpOptions, line: str) -> None:
    now = Shape(("hardened",), filesystem="xfs")
    with pytest.raises(UsageError) as caught:
        wanted.must_fit(SETTINGS, now, wanted.shape(SETTINGS, now))
    assert str(caught.value) == f"{line}; run `testbed down` first: a fresh one gets what you ask for"


def test_the_environment_s_filesystem_is_refused_by_its_name() -> None:
    settings, now = replace(SETTINGS, filesystem="ext4"), Shape(filesystem="xfs")
    with pytest.raises(UsageError, match="TESTBED_FILESYSTEM=ext4: the cluster that is up has the filesystem xfs"):
        UpOptions().must_fit(settings, now, UpOptions().shape(settings, now))
    UpOptions().must_fit(settings, Shape(), Shape(filesystem="ext4"))  # an old record has no filesystem
    UpOptions().must_fit(settings, now, Shape(("single",), filesystem="xfs"))


def test_the_cluster_keeps_its_filesystem(tmp_path: Path) -> None:
    settings = replace(SETTINGS, state_dir=tmp_path)
    remember(settings, Shape(filesystem="xfs"))
    assert remembered(settings).environment(settings)["TESTBED_FILESYSTEM"] == "xfs"
    record = tmp_path / "cluster.json"
    record.write_text(record.read_text().replace(', "filesystem": "xfs"', ""))
    assert remembered(settings) == Shape()
    assert "TESTBED_FILESYSTEM" not in remembered(settings).environment(settings)


def test_make_passes_its_variables_on() -> None:
    variables = ["PROFILE=hardened", "BALANCER=debian", "FILESYSTEM=xfs", "SESSIONS=database", "SCALE=app=4 mail=1"]
    printed = subprocess.run(
        ["make", "--dry-run", "--old-file", ".venv/.installed", "testbed-up", *variables],
        capture_output=True, text=True, check=True, cwd=CHECKOUT, timeout=60,
    ).stdout  # fmt: skip
    chosen = "--profile hardened --balancer debian --filesystem xfs --sessions database --scale app=4 --scale mail=1"
    assert f"testbed up {chosen}" in " ".join(printed.split())
