"""Program that reads back the acknowledged work of an application.

    python3 -m testbed.probes.application_read_back --journal JOURNAL --application shop --url /shop/tokens

It appends to the journal how often the application shows each token that users and declared SQL probes tried. A mark
``application-settled`` follows. If the application cannot be read, the mark ``application-unreadable`` records the
reason, and the exit status is 5.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable

import psycopg
import requests

from testbed.journal import Mark, Settled, Writer, read
from testbed.output_line import one_line
from testbed.probes import database_options
from testbed.probes.attempted_work import attempted_work
from testbed.probes.read_back import PATIENCE, NotYetError, UnreadableError, await_answer, run_program

# Seconds for a connection, and for the page.
PAGE_TIMEOUTS = (5.0, 30.0)


def tokens_of_page(options: argparse.Namespace) -> list[str]:
    """Return the tokens that the application's page lists.

    Raises:
        NotYetError: the page is not answered, or its status is not 200.
    """
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxies and certificates of the environment
            where = f"https://{options.site}:{options.site_port}{options.url}"
            answer = session.get(where, verify=options.ca, timeout=PAGE_TIMEOUTS)
    except requests.RequestException as error:
        raise NotYetError(one_line(str(error))) from error
    if answer.status_code != requests.codes.ok:
        raise NotYetError(f"{options.url} answers with the status {answer.status_code}")
    return answer.text.split()


def tokens_of_query(options: argparse.Namespace) -> list[str]:
    """Return the tokens that the application's query finds.

    Raises:
        NotYetError: no connection, or the query fails.
        OSError, ValueError: host or password are not there.
    """
    conninfo = database_options.conninfo(options, "testbed-settle", 5.0, options.application)
    try:
        with psycopg.connect(conninfo, **PATIENCE) as connection:
            return [str(row[0]) for row in connection.execute(options.query.encode()).fetchall()]
    except psycopg.Error as error:
        raise NotYetError(one_line(str(error))) from error


def read_back_work(options: argparse.Namespace) -> str:
    """Read back the work of an application, and return a summary.

    Raises:
        UnreadableError: it could not be read in time.
        JournalError: the file is not a journal.
        OSError, ValueError: file, host or password are not there.
    """
    tried = list(attempted_work(read(options.journal), options.application))
    find = tokens_of_page if options.url else tokens_of_query
    try:
        copies = await_answer(lambda: Counter(find(options)), options.timeout, "the application's tokens")
    except NotYetError as last:
        _append(options, (), Mark("application-unreadable", attrs=_attrs(options, reason=str(last))))
        raise UnreadableError(f"the work of {options.application} cannot be read back: {last}") from None
    found = sum(1 for token in tried if copies[token])
    mark = Mark("application-settled", attrs=_attrs(options, tokens=str(len(tried)), found=str(found)))
    _append(options, [Settled(token, copies[token], options.application) for token in tried], mark)
    return f"settled application={options.application} tokens={len(tried)} found={found}"


def _attrs(options: argparse.Namespace, **more: str) -> dict[str, str]:
    return {"application": options.application, "seconds": f"{options.timeout:g}", **more}


def _append(options: argparse.Namespace, settled: Iterable[Settled], mark: Mark) -> None:
    with Writer(options.journal, "settle", application=options.application) as out:
        for each in settled:
            out.write(each)
        out.write(mark)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python3 -m testbed.probes.application_read_back", description="read back what an application acknowledged"
    )
    parser.add_argument("--journal", required=True, help="the run's journal, appended to")
    parser.add_argument("--application", required=True, help="its name in the topology")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", help="a page of the site that lists the tokens")
    where.add_argument("--query", help="a query of the application's database; its first column holds the tokens")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait until it can be read (60)")
    parser.add_argument("--ca", default="/etc/testbed/ca.crt", help="certificates to trust")
    parser.add_argument("--site", default=os.environ.get("SITE_NAME", "webmail.testbed.test"), help="the site's name")
    parser.add_argument("--site-port", type=int, default=443)
    database_options.add_arguments(parser)
    options = parser.parse_args(arguments)
    return run_program("application_read_back", lambda: read_back_work(options))


if __name__ == "__main__":
    sys.exit(main())
