from __future__ import annotations

import socket
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
    assert (found.project, found.accel, found.site_port, found.locust_port) == ("testbed", None, 8443, 8089)


def test_sockets_are_root_s_or_lie_in_the_users_state_folder(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert settings.load({}, checkout).run_dir == Path("/run/testbed")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    # What the user's session has is of no interest: the cluster outlives it.
    assert settings.load({"TESTBED_STATE": "/srv/t", "XDG_RUNTIME_DIR": "/run/user/1000"}, checkout).run_dir == Path(
        "/srv/t/run"
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [("/srv/t", "/srv/t/run"), ("/srv/" + "t" * 60, "/tmp/testbed-1000")],  # noqa: S108 - made closed to others
)
def test_a_state_folder_with_a_long_path_has_its_sockets_elsewhere(
    state: str, expected: str, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    found = settings.load({"TESTBED_STATE": state}, checkout)
    assert str(found.run_dir) == expected
    longest = found.run_dir / found.project / "a-service-of-thirty-two-letters-" / "console.sock"
    with socket.socket(socket.AF_UNIX) as end, pytest.raises(FileNotFoundError):
        end.connect(str(longest))  # a path that is too long is another error


def test_nodes_are_in_the_group_of_the_state_folder(checkout: Path) -> None:
    found = settings.load({}, checkout)
    found.state_dir.mkdir()
    assert found.compose_environment("tcg")["TESTBED_GID"] == str(found.state_dir.stat().st_gid)


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
        ("TESTBED_PREFIX", "0.0"),
        ("TESTBED_PREFIX", "127.1"),
        ("TESTBED_PREFIX", "169.254"),
        ("TESTBED_PREFIX", "224.0"),
        ("TESTBED_PREFIX", "255.255"),
        ("TESTBED_LOCUST_PORT", "8443"),
        ("COMPOSE_PROJECT_NAME", "Test Bed"),
    ],
)
def test_impossible_values_name_the_variable(checkout: Path, name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings.load({name: value}, checkout)
    assert caught.value.where == name
    assert caught.value.exit_status == 2
    assert caught.value.fix


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


def test_the_shape_records_where_sessions_are_kept(checkout: Path) -> None:
    found = settings.load({}, checkout)
    remember(found, Shape(sessions="database", padding=64))
    environment = remembered(found).environment(found)
    assert (environment["TESTBED_SESSIONS"], environment["TESTBED_SESSION_PADDING"]) == ("database", "64")


def test_a_project_elsewhere_names_the_checkout(checkout: Path, tmp_path: Path) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    assert settings.load({"TESTBED_CHECKOUT": str(checkout)}, elsewhere).root == checkout
    with pytest.raises(UsageError, match=r"TESTBED_CHECKOUT: .* is not a checkout of testbed: it has no compose"):
        settings.load({"TESTBED_CHECKOUT": str(elsewhere)}, checkout)
