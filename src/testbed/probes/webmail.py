"""The webmail probe, which lists the inbox of a user who is logged in.

It needs a balancer, the app node that holds the session, the database and the mail server. It runs in threads of the
probes' process, because its browser blocks.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from testbed.journal import Outcome, ProbeSample, RequestSample
from testbed.output_line import one_line
from testbed.probes.database_options import secret
from testbed.probes.horde.pages import PageError, SessionLostError
from testbed.probes.open_loop import SampleCallback
from testbed.probes.probe_type import PreparedProbe, ProbeSetup, RegisteredProbe
from testbed.probes.tcp import HANDSHAKE_SECONDS

if TYPE_CHECKING:
    from testbed.probes.horde.client import HordeClient

# Samples that may be under way at once, in one session, so that a slow page delays no other sample.
WINDOWS = 5
# Seconds for a connection, and for a page. People wait longer, but then the next probe has begun.
TIMEOUTS = (HANDSHAKE_SECONDS, 10.0)

Browser = Callable[[Callable[[RequestSample], None]], "HordeClient"]


class WebmailProbe(RegisteredProbe):
    """Lists the inbox each time.

    A lost session is a failed sample with the detail ``session-lost``, and the next sample logs in before it lists the
    inbox.

    Args:
        browser: makes a browser without a session; its argument is called with each exchange.
    """

    name = "webmail"
    summary = "lists the inbox of someone who is logged in"
    unit = "visit"
    interval = 1.0
    runs_on = "client"
    resources = ("database", "site")
    dates = "first page"
    last_part = "until the first page"
    is_visit = True
    reaches_app_nodes = True

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._session: HordeClient | None = None
        self._last = threading.local()
        self._threads = ThreadPoolExecutor(WINDOWS, "webmail")

    @classmethod
    def prepare(cls, setup: ProbeSetup) -> PreparedProbe:
        """Return the probe of the webmail; the site's name is resolved first, as by the other probes of the site."""
        # Checks and reports read only the class attributes, and need no HTTP library.
        from testbed.probes.horde.client import HordeClient  # noqa: PLC0415

        options, _ = setup.options, setup.site_address
        password = secret(options.secrets, "MAIL_PASSWORD")
        base = f"https://{options.site}" + (f":{options.site_port}" if options.site_port != 443 else "")

        def browser(record: Callable[[RequestSample], None]) -> HordeClient:
            return HordeClient(base, options.account, password, ca_file=options.ca, record=record, timeout=TIMEOUTS)

        return PreparedProbe(cls(browser), WINDOWS)

    def begin(self, due: float, done: SampleCallback) -> None:
        """Probe once."""
        loop = asyncio.get_running_loop()
        # The time begins here, because waiting for a thread is waiting for the site.
        future = loop.run_in_executor(self._threads, self._visit, due, time.monotonic())
        future.add_done_callback(lambda ended: done(ended.result()))

    async def close(self) -> None:
        """Close the browser."""
        self._threads.shutdown(wait=False)
        if self._session:
            self._session.forget()

    def _visit(self, due: float, started: float) -> ProbeSample:
        self._last.exchange = None
        outcome, detail = self._list()
        exchange: RequestSample | None = self._last.exchange
        attrs = {"balancer": exchange.balancer, "app": exchange.app} if exchange and exchange.balancer else {}
        return ProbeSample(self.name, due, started, time.monotonic(), outcome, detail, attrs=attrs)

    def _list(self) -> tuple[Outcome, str]:
        browser = self._session
        try:
            if browser is None:
                browser = self._browser(self._remember)
                browser.log_in()
                # If two log in at the same time, the last session is kept.
                self._session = browser
            browser.inbox()
        except SessionLostError as error:
            if self._session is browser:
                self._session = None
            return Outcome.FAILED, error.cause
        except PageError as error:
            return error.outcome, one_line(str(error))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # The answer is not a page of the webmail.
            return Outcome.FAILED, one_line(f"wrong-content: {error!r}")
        return Outcome.OK, ""

    def _remember(self, exchange: RequestSample) -> None:
        self._last.exchange = exchange
