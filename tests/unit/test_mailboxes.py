"""The users' mail: reproducible, readable, and as varied as real mail."""

from __future__ import annotations

import struct
import tarfile
import zlib
from collections import Counter
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from testbed.images.mailboxes import FEWEST, write_mailboxes

USERS = 8


class Box:
    """A tar of mailboxes, read back."""

    def __init__(self, path: Path) -> None:
        self.members: list[tarfile.TarInfo] = []
        self.messages: dict[str, tuple[tarfile.TarInfo, bytes, EmailMessage]] = {}
        with tarfile.open(path) as tar:
            for member in tar:
                self.members.append(member)
                if "/cur/" in member.name:
                    file = tar.extractfile(member)
                    assert file is not None
                    content = file.read()
                    message = message_from_bytes(content, policy=policy.default)
                    self.messages[member.name] = (member, content, message)


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mail") / "mailboxes.tar"
    write_mailboxes(path, USERS, 2006)
    return path


@pytest.fixture(scope="module")
def box(tar: Path) -> Box:
    return Box(tar)


def parts(box: Box, kind: str) -> list[EmailMessage]:
    found = []
    for _, _, message in box.messages.values():
        found += [part for part in message.walk() if part.get_content_type() == kind]
    return found


def test_the_same_seed_makes_the_same_bytes(tar: Path, tmp_path: Path) -> None:
    write_mailboxes(tmp_path / "again.tar", USERS, 2006)
    assert (tmp_path / "again.tar").read_bytes() == tar.read_bytes()


def test_another_seed_makes_other_bytes(tar: Path, tmp_path: Path) -> None:
    write_mailboxes(tmp_path / "other.tar", USERS, 2007)
    assert (tmp_path / "other.tar").read_bytes() != tar.read_bytes()


def test_one_user_has_nobody_to_write_to(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 2 users"):
        write_mailboxes(tmp_path / "one.tar", 1, 2006)


def test_every_message_parses_and_is_between_the_users(box: Box) -> None:
    users = {f"user{number:02}" for number in range(1, USERS + 1)}
    for name, (_, _, message) in box.messages.items():
        assert not [part.defects for part in message.walk() if part.defects], name
        people = [*message["From"].addresses, *message["To"].addresses]
        assert {person.username for person in people} <= users, name
        assert name.split("/")[0] in {person.username for person in people}, name
        assert parsedate_to_datetime(message["Date"]).timestamp() == box.messages[name][0].mtime


def test_every_user_has_enough_mail_and_all_folders(box: Box) -> None:
    counts = Counter(name.split("/")[0] for name in box.messages)
    assert len(counts) == USERS
    assert min(counts.values()) >= FEWEST[0]
    assert max(counts.values()) <= FEWEST[1] + 20
    names = {member.name for member in box.members}
    for user in counts:
        for folder in ("", "/.Sent", "/.Drafts", "/.Trash"):
            assert {f"{user}/Maildir{folder}/{part}" for part in ("cur", "new", "tmp")} <= names
        assert any(name.startswith(f"{user}/Maildir/cur/") for name in box.messages), f"the inbox of {user} is empty"
    assert any("/.Projects." in name for name in names)


def test_file_names_contain_the_true_sizes(box: Box) -> None:
    for name, (_, content, _) in box.messages.items():
        wire = content.replace(b"\n", b"\r\n")
        assert b"\r" not in content
        assert f",S={len(content)},W={len(wire)}:2," in name


def test_sizes_are_varied(box: Box) -> None:
    sizes = sorted(len(content) for _, content, _ in box.messages.values())
    assert sizes[0] < 1000
    assert sizes[-1] > 50_000
    assert sizes[-1] < 300_000
    assert len(set(sizes)) > len(sizes) // 4


def test_replies_quote_and_name_what_they_answer(box: Box) -> None:
    known = {message["Message-ID"] for _, _, message in box.messages.values()}
    replies = [message for _, _, message in box.messages.values() if message["In-Reply-To"]]
    assert replies
    for reply in replies:
        assert reply["Subject"].startswith("Re: ")
        assert reply["In-Reply-To"] in known
        body = reply.get_body(("plain",))
        assert body is not None
        assert "\n> " in body.get_content()


def test_each_kind_of_content_is_there_and_whole(box: Box) -> None:
    assert parts(box, "text/html")
    assert parts(box, "text/csv")
    assert any(not message["Subject"].isascii() for _, _, message in box.messages.values())
    assert any(not message["From"].addresses[0].display_name.isascii() for _, _, message in box.messages.values())
    pictures = [part.get_content() for part in parts(box, "image/png")]
    assert pictures
    for picture in pictures:
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", picture[16:24])
        start = picture.index(b"IDAT")
        (length,) = struct.unpack(">I", picture[start - 4 : start])
        assert len(zlib.decompress(picture[start + 4 : start + 4 + length])) == height * (3 * width + 1)
    documents = [part.get_content() for part in parts(box, "application/pdf")]
    assert documents
    for document in documents:
        table = int(document.rsplit(b"startxref\n", 1)[1].split()[0])
        assert document[table:].startswith(b"xref\n")
        first = int(document[table:].split(b"\n")[3].split()[0])
        assert document[first:].startswith(b"1 0 obj")


def test_flags_are_those_of_people(box: Box) -> None:
    flags = Counter(name.rsplit(":2,", 1)[1] for name in box.messages)
    assert flags["S"] > flags[""] > 0
    assert any("R" in letters for letters in flags)
    for letters in flags:
        assert letters == "".join(sorted(letters)), "Maildir wants its flags in order"
