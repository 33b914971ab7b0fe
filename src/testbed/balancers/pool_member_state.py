"""A member of a pool, as far as every balancer's server has it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from testbed.topology import WEBMAIL

OK = "ok"


@dataclass(frozen=True, slots=True)
class Member(ABC):
    """A member of a pool.

    Attributes:
        name: the app node's.
        url: where requests are sent.
        status: its state in the server's own words.
        elected: how many requests it was chosen for.
        pool: whose member it is: an application's name, or ``APPLICATION.RULE`` for those that a rule of dispatch uses.
        weight: its share of new sessions, against the other members'.
        busy: how many requests it is answering.
        sent: bytes it was sent.
        received: bytes that came from it.
        retries: how often it was tried again since it failed; 0 when it works.
    """

    name: str
    url: str
    status: str
    elected: int
    pool: str = WEBMAIL
    weight: float = 1.0
    busy: int = 0
    sent: int = 0
    received: int = 0
    retries: int = 0

    @property
    def application(self) -> str:
        """The application it serves."""
        return self.pool.partition(".")[0]

    @property
    def usable(self) -> bool:
        """Whether new sessions may go there: not in error, failing its health check, stopped, disabled or draining."""
        return self.state == OK

    @property
    @abstractmethod
    def state(self) -> str:
        """Its state in a journal: ``error``, ``disabled``, ``stopped``, ``draining`` or ``ok``; else its status."""

    @property
    @abstractmethod
    def fails_health_check(self) -> bool:
        """Whether only a health check that succeeds will make it usable."""

    @property
    @abstractmethod
    def draining(self) -> bool:
        """Whether sessions that are there stay, and new ones go elsewhere; it may be in error as well."""
