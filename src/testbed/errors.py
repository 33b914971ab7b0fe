"""The two ways testbed gives up: the user can fix it (exit 2), or testbed itself failed (exit 4)."""

from __future__ import annotations


class TestbedError(Exception):
    """testbed could not do its work.

    Args:
        what: what went wrong, one line.
        where: the file, node or command it went wrong in, if known.
        fix: what the user can do about it, one line.
    """

    __test__ = False  # not a test class, whatever pytest thinks of the name
    exit_status = 4

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.fix}" if self.fix else text


class UsageError(TestbedError):
    """The user asked for something that cannot be; nothing has been changed."""

    exit_status = 2
