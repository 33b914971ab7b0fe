"""The users' mail: their conversations as Maildir trees in one tar, the same bytes for the same seed."""

from __future__ import annotations

import argparse
import io
import random
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from pathlib import Path
from textwrap import fill

DOMAIN = "testbed.test"
OWNER = 5000  # user and group id of the mail server's mail user
FIRST_DAY = datetime(2006, 9, 1, 8, 0, tzinfo=UTC)
DAYS = 90
FEWEST = (30, 50)  # each user has at least so many messages, drawn between these two

# fmt: off
_GIVEN = (
    "Ada", "Björn", "Carmen", "Dimitri", "Élodie", "Farid", "Grace", "Håkon", "Inés", "José", "Keiko", "Łukasz",
    "Mai", "Noor", "Olga", "Paul", "Quentin", "Rosa", "Søren", "Tomás", "Uma", "Vera", "Wen", "Ximena", "Yusuf",
    "Zoë",
)
_FAMILY = (
    "Adams", "Bergström", "Çelik", "Díaz", "Evans", "Fischer", "García", "Horváth", "Ivanova", "Jones", "Kowalski",
    "Lefèvre", "Müller", "Nakamura", "Ødegård", "Patel", "Quinn", "Rossi", "Sánchez", "Turner", "Ueda", "Vogel",
    "Watson", "Xu", "Young", "Zając",
)
# fmt: on

# Subject, and the folder its mail is filed in by those who file ("" is the inbox).
_TOPICS = (
    ("Chemistry lab schedule", "Projects.Chemistry"),
    ("Reading group: next Thursday?", ""),
    ("Draft of the budget", "Projects.Budget"),
    ("Café on Monday", ""),
    ("Bicycle left behind Eliot Hall", ""),
    ("Thesis, chapter {n}", "Projects.Thesis"),
    ("Reactor tour: {n} places left", ""),
    ("Library order no. {n}", "Projects.Library"),
    ("Résumé and références", ""),
    ("Minutes of the meeting on the {n}th", "Projects.Budget"),
    ("Photographs from the Schützenfest", ""),
    ("Canyon work day", ""),
    ("Server downtime on Saturday", ""),
    ("Übung {n}: corrections", "Projects.Thesis"),
)
_OPENINGS = ("Hello {you},", "Dear {you},", "{you},", "Hi {you}!", "Good morning,")
_CLOSINGS = ("Best,\n{me}", "Thanks!\n{me}", "-- \n{me}\nextension {n}", "Until then,\n{me}", "{me}")
_SENTENCES = (
    "I looked at it this morning and it seems fine to me.",
    "Could you send me the figures by the {n}th?",
    "We still need a room for about {n} people, preferably with a projector.",
    "The last version had {n} pages; I have cut what nobody will miss.",
    "As far as I can tell the second table does not agree with the first.",
    "Nobody has answered the letter from the département yet.",
    "Please do not print it, it is not final.",
    "I shall be in the library until {n} o'clock, come by if you like.",
    "The bookstore says that {n} copies are on their way.",
    "Let us meet half an hour earlier and go through the open points.",
    "It took me a while to find the place; the map is wrong.",
    "There is coffee, and somebody promised a naïve attempt at crème brûlée.",
    "If that does not suit you, any afternoon next week would.",
    "The old numbers are in the attached sheet, the new ones follow.",
    "I have asked twice now and will ask again tomorrow.",
    "Apart from the spelling in section {n} I would leave it as it stands.",
)


@dataclass(frozen=True)
class Person:
    """A user: the login and the name others know."""

    login: str
    name: str

    @property
    def address(self) -> Address:
        """The name with the mail address."""
        return Address(self.name, self.login, DOMAIN)


@dataclass
class Letter:
    """One message as it was sent."""

    sender: Person
    receivers: list[Person]
    subject: str
    text: str
    moment: datetime
    number: int
    ancestors: list[str] = field(default_factory=list)
    html: bool = False
    attachment: tuple[str, str, bytes] | None = None

    @property
    def message_id(self) -> str:
        """The same for each copy, and never seen twice."""
        return f"<{self.moment:%Y%m%d%H%M%S}.{self.number}@{DOMAIN}>"


@dataclass(frozen=True)
class Filed:
    """A copy of a message in one user's folder; ``flags`` are Maildir's letters, in order."""

    owner: Person
    folder: str
    flags: str
    letter: Letter


