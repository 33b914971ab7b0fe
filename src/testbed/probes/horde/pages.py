"""Parsers of Horde's answers. Pure functions: Horde reports its worst errors with status 200.

Mailbox names travel as unpadded base64url.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from testbed.journal import Outcome

_TITLE = re.compile(r"<title>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)
_LOGOUT_TOKEN = re.compile(r"horde_logout_token=([\w-]+)")
_AJAX_TOKEN = re.compile(r'"TOKEN":\s*"([^"]+)"')
_MAIL = r'"URI_AJAX":"\/horde\/services\/ajax.php\/imp\/"'
_SECURE_JSON = re.compile(r"^\s*/\*-secure-(.*)\*/\s*$", re.DOTALL)
_SESSION_ENDED = {"horde.ajaxtimeout", "horde.noauth"}


class PageError(Exception):
    """An answer that a user would not call good.

    Args:
        cause: one word for counting: "fatal-error", "login-failed", "http-503" ...
        detail: what was seen.
        outcome: FAILED, or UNKNOWN if the request may have been carried out nevertheless.
    """

    def __init__(self, cause: str, detail: str = "", outcome: Outcome = Outcome.FAILED) -> None:
        self.cause = cause
        self.detail = detail
        self.outcome = outcome
        super().__init__(f"{cause}: {detail}" if detail else cause)


class SessionLostError(PageError):
    """The user was sent to the login page in the middle of a session."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("session-lost", detail)


def mailbox_id(name: str) -> str:
    """How Horde writes a mailbox's name in requests."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def title(page: str) -> str:
    """The page's title, empty if it has none."""
    match = _TITLE.search(page)
    return " ".join(match[1].split()) if match else ""


def is_fatal(page: str) -> bool:
    """Whether the page is Horde's report of a fatal error, which comes with status 200."""
    return "Fatal Error" in title(page)


def is_login_page(page: str) -> bool:
    """Whether the page asks for a user name and a password."""
    return 'name="horde_user"' in page and 'name="horde_pass"' in page


def is_mail(page: str) -> bool:
    """Whether the page is one of the mail's dynamic view, not of another application."""
    return _MAIL in page


def logout_token(page: str) -> str:
    """The token that a logout must carry, empty if the page is not one of a session."""
    match = _LOGOUT_TOKEN.search(page)
    return match[1] if match else ""


def ajax_token(page: str) -> str:
    """The token that Ajax calls must carry, empty if the page is not one of the dynamic view."""
    match = _AJAX_TOKEN.search(page)
    return match[1] if match else ""


def ajax(body: str) -> dict[str, Any]:
    """The object in the answer to an Ajax call.

    Raises:
        SessionLostError: the session has ended, according to the answer.
        PageError: the answer is no such object.
    """
    match = _SECURE_JSON.match(body)
    try:
        answer = json.loads(match[1] if match else body)
    except ValueError:
        raise PageError("not-json", title(body) or body[:80]) from None
    if not isinstance(answer, dict):
        raise PageError("not-json", body[:80])
    messages = messages_of(answer)
    if any(message.get("type") in _SESSION_ENDED for message in messages):
        raise SessionLostError("an Ajax call reports that the session has ended")
    return answer


def messages_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The notices that an Ajax answer brings, such as errors for the user."""
    return [message for message in answer.get("msgs") or [] if isinstance(message, dict)]


def task(answer: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON
    """One task that an Ajax answer gives to the browser.

    Raises:
        PageError: it is not there.
    """
    tasks = answer.get("tasks")
    found = tasks.get(name) if isinstance(tasks, dict) else None
    if not found:
        reasons = "; ".join(str(message.get("message")) for message in messages_of(answer))
        raise PageError("wrong-content", reasons or f"no {name} in the answer")
    return found


@dataclass(slots=True)
class Form:
    """A form as a browser would submit it untouched.

    Args:
        fields: name and value of each field that has one.
    """

    fields: dict[str, str] = field(default_factory=dict)


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self._area: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            self.forms.append(Form())
        elif not self.forms:
            return
        elif tag == "input" and name:
            self._input(name, given)
        elif tag == "textarea" and name:
            self._area = name
            self.forms[-1].fields[name] = ""
        elif tag == "select" and name:
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in self.forms[-1].fields):
            # A browser submits the selected option, or the first if none is.
            self.forms[-1].fields[self._select] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1].fields[self._area] += data

    def _input(self, name: str, given: dict[str, str | None]) -> None:
        kind = (given.get("type") or "text").lower()
        if kind in ("submit", "button", "image", "reset", "file"):
            return  # sent only when used
        if kind in ("checkbox", "radio") and "checked" not in given:
            return
        self.forms[-1].fields[name] = given.get("value") or ("on" if kind == "checkbox" else "")


def form_with(page: str, name: str) -> Form:
    """The page's form that has a field of this name.

    Raises:
        PageError: there is none.
    """
    parser = _FormParser()
    parser.feed(page)
    for form in parser.forms:
        if name in form.fields:
            return form
    raise PageError("wrong-content", f"no form with {name} in a page titled {title(page)!r}")


def must_contain(page: str, *texts: str) -> None:
    """Judge a page by its content.

    Raises:
        PageError: one of the texts is missing.
    """
    for text in texts:
        if text not in page:
            raise PageError("wrong-content", f"no {text!r} in a page titled {title(page)!r}")
