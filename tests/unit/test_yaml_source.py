"""What an incident file may be made of: strict types, and no content that takes long, breaks, or floods the screen."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from testbed.errors import UsageError
from testbed.incidents import load
from testbed.yaml_source import COMPOSE, INCIDENT, Source
from testbed.yaml_source.scalars import is_ambiguous, resolve

SOUND = """\
name: sound
title: All of it is sound
why: it shows that the rest is sound
load: {users: 6, think_time: 50%}
probe_intervals: {https: 20ms}
steps:
  - {wait_for: service, stable_for: 3s, timeout: 45s}
expect: {max_outage: {https: 30s}}
repeat: 2
seed: 7
"""
SHIPPED = Path(__file__).parents[2] / "incidents" / "double-failure.yaml"
LONGEST_MESSAGE = 1000


def refused(path: Path, content: str | bytes) -> str:
    """The error about a file, without its name."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        load(path)
    message = str(caught.value)
    assert caught.value.exit_status == 2
    assert "\n" not in message
    assert len(message) < LONGEST_MESSAGE
    assert message.startswith(f"{path}:")
    return message.removeprefix(f"{path}:")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("users: 6", "users: yes", "4:15: users must be a whole number, not 'yes'; "),
        ("users: 6", "users: true", "4:15: users must be a whole number, not 'true'; "),
        ("users: 6", "users: 6.0", "4:15: users must be a whole number, not '6.0'; "),
        ("users: 6", 'users: "6"', "4:15: users must be a whole number, not '6'; write 6 without quotes"),
        ("users: 6", "users: 0x3d", "4:15: users: input should be less than or equal to 60, not '0x3d'; "),
        ("seed: 7", "seed: 0777", "10:7: '0777' is ambiguous: YAML 1.1 and YAML 1.2 read it as different numbers; "),
        ("seed: 7", "seed: 1_000", "10:7: '1_000' is ambiguous: "),
        ("seed: 7", "seed: -0b11", "10:7: '-0b11' is a"),
        ("seed: 7", "seed: 2006-12-24", "10:7: seed must be a whole number, not '2006-12-24'; "),
        ("seed: 7", f"seed: {'9' * 5000}", "10:7: '9999999999999999999999999999999999999...' has too many digits; "),
        ("repeat: 2", "repeat: yes", "9:9: repeat must be a whole number, not 'yes'; "),
        ("repeat: 2", "repeat: ~", "9:9: repeat must be a whole number, not '~'; "),
        ("repeat: 2", "repeat:", "9:1: repeat must be a whole number, not nothing; "),
        ("20ms", "1:30", "5:26: '1:30' is not a duration; write a number with its unit, as 200ms, 30s or 2m"),
        ("20ms", "1.50", "5:26: '1.50' is not a duration; "),
        ("20ms", "yes", "5:26: 'yes' is not a duration; "),
        ("20ms", "[1s]", "5:26: [1s] is not a duration; "),
        (
            "think_time: 50%",
            "think_time: 0.5",
            "4:30: '0.5' is not a percentage; write a number with its unit, such as",
        ),
        ("think_time: 50%", "think_time: .nan", "4:30: '.nan' is not a percentage; "),
        ("think_time: 50%", "think_time: 2000%", "4:30: think_time: input should be less than or equal to 1000, not"),
        ("users: 6", "spawn_rate: 2", "4:20: '2' is not a rate; write a number with its unit, such as 2/s"),
        ("users: 6", "spawn_rate: 0/s", "4:20: spawn_rate: input should be greater than 0, not '0/s'; "),
        (
            "{max_outage: {https: 30s}}",
            "{isolation: yes}",
            "8:21: isolation must be true or false, not 'yes'; write true",
        ),
        ("{max_outage: {https: 30s}}", "{isolation: 1}", "8:21: isolation must be true or false, not '1'; "),
        (
            "it shows that the rest is sound",
            "12345678901",
            "3:6: why must be a text, not '12345678901'; put it in quotes",
        ),
        ("name: sound", "name: 2006-12-24x!", "1:7: '2006-12-24x!' cannot be a name; "),
    ],
)
def test_types_are_strict_and_the_message_quotes_what_is_written(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in SOUND
    assert refused(tmp_path / "wrong.yaml", SOUND.replace(old, new, 1)).startswith(expected)


def test_what_yaml_1_2_reads_as_text_is_text(tmp_path: Path) -> None:
    path = tmp_path / "text.yaml"
    path.write_text(SOUND.replace("name: sound", "name: no") + "cluster: {overlays: [on, 2006-12-24, y]}\n")
    incident = load(path)
    assert incident.name == "no"
    assert incident.cluster.overlays == ["on", "2006-12-24", "y"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False), ("yes", "yes"), ("off", "off"),
        ("12", 12), ("-3", -3), ("+3", 3), ("0o17", 15), ("0x1F", 31), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0),
        ("-.inf", float("-inf")), ("1:30", "1:30"), ("1_0", "1_0"), ("0b11", "0b11"), ("2001-01-01", "2001-01-01"),
        ("tRUE", "tRUE"), (".", "."), ("e3", "e3"), ("<<", "<<"), ("=", "="), ("\u0663", "\u0663"),
    ],
)  # fmt: skip
def test_plain_scalars_by_the_core_schema(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


@pytest.mark.parametrize("text", ["0777", "00", "-010", "1_000", "0x_1", "0b11", "0o1_7"])
def test_numbers_that_readers_disagree_on(text: str) -> None:
    assert is_ambiguous(text)


@pytest.mark.parametrize("text", ["0", "10", "1.05", "0o17", "0x1f", "_1", "1-0", "00ff", "007s"])
def test_numbers_and_texts_that_readers_agree_on(text: str) -> None:
    assert not is_ambiguous(text)


def test_merge_keys_and_anchors(tmp_path: Path) -> None:
    path = tmp_path / "merged.yaml"
    path.write_text(
        SOUND.replace("- {wait_for:", "- &wait {wait_for:").replace(
            "expect:", "  - {<<: *wait, timeout: 60s}\n  - {<<: [{timeout: 50s}, *wait], stable_for: 4s}\nexpect:"
        )
    )
    assert [(step.wait_for, step.stable_for, step.timeout) for step in load(path).steps] == [
        ("service", 3, 45), ("service", 3, 60), ("service", 4, 50),
    ]  # fmt: skip


def test_a_mistake_in_what_is_merged_is_placed_where_it_is_written(tmp_path: Path) -> None:
    text = SOUND.replace("- {wait_for: service, stable_for: 3s", "- &wait {wait_for: service, stable_for: 3")
    text = text.replace("expect:", "  - {<<: *wait, stable_for: 4s}\n  - {<<: *wait, timeout: 6}\nexpect:")
    assert refused(tmp_path / "merged.yaml", text).startswith("7:43: '3' is not a duration")
    text = text.replace("stable_for: 3,", "stable_for: 3s,")
    assert refused(tmp_path / "merged.yaml", text).startswith("9:26: '6' is not a duration")


EXTENDED = """\
name: extended
title: Keys of the author's own
why: anchors stand where Compose has them
x-wait: &wait {wait_for: service, stable_for: 3s, timeout: 45s}
x-limits:
  site: &site {tcp: 2s, https: 2s}
x-note: [anything, 7, {goes: here}]
steps:
  - {<<: *wait, timeout: 60s}
  - *wait
expect:
  max_outage: {<<: *site, sql-write: 5s}
"""


def test_top_level_extension_keys_are_ignored_and_may_hold_anchors(tmp_path: Path) -> None:
    path = tmp_path / "extended.yaml"
    path.write_text(EXTENDED)
    incident = load(path)
    assert [step.timeout for step in incident.steps] == [60, 45]
    assert incident.expect.max_outage == {"tcp": 2, "https": 2, "sql-write": 5}
    assert "x-wait" not in incident.model_dump()
    wrong = EXTENDED.replace("stable_for: 3s", "stable: 3s")
    assert refused(path, wrong).startswith("4:35: unknown key 'stable'; did you mean 'stable_for'?")
    below = EXTENDED.replace("expect:\n", "expect:\n  x-note: here\n")
    assert refused(path, below).startswith("12:3: unknown key 'x-note'")


@pytest.mark.parametrize(
    ("merge", "expected"),
    [
        ("{<<: 5}", "<< merges mappings alone; "),
        ("{<<: [5]}", "<< merges mappings alone; "),
        ("&a {<<: *a}", "an alias repeats the value that it is part of; "),
        ("&a {<<: [{<<: *a}]}", "an alias repeats the value that it is part of; "),
        ("{<<: {a: 1}, <<: {b: 1}}", "key '<<' stands here twice, first on line 4; "),
        ("[&a [*a]]", "an alias repeats the value that it is part of; "),
    ],
)
def test_merge_keys_and_aliases_that_cannot_be(tmp_path: Path, merge: str, expected: str) -> None:
    assert expected in refused(tmp_path / "merge.yaml", SOUND.replace("{users: 6, think_time: 50%}", merge))


def laughs(opening: str, closing: str, separator: str) -> str:
    """Thirty lines of aliases within aliases, which would have 10^26 values if they were written out."""
    lines = ["name: laughs", "why: it would take all memory", f"x0: &x0 {opening}{separator.format(0, 'ha')}{closing}"]
    for number in range(1, 26):
        parts = ", ".join(separator.format(each, f"*x{number - 1}") for each in range(10))
        lines.append(f"x{number}: &x{number} {opening}{parts}{closing}")
    return "\n".join([*lines, "steps: *x25", "load: {users: *x25}\n"])


@pytest.mark.parametrize("text", [laughs("[", "]", "{1}"), laughs("{{", "}}", "k{0}: {1}").replace("{{", "{")])
def test_nested_aliases_are_refused(tmp_path: Path, text: str) -> None:
    text = text.replace("}}", "}")
    assert text.count("\n") == 30
    message = refused(tmp_path / "laughs.yaml", text)
    assert "with every alias written out this has more than 20000 values; an incident has fewer" in message


def test_merges_of_merges_are_bounded(tmp_path: Path) -> None:
    keys = ", ".join(f"k{number}: 1" for number in range(1000))
    text = f"x: &x {{{keys}}}\ny: {{<<: [{', '.join(['*x'] * 1000)}]}}\n"
    assert refused(tmp_path / "merges.yaml", text).startswith("2:9: << merges more than 20000 values; ")


def test_a_repeated_value_within_bounds_is_reported_in_a_short_message(tmp_path: Path) -> None:
    text = SOUND.replace("users: 6", f"users: [&a [{', '.join(['x' * 50] * 100)}], {', '.join(['*a'] * 100)}]")
    assert refused(tmp_path / "long.yaml", text).startswith("4:15: users must be a whole number, not [&a [xxxxx")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "1:1: an incident is a mapping of keys"),
        (b"# nothing\n", "1:1: an incident is a mapping of keys"),
        (b"\xef\xbb\xbf", "1:1: an incident is a mapping of keys"),
        (b"- a list\n- of things\n", "1:1: an incident is a mapping of keys"),
        (b"~\n", "1:1: an incident is a mapping of keys"),
        (SOUND.encode("utf-16"), "1:1: byte 0xff is not UTF-8; save the file as text in UTF-8"),
        (SOUND.encode("utf-16-be"), "1:1: character '\\x00' is not allowed"),
        (SOUND.replace("why: it", "why: \xe9t").encode("latin-1"), "3:6: byte 0xe9 is not UTF-8"),
        (SOUND.replace("sound\n", "s\0und\n", 1).encode(), "1:8: character '\\x00' is not allowed"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", "1:1: character '\\x7f' is not allowed"),
        (
            SOUND.replace("load:", "load:\n\t").encode(),
            "5:1: while scanning for the next token, found character '\\t' that cannot start any token",
        ),
        (f"{SOUND}---\n{SOUND}".encode(), "11:1: expected a single document in the stream"),
        (f"{SOUND}...\n---\nname: x\n".encode(), "12:1: expected a single document in the stream"),
        (f"%YAML 3.0\n---\n{SOUND}".encode(), "1:1: found incompatible YAML document"),
        (
            f"%YAML 1.1\n---\n{SOUND}".replace("repeat: 2", "repeat: yes").encode(),
            "11:9: repeat must be a whole number",
        ),
        (SOUND.replace("seed: 7", "seed: !!int 7").encode(), "10:7: found the tag 'tag:yaml.org,2002:int'"),
        (SOUND.replace("seed: 7", "seed: !!python/object:os.system x").encode(), "10:7: found the tag "),
        (SOUND.replace("seed: 7", 'seed: "\\ud800"').encode(), "10:7: half a character"),
        (b"a: " + b"[" * 50_000, "1:15: it is nested more than 12 levels deep"),
        (b"- " * 30_000, "1:25: it is nested more than 12 levels deep"),
        (b"{a: " * 15_000, "1:46: it is nested more than 12 levels deep"),
    ],
)
def test_a_file_that_is_not_an_incident_is_refused_in_one_line(tmp_path: Path, content: bytes, expected: str) -> None:
    assert refused(tmp_path / "odd.yaml", content).startswith(expected)


