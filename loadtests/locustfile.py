"""Webmail users under Locust.

    locust -f loadtests                                # web UI on port 8089
    locust -f loadtests --headless -u 20 -r 5 -t 60s   # 20 users, 5 more every second, for a minute

Environment: SITE_NAME, MAIL_USERS, MAIL_SEED; TESTBED_JOURNAL, a file that gets each exchange (probes may write to
it as well).
"""

from __future__ import annotations

import os
import random
import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

import gevent
from locust import User, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

import accounts
import behaviour
from testbed.locust import JOURNAL, RequestRecorder
from testbed.probes.database_options import secret
from testbed.probes.horde.client import HordeClient
from testbed.probes.horde.pages import PageError, SessionLostError

SITE = f"https://{os.environ.get('SITE_NAME', 'webmail.testbed.test')}"
ACCOUNTS = accounts.Accounts(int(os.environ.get("MAIL_USERS", "60")))
KIND = "webmail"


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: LocustArgumentParser) -> None:
    """Add what can be set for a run; in the web UI these are fields of the start form."""
    parser.set_defaults(host=SITE)
    parser.add_argument("--think-scale", type=float, default=1.0, env_var="TESTBED_THINK_SCALE",
                        help="factor on all thinking times: 0.1 makes users ten times as busy")  # fmt: skip
    parser.add_argument("--patience", type=float, default=30.0, env_var="TESTBED_PATIENCE",
                        help="seconds a user waits for an answer")  # fmt: skip
    parser.add_argument("--actions", type=actions, default="", env_var="TESTBED_ACTIONS",
                        help="weights of what users do, as read=40,inbox=30 or a JSON object; empty: all")  # fmt: skip
    parser.add_argument("--seed", default="2006", env_var="MAIL_SEED",
                        help="the same seed has the same users do the same things")  # fmt: skip
    parser.add_argument("--ca-file", default="/etc/testbed/ca.crt", include_in_web_ui=False,
                        help="certificates to trust")  # fmt: skip
    parser.add_argument("--secrets", default="/etc/testbed/secrets.env", include_in_web_ui=False,
                        help="file with MAIL_PASSWORD")  # fmt: skip


def actions(text: str) -> str:
    """Check what ``--actions`` was given; Locust's web UI shows it as it was written."""
    try:
        behaviour.chosen(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    return text


RECORDER = RequestRecorder(os.environ.get(JOURNAL))


class WebmailUser(User):
    """Someone at the webmail.

    All picks come from a generator of this user's own: a run with the same seed has the same users do the
    same things in the same order, however the answers are timed.
    """

    host = SITE

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        options: Any = environment.parsed_options
        self._scale: float = options.think_scale
        self._number = ACCOUNTS.take()
        self._chance = random.Random(f"{options.seed}/{self._number}")
        self._table = behaviour.chosen(options.actions)
        self._messages: list[int] = []
        self._contacts: list[tuple[str, str]] = []
        self._client = HordeClient(
            self.host or SITE,
            accounts.name(self._number),
            secret(options.secrets, "MAIL_PASSWORD"),
            ca_file=options.ca_file,
            record=RECORDER,
            timeout=(min(5.0, options.patience), options.patience),
        )
        self._pause: tuple[float, float] = behaviour.SETTLING

    def wait_time(self) -> float:
        """Seconds of thinking after what was done last."""
        return behaviour.between(self._chance, self._pause, self._scale)

    def on_stop(self) -> None:
        """Close the browser; the account is free again."""
        self._client.forget()
        ACCOUNTS.give_back(self._number)

    @task
    def act(self) -> None:
        """Do one thing, logging in first where there is no session."""
        self._pause = behaviour.SETTLING
        if not self._client.logged_in:
            self._do("log in", self._client.log_in)
            return
        action = behaviour.next_action(self._chance, self._table)
        does: dict[str, Callable[[], bool]] = {
            "inbox": self._list,
            "read": self._read,
            "write": self._write,
            "find contact": self._find,
            "add contact": self._add,
            "vacation": self._vacation,
            "log out": lambda: self._do("log out", self._client.log_out),
        }
        if does[action.name]():
            self._pause = action.think

    def _do(self, name: str, request: Callable[[], Any]) -> bool:
        """Do something that Locust counts; returns whether it worked."""
        started, received = time.monotonic(), self._client.received
        failure: PageError | None = None
        try:
            request()
        except PageError as error:
            failure = error
        self._count(name, time.monotonic() - started, failure, self._client.received - received)
        if isinstance(failure, SessionLostError):
            # What users mind most has a line of its own; they log in again next.
            self._count("session-lost", 0.0, failure)
            self._client.forget()
        return failure is None

    def _count(self, name: str, seconds: float, failure: PageError | None, received: int = 0) -> None:
        # Locust groups failures by their text: the cause alone, or each would be its own kind.
        self.environment.events.request.fire(
            request_type=KIND,
            name=name,
            response_time=seconds * 1000,
            response_length=received,
            exception=PageError(failure.cause) if failure else None,
            context={},
        )

    def _list(self) -> bool:
        def listing() -> None:
            self._messages = self._client.inbox()

        return self._do("inbox", listing)

    def _read(self) -> bool:
        # The numbers are good for one session's view of the inbox.
        if not self._messages and not self._list():
            return False
        # People read what is new.
        number = self._messages[min(int(self._chance.expovariate(0.2)), len(self._messages) - 1)]
        return self._do("read", lambda: self._client.read(number))

    def _write(self) -> bool:
        forms: list[Any] = []
        if not self._do("compose", lambda: forms.append(self._client.compose())):
            return False
        gevent.sleep(behaviour.between(self._chance, behaviour.TYPING, self._scale))
        to = accounts.address(self._chance.choice(accounts.others(self._number, ACCOUNTS.count)))
        subject, text = behaviour.letter(self._chance)
        return self._do("send", lambda: self._client.send(forms[0], to, subject, text))

    def _find(self) -> bool:
        if self._contacts:
            name, address = self._chance.choice(self._contacts)
            return self._do("find contact", lambda: self._client.find_contact(name, address))
        return self._do("find contact", lambda: self._client.find_contact(self._chance.choice(behaviour.LAST_NAMES)))

    def _add(self) -> bool:
        first = self._chance.choice(behaviour.FIRST_NAMES)
        last = f"{self._chance.choice(behaviour.LAST_NAMES)}{self._chance.randrange(10_000):04d}"
        address = f"{first}.{last}@testbed.test".lower()
        added = self._do("add contact", lambda: self._client.add_contact(first, last, address))
        if added:
            self._contacts.append((last, address))
        return added

    def _vacation(self) -> bool:
        own = accounts.address(self._number)
        return self._do(
            "vacation",
            lambda: self._client.set_vacation("Away from my desk", "I am back on Monday.", own, days=7),
        )
