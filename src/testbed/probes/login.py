"""The first page a user cares about: log in, list the inbox, log out.

    python -m testbed.probes.login --base https://webmail.testbed.test --user user01

Exit status 0 with one line of figures, or 1 with the webmail's message.
"""

from __future__ import annotations

import argparse
import sys
import time

from testbed.journal import RequestSample
from testbed.probes.database_options import SECRETS, secret
from testbed.probes.horde.client import HordeClient
from testbed.probes.horde.pages import PageError


def visit(base: str, user: str, password: str, ca_file: str) -> tuple[int, RequestSample]:
    """Log in, list the inbox, log out.

    Returns:
        How many messages the inbox lists, and the exchange that brought the list.

    Raises:
        PageError: the webmail did not do what a user expects.
    """
    exchanges: list[RequestSample] = []
    browser = HordeClient(base, user, password, ca_file=ca_file, record=exchanges.append)
    browser.log_in()
    messages = browser.inbox()
    listed = exchanges[-1]
    browser.log_out()
    return len(messages), listed


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m testbed.probes.login", description="log in and list the inbox")
    parser.add_argument("--base", required=True, help="the site, such as https://webmail.testbed.test")
    parser.add_argument("--user", required=True)
    parser.add_argument("--ca", default="/etc/testbed/ca.crt", help="certificates to trust")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        count, listed = visit(options.base, options.user, secret(SECRETS, "MAIL_PASSWORD"), options.ca)
    except (PageError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    seconds = time.monotonic() - started
    print(f"messages={count} balancer={listed.balancer} app={listed.app} seconds={seconds:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