def write_mailboxes(path: Path | str, users: int, seed: int) -> None:
    """Write the mail of all users as a tar of Maildir trees.

    Args:
        path: the tar, which is replaced; inside, each user has a folder ``userNN/Maildir``.
        users: how many users, at least 2, so that someone can answer.
        seed: the same seed makes the same bytes.

    Raises:
        ValueError: fewer than two users.
    """
    if users < 2:
        raise ValueError(f"mail is exchanged by at least 2 users, not {users}")
    people = [
        Person(f"user{number + 1:02}", f"{given} {family}")
        for number, (given, family) in enumerate(_names(random.Random(f"names {seed}"), users))  # noqa: S311
    ]
    copies = sorted(
        _correspondence(random.Random(f"mail {seed}"), people),  # noqa: S311
        key=lambda copy: (copy.owner.login, copy.folder, copy.letter.moment),
    )
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for person in people:
            folders = ["", "Sent", "Drafts", "Trash"]
            mine = [copy for copy in copies if copy.owner is person]
            folders += sorted({copy.folder for copy in mine} - set(folders))
            _add_tree(tar, person, folders)
            for copy in mine:
                _add_message(tar, copy)


def _names(rng: random.Random, users: int) -> Iterator[tuple[str, str]]:
    pairs = [(given, family) for given in _GIVEN for family in _FAMILY]
    rng.shuffle(pairs)
    for number in range(users):
        yield pairs[number % len(pairs)]


def _correspondence(rng: random.Random, people: list[Person]) -> Iterator[Filed]:
    """Let the user with the least mail start a conversation until all have enough, then leave some drafts."""
    lacking = {person.login: rng.randint(*FEWEST) for person in people}
    number = 0
    while (most := max(lacking.values())) > 0:
        starter = rng.choice([person for person in people if lacking[person.login] == most])
        others = sorted((p for p in people if p is not starter), key=lambda p: 20 * rng.random() - lacking[p.login])
        circle = [starter, *others[: rng.choice((1, 1, 1, 2, 2, 3))]]
        letters = _conversation(rng, circle, number, _length(rng))
        number += len(letters)
        folder = next(folder for subject, folder in _TOPICS if letters[0].subject.startswith(subject.split("{")[0]))
        for copy in _filed(rng, circle, letters, folder):
            lacking[copy.owner.login] -= 1
            yield copy
    for person in people:
        for _ in range(rng.randint(1, 3)):
            other = rng.choice([p for p in people if p is not person])
            draft = _conversation(rng, [person, other], number, 1)[0]
            number += 1
            yield Filed(person, "Drafts", "DS", draft)


def _length(rng: random.Random) -> int:
    return rng.choice((1, 1, 2, 2, 3, 4, 6))


def _conversation(rng: random.Random, circle: list[Person], number: int, length: int) -> list[Letter]:
    """Return a message and its replies, each quoting the one before."""
    subject = rng.choice(_TOPICS)[0].format(n=rng.randint(4, 19))
    moment = FIRST_DAY + timedelta(minutes=rng.randrange(DAYS * 24 * 60))
    letters: list[Letter] = []
    sender = circle[0]
    for index in range(length):
        receivers = [person for person in circle if person is not sender]
        text = _text(rng, sender, receivers[0])
        if letters:
            text = f"{_quoted(letters[-1])}\n\n{text}"
        letter = Letter(sender, receivers, subject if index == 0 else f"Re: {subject}", text, moment, number + index)
        letter.ancestors = [earlier.message_id for earlier in letters]
        letter.html = rng.random() < 0.25
        letter.attachment = _attachment(rng) if rng.random() < 0.2 else None
        letters.append(letter)
        moment += timedelta(minutes=rng.randint(4, 3 * 24 * 60))
        sender = rng.choice(receivers)
    return letters


def _text(rng: random.Random, me: Person, you: Person) -> str:
    def fitted(template: str) -> str:
        return template.format(me=me.name.split()[0], you=you.name.split()[0], n=rng.randint(5, 30))

    paragraphs = [fitted(rng.choice(_OPENINGS))]
    # Mostly notes; now and then minutes that go on for pages.
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4, 60))):
        sentences = [fitted(sentence) for sentence in rng.sample(_SENTENCES, rng.randint(1, 6))]
        paragraphs.append(fill(" ".join(sentences), 76))
    return "\n\n".join([*paragraphs, fitted(rng.choice(_CLOSINGS))]) + "\n"


def _quoted(letter: Letter) -> str:
    quoted = [f"> {line}" for line in letter.text.splitlines()[:40]]
    return "\n".join([f"Quoting {letter.sender.name} <{letter.sender.login}@{DOMAIN}>:", "", *quoted])


def _filed(rng: random.Random, circle: list[Person], letters: list[Letter], folder: str) -> Iterator[Filed]:
    """File each letter with its sender and its receivers, flagged as they would have left it."""
    files = {person.login: folder if rng.random() < 0.6 else "" for person in circle}
    recent = FIRST_DAY + timedelta(days=DAYS - 20)
    for index, letter in enumerate(letters):
        yield Filed(letter.sender, "Sent", "S", letter)
        for receiver in letter.receivers:
            answered = any(later.sender is receiver for later in letters[index + 1 :])
            unread = not answered and letter.moment > recent and rng.random() < 0.6
            flags = ("F" if rng.random() < 0.05 else "") + ("R" if answered else "") + ("" if unread else "S")
            thrown = not unread and rng.random() < 0.08
            yield Filed(receiver, "Trash" if thrown else files[receiver.login], flags, letter)


