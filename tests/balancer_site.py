"""A balancer without the cluster: how it boots on networks of a test, and its site as a browser sees it."""

from __future__ import annotations

import requests

# An engine starts a container on one network alone: the balancer waits for the second, and learns its addresses.
BOOT = """
own() { ip -o -4 addr | awk -v net="$1" 'index($4, net) == 1 { sub("/.*", "", $4); print $4; exit }'; }
until [ "$(own "$PUBLIC")" ] && [ "$(own "$BACKEND")" ]; do sleep 0.1; done
PUBLIC_ADDRESS=$(own "$PUBLIC") BACKEND_ADDRESS=$(own "$BACKEND") exec boot
"""
ENVIRONMENT = {
    "NODE": "lb1", "SITE_NAME": "webmail.testbed.test", "APP_SERVICE": "app", "SESSIONS": "files", "CARP_VHID": "1",
    "CARP_ADVBASE": "1", "CARP_ADVSKEW": "0", "RETRY_SECONDS": "10", "REQUEST_SECONDS": "60",
    "MEMBER_CHECK": "hcmethod=NONE",
}  # fmt: skip


class Site:
    """The site as a browser sees it.

    Args:
        address: its own.
        ca: the certificate authority's file.
    """

    def __init__(self, address: str, ca: str) -> None:
        self.address = address
        self._ca = ca

    def get(self, path: str, cookie: str = "", **headers: str) -> requests.Response:
        """A page of the site, whose certificate must be valid for the site's name."""
        if cookie:
            headers["Cookie"] = cookie
        adapter = requests.adapters.HTTPAdapter()
        adapter.init_poolmanager(1, 1, assert_hostname="webmail.testbed.test", server_hostname="webmail.testbed.test")
        with requests.Session() as session:
            session.mount("https://", adapter)
            headers |= {"Host": "webmail.testbed.test"}
            return session.get(
                f"https://{self.address}{path}", headers=headers, verify=self._ca, timeout=5, allow_redirects=False
            )

    def serves(self) -> bool:
        """Whether it serves a page of a member."""
        try:
            return self.get("/horde/").status_code == 200
        except requests.RequestException:
            return False
