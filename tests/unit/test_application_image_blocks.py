"""The block of an application that is a container image: what it may hold, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from test_application_images import with_notes

from testbed.errors import UsageError


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"command": 'serve "a'}, "notes.command: it cannot be split into arguments: no closing quotation; close each"),
        ({"environment": {"A-B": "x"}}, "'A-B' cannot be a name; environment: "),
        ({"environment": {"A": True}}, "environment.A: True is not a text; put it in quotes"),
        ({"environment": {"A": 1.5}}, "environment.A: 1.5 is not a text; put it in quotes"),
        (
            {"environment": {"A": None}},
            "environment.A: the value is missing or empty; write one, or leave the variable out",
        ),
        ({"environment": {"A": ""}}, "environment.A: the value is missing or empty; write one"),
        ({"environment": {"A": "a\nb"}}, "environment.A: 'a\\nb' has more than one line"),
        ({"environment": {"A": "{PGHOST}"}}, "{PGHOST} has no value, because the application has no database; add"),
        ({"health": "http://notes/"}, "health cannot be 'http://notes/'; health: the path whose answer shows"),
        ({"port": 6432}, "notes.port: port 6432 belongs to PgBouncer on the app nodes; choose another one"),
        ({"image": "a//b"}, "image cannot be 'a//b'"),
    ],
)
def test_a_block_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        with_notes(**keys)
    assert message in str(refusal.value)


@pytest.mark.parametrize("image", ["a", "a/b-c_d__e.f:V1.2-x", "localhost:5000/a", f"R.example/a@sha256:{'0' * 64}"])
def test_an_image_may_have_registry_tag_and_digest(image: str) -> None:
    assert with_notes(image=image).applications["notes"].image == image


def test_variables_may_name_the_database_that_there_is() -> None:
    environment = {"URL": "postgresql://{PGUSER}@{PGHOST}/{NOTHING}", "SIZE": 4}
    assert with_notes(database=True, environment=environment).applications["notes"].environment == environment
