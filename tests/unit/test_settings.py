from __future__ import annotations

from pathlib import Path

import pytest

from testbed import settings
from testbed.cluster.shape import Shape, remember, remembered
from testbed.errors import UsageError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "compose").mkdir()
    (tmp_path / "compose" / "cluster.yaml").write_text("name: testbed\n")
    return tmp_path.resolve()


def test_defaults_lie_in_the_checkout_that_holds_the_current_folder(checkout: Path) -> None:
    (checkout / "docs" / "deep").mkdir(parents=True)
    found = settings.load({}, checkout / "docs" / "deep")
    assert found.root == checkout
    assert found.state_dir == checkout / ".testbed"
    assert found.run_dir == Path("/run/testbed")
    assert (found.project, found.accel, found.site_port, found.locust_port) == ("testbed", None, 8443, 8089)


def test_environment_overrides(checkout: Path) -> None:
    found = settings.load(
        {
            "TESTBED_STATE": "state",
            "TESTBED_RUN": "/tmp/run",  # noqa: S108
            "COMPOSE_PROJECT_NAME": "second",
            "TESTBED_ACCEL": "tcg",
            "TESTBED_SITE_PORT": "9443",
        },
        checkout,
    )
    assert found.state_dir == checkout / "state"
    assert found.project == "second"
    environment = found.compose_environment("tcg")
    assert environment["TESTBED_SITE_PORT"] == "9443"
    assert environment["TESTBED_STATE"] == str(checkout / "state")
    assert environment["COMPOSE_PROJECT_NAME"] == "second"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TESTBED_ACCEL", "xen"),
        ("TESTBED_SITE_PORT", "0"),
        ("TESTBED_SITE_PORT", "65536"),
        ("TESTBED_LOCUST_PORT", "http"),
        ("TESTBED_LOCUST_PORT", "٣"),
        ("TESTBED_SITE_PORT", "08443"),
        ("TESTBED_SITE_PORT", "8_443"),
        ("TESTBED_PREFIX", "198.256"),
        ("TESTBED_PREFIX", "198.018"),
        ("TESTBED_PREFIX", "١٩٨.١٨"),
        ("COMPOSE_PROJECT_NAME", "Test Bed"),
    ],
)
def test_impossible_values_name_the_variable(checkout: Path, name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings.load({name: value}, checkout)
    assert caught.value.where == name
    assert caught.value.exit_status == 2
    assert caught.value.mend


def test_without_a_checkout_around_the_package_is_searched(tmp_path: Path) -> None:
    assert (settings.find_root(tmp_path) / "compose" / "cluster.yaml").is_file()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TESTBED_SESSIONS", "memcache"),
        ("TESTBED_SESSION_PADDING", "1025"),
        ("TESTBED_SESSION_PADDING", "-1"),
        ("TESTBED_SESSION_PADDING", "0777"),
    ],
)
def test_sessions_are_kept_in_files_or_the_database(checkout: Path, name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings.load({name: value}, checkout)
    assert caught.value.where == name


def test_the_shape_says_where_sessions_are_kept(checkout: Path) -> None:
    found = settings.load({}, checkout)
    remember(found, Shape(sessions="database", padding=64))
    environment = remembered(found).environment(found)
    assert (environment["TESTBED_SESSIONS"], environment["TESTBED_SESSION_PADDING"]) == ("database", "64")
