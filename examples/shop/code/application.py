"""A small shop: a cart in the session, orders in PostgreSQL.

The cart is a file of this node, named by the cookie of the session; the balancers send a session to its node. What has
been answered with 201 is in the database.
"""

from __future__ import annotations

import html
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import psycopg2

PREFIX = os.environ["URL_PATH"]
CARTS = Path(os.environ["STATE_FOLDER"])
COOKIE = "shop-session"
ITEMS = ("apples", "bread", "cheese")
TABLE = "create table if not exists orders (token text not null, items text not null)"
# A connection whose server is gone must not wait for minutes: a failover takes seconds.
CONNECTION = "tcp_user_timeout=5000 keepalives_idle=1 keepalives_interval=1 keepalives_count=3"
PAGE = """<!doctype html>
<title>Shop</title>
<h1>Shop</h1>
<p>{count} items in your cart: {cart}</p>
<form method="post" action="cart">{buttons}</form>
"""
Answer = tuple  # status, headers, body


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The WSGI application."""
    path = environ["PATH_INFO"]
    name = path[len(PREFIX) :] if path.startswith(PREFIX) else None
    request = environ["REQUEST_METHOD"], name
    length = int(environ.get("CONTENT_LENGTH") or 0)
    form = {key: values[0] for key, values in parse_qs(environ["wsgi.input"].read(length).decode()).items()}
    session, headers = open_session(environ.get("HTTP_COOKIE", ""))
    try:
        if request == ("GET", ""):
            status, kind, text = show(session)
        elif request == ("POST", "cart"):
            status, kind, text = add(session, form.get("item", ""))
        elif request == ("POST", "orders"):
            status, kind, text = order(session, form.get("token", ""))
        elif request == ("GET", "tokens"):
            # Read back by testbed, which has no cart.
            status, kind, text, headers = *tokens(), []
        else:
            status, kind, text = "404 Not Found", "text/plain", "no such page\n"
    except psycopg2.Error as error:
        status, kind, text = "503 Service Unavailable", "text/plain", f"the database does not answer: {error}\n"
    body = text.encode()
    start_response(status, [*headers, ("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]


def open_session(cookies: str) -> tuple[Path, list[tuple[str, str]]]:
    """The cart of the session that the cookie names; a new one, with its cookie, if this node does not have it."""
    morsel = SimpleCookie(cookies).get(COOKIE)
    if morsel and re.fullmatch("[0-9a-f]{32}", morsel.value) and (CARTS / morsel.value).exists():
        return CARTS / morsel.value, []
    cart = CARTS / secrets.token_hex(16)
    write(cart, [])
    return cart, [("Set-Cookie", f"{COOKIE}={cart.name}; Path={PREFIX}; Secure; HttpOnly; SameSite=Lax")]


def write(cart: Path, items: list[str]) -> None:
    """Store a cart in one step: another request may be reading it."""
    new = cart.with_name(f"{cart.name}.{secrets.token_hex(4)}")
    new.write_text(json.dumps(items))
    new.replace(cart)


def show(session: Path) -> Answer:
    """The page of the shop, with the cart."""
    items = json.loads(session.read_text())
    buttons = "".join(f'<button name="item" value="{item}">{item}</button>' for item in ITEMS)
    page = PAGE.format(count=len(items), cart=html.escape(", ".join(items) or "nothing"), buttons=buttons)
    return "200 OK", "text/html", page


def add(session: Path, item: str) -> Answer:
    """Put an item into the cart, and return the number of items in it."""
    if item not in ITEMS:
        return "400 Bad Request", "text/plain", f"there is no {item!r}\n"
    items = [*json.loads(session.read_text()), item]
    write(session, items)
    return "200 OK", "text/plain", f"{len(items)}\n"


def order(session: Path, token: str) -> Answer:
    """Order what is in the cart. The token is the customer's own number of the order."""
    items = json.loads(session.read_text())
    if not items or not re.fullmatch("[A-Za-z0-9-]{1,80}", token):
        return "400 Bad Request", "text/plain", "an order needs a cart and a token\n"
    rows("insert into orders (token, items) values (%s, %s) returning token", (token, json.dumps(items)))
    write(session, [])
    return "201 Created", "text/plain", f"{token}\n"


def tokens() -> Answer:
    """The tokens of all orders, one a line."""
    return "200 OK", "text/plain", "".join(f"{token}\n" for (token,) in rows("select token from orders"))


def rows(query: str, values: tuple[str, ...] = ()) -> list[tuple[str]]:
    """Run a statement in a transaction of its own; when this returns, it is committed."""
    connection = psycopg2.connect(CONNECTION)
    try:
        with connection, connection.cursor() as cursor:
            try:
                cursor.execute(query, values)
            except psycopg2.errors.UndefinedTable:
                connection.rollback()
                cursor.execute(TABLE)
                cursor.execute(query, values)
            return cursor.fetchall()
    finally:
        connection.close()
