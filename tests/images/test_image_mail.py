"""The mail server's image: IMAP and submission over TLS, and nothing without it."""

from __future__ import annotations

import imaplib
import smtplib
import socket
import ssl
import time
from email.message import EmailMessage

import pytest

from single_image import Images, Networks, address, wait_ready
from testbed.cluster.secrets import mail_password
from testbed.wait import wait_until


def listens(server: str, port: int) -> bool:
    """Whether a port takes connections."""
    try:
        socket.create_connection((server, port), 2).close()
    except OSError:
        return False
    return True


@pytest.fixture
def server(containers: Images, networks: Networks) -> str:
    """The address of a mail server with three users."""
    container = containers.start(
        "mail", networks.backend, node="mail", environment={"NODE": "mail", "MAIL_USERS": "3"}
    )  # fmt: skip
    server = address(container, networks.backend)
    wait_ready(container, lambda: listens(server, 993) and listens(server, 587), "IMAPS and submission")
    return server


@pytest.fixture
def context(images: Images) -> ssl.SSLContext:
    """What a client of the campus trusts; its name is not checked, because `mail` does not resolve here."""
    context = ssl.create_default_context(cafile=str(images.state / "nodes/client/ca.crt"))
    context.check_hostname = False
    return context


def test_a_message_that_is_submitted_is_read_by_imaps(server: str, context: ssl.SSLContext, images: Images) -> None:
    password = mail_password(images.state)
    message = EmailMessage()
    message["From"], message["To"] = "user01@testbed.test", "user02@testbed.test"
    message["Subject"] = subject = f"single image {time.time()}"
    message.set_content("text")
    with smtplib.SMTP(server, 587, timeout=10) as smtp:
        smtp.starttls(context=context)
        smtp.login("user01", password)
        smtp.send_message(message)
    with imaplib.IMAP4_SSL(server, 993, ssl_context=context, timeout=10) as imap:
        imap.login("user02", password)
        [count] = imap.select("INBOX")[1]
        assert count is not None
        assert int(count) > 1  # the generated mail is there, too

        def delivered() -> bool:
            imap.noop()
            return bool(imap.search(None, "SUBJECT", f'"{subject}"')[1][0])

        wait_until(delivered, 20, "the message in the inbox")


def test_a_wrong_password_is_refused(server: str, context: ssl.SSLContext) -> None:
    with (
        imaplib.IMAP4_SSL(server, 993, ssl_context=context, timeout=10) as imap,
        pytest.raises(imaplib.IMAP4.error, match=r"(?i)authentication"),
    ):
        imap.login("user01", "wrong")


def test_nothing_is_served_without_tls(server: str) -> None:
    assert not listens(server, 143)
    with smtplib.SMTP(server, 587, timeout=10) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("auth")
        assert smtp.mail("user01@testbed.test")[0] == 530
