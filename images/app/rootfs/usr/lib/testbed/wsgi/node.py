"""What every WSGI application has on these nodes: the node's name in its answers, and /alive."""

import os

from application import application as served

NODE = ("X-App-Node", os.environ["APP_NODE"])


def application(environ, start_response):
    """The application, as a balancer meets it."""
    if environ["PATH_INFO"] == "/alive":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6"), NODE])
        return [b"alive\n"]

    def start(status, headers, *error):
        return start_response(status, [*headers, NODE], *error)

    return served(environ, start)