def _attachment(rng: random.Random) -> tuple[str, str, bytes]:
    """Return file name, media type and content."""
    number = rng.randint(1, 99)
    match rng.choice(("text", "csv", "png", "pdf")):
        case "text":
            lines = [rng.choice(_SENTENCES).format(n=line % 30) for line in range(rng.randint(5, 300))]
            return f"notes-{number}.txt", "text/plain", "\n".join(lines).encode()
        case "csv":
            rows = [f"{row},{rng.randint(0, 9999)},{rng.random():.4f}" for row in range(rng.randint(20, 1500))]
            return f"figures-{number}.csv", "text/csv", "\n".join(["no,count,share", *rows]).encode()
        case "png":
            return f"photo-{number}.png", "image/png", _png(rng, rng.randint(40, 220), rng.randint(30, 200))
        case _:
            return f"draft-{number}.pdf", "application/pdf", _pdf(rng, rng.randint(1, 25))


def _png(rng: random.Random, width: int, height: int) -> bytes:
    """Return a picture of some coloured hills; stored, not compressed, so that every zlib writes the same bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    tint = [rng.randrange(256) for _ in range(3)]
    slope = rng.randint(1, 9)
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            rows += bytes((part + y * slope + (x * x) // (y + 7)) % 256 for part in tint)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


def _pdf(rng: random.Random, pages: int) -> bytes:
    """Return a document of text, forty lines a page."""
    kids = " ".join(f"{4 + 2 * page} 0 R" for page in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>",
    ]
    for page in range(pages):
        lines = [rng.choice(_SENTENCES).format(n=line).encode("ascii", "ignore").decode() for line in range(40)]
        text = "BT /F1 11 Tf 72 760 Td 16 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * page} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(f"<< /Length {len(text)} >>\nstream\n{text}\nendstream".encode())
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    tail = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return bytes(out) + f"xref\n0 {size}\n0000000000 65535 f \n{table}{tail}".encode()


def _wire(letter: Letter) -> bytes:
    """Return the message as it lies in a Maildir: line feeds alone, boundaries that do not change."""
    message = EmailMessage()
    message["From"] = letter.sender.address
    message["To"] = tuple(person.address for person in letter.receivers)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.moment)
    message["Message-ID"] = letter.message_id
    if letter.ancestors:
        message["In-Reply-To"] = letter.ancestors[-1]
        message["References"] = " ".join(letter.ancestors)
    message.set_content(letter.text)
    if letter.html:
        paragraphs = "".join(f"<p>{escape(part)}</p>\n" for part in letter.text.split("\n\n"))
        message.add_alternative(f"<html><body>\n{paragraphs}</body></html>\n", subtype="html")
    if letter.attachment:
        name, kind, content = letter.attachment
        major, minor = kind.split("/")
        message.add_attachment(content, maintype=major, subtype=minor, filename=name)
    for depth, part in enumerate(message.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{letter.number}_{depth}")
    return message.as_bytes()


def _add_tree(tar: tarfile.TarFile, person: Person, folders: Iterable[str]) -> None:
    for name in (person.login, f"{person.login}/Maildir"):
        _add(tar, name, None)
    named = [folder for folder in folders if folder]
    _add(tar, f"{person.login}/Maildir/subscriptions", "".join(f"{folder}\n" for folder in named).encode())
    for folder in folders:
        root = f"{person.login}/Maildir" + (f"/.{folder}" if folder else "")
        for name in ([root] if folder else []) + [f"{root}/{part}" for part in ("cur", "new", "tmp")]:
            _add(tar, name, None)


def _add_message(tar: tarfile.TarFile, copy: Filed) -> None:
    """Add a message under the name Dovecot would give it: with its size here (S) and on the wire (W)."""
    content = _wire(copy.letter)
    seconds = int(copy.letter.moment.timestamp())
    wire = len(content) + content.count(b"\n")
    name = f"{seconds}.M{copy.letter.number}P1.mail,S={len(content)},W={wire}:2,{copy.flags}"
    root = f"{copy.owner.login}/Maildir" + (f"/.{copy.folder}" if copy.folder else "")
    _add(tar, f"{root}/cur/{name}", content, seconds)


def _add(tar: tarfile.TarFile, name: str, content: bytes | None, seconds: int | None = None) -> None:
    """Add a file, or a folder if there is no content."""
    member = tarfile.TarInfo(name)
    member.uid = member.gid = OWNER
    member.mtime = int(FIRST_DAY.timestamp()) if seconds is None else seconds
    if content is None:
        member.type, member.mode = tarfile.DIRTYPE, 0o700
        tar.addfile(member)
    else:
        member.size, member.mode = len(content), 0o600
        tar.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the users' mail as a tar of Maildir trees.")
    parser.add_argument("out", type=Path)
    parser.add_argument("users", type=int)
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args()
    write_mailboxes(arguments.out, arguments.users, arguments.seed)
