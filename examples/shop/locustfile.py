"""Customers of the shop: they fill a cart, look at it, and order."""

from __future__ import annotations

import uuid

from locust import HttpUser, between, task

from testbed.locust import record_requests

record_requests("shop", session="shop-session")


class Customer(HttpUser):
    """A customer with a cart, who notices when an item is missing."""

    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        """Begin with an empty cart."""
        self.cart = 0

    @task(4)
    def fill(self) -> None:
        """Put an item into the cart, and count."""
        with self.client.post("/shop/cart", data={"item": "bread"}, name="fill", catch_response=True) as answer:
            if not answer.ok:
                return
            if answer.text.strip() == str(self.cart + 1):
                self.cart += 1
                return
            answer.failure(f"the cart has not {self.cart + 1} items")
            self.cart = int(answer.text)

    @task(4)
    def look(self) -> None:
        """Look at the shop."""
        self.client.get("/shop/", name="look")

    @task(2)
    def order(self) -> None:
        """Order the cart; a token names the order, so that it can be found again."""
        if not self.cart:
            return
        token = uuid.uuid4().hex
        answer = self.client.post("/shop/orders", data={"token": token}, name="order", context={"token": token})
        if answer.status_code == 201:
            self.cart = 0
            # The customer leaves, and the next one comes: a balancer that evens out requests gives each a node.
            self.client.cookies.clear()
