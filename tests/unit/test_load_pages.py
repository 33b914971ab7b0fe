"""What Horde's answers say: judged on answers recorded from Horde 5.2.23, shortened."""

from __future__ import annotations

import pytest

from testbed.probes.horde import pages
from testbed.probes.horde.pages import PageError, SessionLostError

LOGIN_FAILED = """<html lang="en-US"><head><title>Mail :: Log in</title></head><body>
<ul class="notices"><li><img alt="Message" src="data:image/png;base64,iVBORw0KGg==" />Login failed.</li></ul>
<form name="horde_login" id="horde_login" method="post" action="https://webmail.testbed.test/horde/login.php">
 <input type="hidden" name="app" id="app" value="" />
 <input type="hidden" name="login_post" id="login_post" value="0" />
 <input type="text" autocapitalize="off" id="horde_user" name="horde_user" value="user59" />
 <input type="password" id="horde_pass" name="horde_pass" value="" />
</form></body></html>"""
FATAL = "<html><head>\n <title>Horde :: Fatal Error</title></head><body>A fatal error has occurred</body></html>"
DYNAMIC = """<html><head><title>Mail :: Inbox</title></head><body>
<a class="icon" title="Log out" href="/horde/login.php?horde_logout_token=AZOxTJgZff1Xt93bIe6wV35&amp;logout_reason=4">
<script>
HordeCore.conf={"URI_AJAX":"\\/horde\\/services\\/ajax.php\\/imp\\/","URI_SNOOZE":"https:\\/\\/webmail\\/snooze.php","TOKEN":"AZOxTJgZff1Xt93bIe6wV35","SID":""}</script>
</body></html>"""
PORTAL = DYNAMIC.replace("ajax.php\\/imp", "ajax.php\\/horde").replace("Mail :: Inbox", "Horde :: My Portal")
INBOX = (
    '/*-secure-{"response":true,"tasks":{"imp:viewport":{"label":"Inbox","totalrows":2,"rowlist":{"1":1,"2":2},'
    '"data":{"1":{"flag":["unseen"],"subject":"message 1"},"2":{"subject":"message 2"}},"cacheid":"VTYs|12|0"}}}*/'
)
ENDED = (
    '/*-secure-{"msgs":[{"message":"\\/horde\\/login.php?url=%2Fhorde%2Fimp%2F&logout_reason=6",'
    '"type":"horde.ajaxtimeout"}],"response":false}*/'
)
NOT_SENT = (
    '/*-secure-{"response":{"action":"sendMessage","success":0},"msgs":[{"message":'
    '"Need at least one message recipient.","type":"horde.error"}],"tasks":{}}*/'
)
VACATION = """<form action="x"><input name="search" value="s"></form>
<form method="post" name="ingo_form_vacation" action="/horde/ingo/basic.php?page=vacation">
<input type="hidden" name="vacation_form_token" value="abc&amp;d">
<select name="start[month]"><option value=""></option><option value="1">January</option></select>
<select name="start[day]"><option value="1">1</option><option value="2" selected="selected">2</option></select>
<input type="checkbox" name="ignorelist" checked="checked"><input type="checkbox" name="unused">
<textarea name="reason" rows="10">I am
away &lt;now&gt;</textarea><input type="text" name="days" value="7">
<input type="submit" name="submitbutton" value="Save"><input type="file" name="upload">
</form>"""


def test_mailbox_names() -> None:
    assert pages.mailbox_id("INBOX") == "SU5CT1g"
    assert pages.mailbox_id("Sent") == "U2VudA"


def test_a_fatal_error_is_distinguished_from_a_page() -> None:
    assert pages.is_fatal(FATAL)
    assert not pages.is_fatal(DYNAMIC)
    assert not pages.is_fatal("<title>Mail :: Inbox</title> I saw a Fatal Error yesterday")


def test_the_login_page_is_distinguished_from_a_page() -> None:
    assert pages.is_login_page(LOGIN_FAILED)
    assert not pages.is_login_page(DYNAMIC)
    assert not pages.is_login_page(FATAL)


def test_the_mail_is_distinguished_from_the_empty_portal() -> None:
    assert pages.is_mail(DYNAMIC)
    assert pages.ajax_token(PORTAL)
    assert not pages.is_mail(PORTAL)


def test_tokens() -> None:
    assert pages.logout_token(DYNAMIC) == "AZOxTJgZff1Xt93bIe6wV35"
    assert pages.ajax_token(DYNAMIC) == "AZOxTJgZff1Xt93bIe6wV35"
    assert pages.logout_token(LOGIN_FAILED) == pages.ajax_token(LOGIN_FAILED) == ""


def test_secure_json_is_unwrapped() -> None:
    viewport = pages.task(pages.ajax(INBOX), "imp:viewport")
    assert sorted(viewport["data"]) == ["1", "2"]
    assert viewport["cacheid"] == "VTYs|12|0"


def test_a_session_that_ended_shows_in_an_ajax_answer() -> None:
    with pytest.raises(SessionLostError) as caught:
        pages.ajax(ENDED)
    assert caught.value.cause == "session-lost"


@pytest.mark.parametrize("body", ["", "<html><title>502 Proxy Error</title>", "/*-secure-{broken*/", "/*-secure-[1]*/"])
def test_what_is_no_ajax_answer(body: str) -> None:
    with pytest.raises(PageError, match="not-json"):
        pages.ajax(body)


@pytest.mark.parametrize("body", ['{"response":false}', '{"tasks":[]}', '{"tasks":{"imp:viewport":null}}', NOT_SENT])
def test_a_missing_task_is_no_good_answer(body: str) -> None:
    with pytest.raises(PageError) as caught:
        pages.task(pages.ajax(body), "imp:viewport")
    assert caught.value.cause == "wrong-content"


def test_a_form_is_submitted_as_a_browser_would() -> None:
    assert pages.form_with(VACATION, "reason").fields == {
        "vacation_form_token": "abc&d",
        "start[month]": "",
        "start[day]": "2",
        "ignorelist": "on",
        "reason": "I am\naway <now>",
        "days": "7",
    }


def test_a_page_without_the_form() -> None:
    with pytest.raises(PageError, match="Mail :: Inbox"):
        pages.form_with(DYNAMIC, "reason")


def test_content_is_demanded() -> None:
    pages.must_contain("all is well", "well")
    with pytest.raises(PageError, match="no 'bad'"):
        pages.must_contain("all is well", "well", "bad")