def test_a_byte_order_mark_and_windows_line_ends_are_no_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SOUND.replace("\n", "\r\n").encode())
    assert load(path).repeat == 2
    wrong = b"\xef\xbb\xbf" + SOUND.replace("\n", "\r\n").replace("name: sound", "nam: sound").encode()
    assert refused(path, wrong).startswith("1:1: unknown key 'nam'")


def test_a_large_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(2**40)  # a terabyte of zeros that takes no space
    with pytest.raises(UsageError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: the file is larger than 64 KiB; ")


def test_a_compose_file_may_be_larger_and_may_have_tags() -> None:
    text = "services:\n" + "".join(f"  s{number}: {{image: x, ports: !reset []}}\n" for number in range(2000))
    assert len(text) > INCIDENT.size
    assert isinstance(Source(Path("compose.yaml"), text, COMPOSE).data, dict)


def test_places_in_a_file_that_has_less_than_asked_for() -> None:
    source = Source(Path("x.yaml"), "a:\n  - b: 1\n")
    assert source.place(("a", 0, "b")) == (2, 8)
    assert source.place(("a", 0, "b"), at_key=True) == (2, 5)
    assert source.place(("a", 0, "c", "d")) == (2, 5)
    assert source.place(("a", 7)) == (1, 1)
    assert source.place(("z",)) == (1, 1)
    assert source.written(("a", 0)) == "b: 1"
    assert source.written(("a", 7)) == "nothing"


PIECES = [
    b"&a ", b"*a", b"<<: ", b"- ", b"? ", b": ", b"[", b"]", b"{", b"}", b"!", b"!!int ", b"%YAML 1.1\n", b"---\n",
    b"...\n", b"\t", b"\0", b"\xff", b"\xef\xbb\xbf", b"'", b'"', b"|", b">", b"|9\n", b"#", b"\\ud800", b"@", b"`",
    b"~", b"\r", b"\n", b"\xc2\x85", b"\xe2\x80\xa8", b"0777", b"yes", b".nan", b"1e999", b"null", b"=", b"2020-01-01",
    b"!<x> ",    b"\x1b[31m", b"9" * 5000, b"x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_file_is_an_incident_or_refused_in_one_line(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - nothing is secret here
    path = tmp_path / "damaged.yaml"
    outcomes = set()
    for _ in range(40):
        data = bytearray(SHIPPED.read_bytes())
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data))
            what = chance.randrange(3)
            if what == 0:
                data[at:at] = chance.choice(PIECES)
            elif what == 1:
                del data[at : at + chance.randint(1, 30)]
            else:
                data[at : at + 1] = chance.randbytes(1)
        path.write_bytes(data)
        try:
            load(path)
            outcomes.add("read")
        except UsageError as error:
            message = str(error)
            assert message.startswith(f"{path}:")
            assert message.isprintable()
            assert len(message) < LONGEST_MESSAGE
            outcomes.add("refused")
    assert "refused" in outcomes
