"""Webhooks of the stand-in: subscriptions, and signed deliveries that can be dropped, repeated or held back."""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import Any

Send = Callable[[str, bytes, dict[str, str]], Awaitable[None]]


@dataclass
class Subscription:
    """A subscription to a topic (ORDERS_CREATE)."""

    id: str
    topic: str
    uri: str
    include_fields: list[str]

    def view(self) -> dict[str, Any]:
        """A WebhookSubscription."""
        return {"id": self.id, "topic": self.topic, "uri": self.uri, "includeFields": self.include_fields}


@dataclass
class Delivery:
    """A webhook on its way."""

    uri: str
    body: bytes
    headers: dict[str, str]


@dataclass
class Habits:
    """How deliveries are made. `times` of each, topics that are dropped, seconds of delay, held back until released."""

    times: int = 1
    dropped: set[str] = field(default_factory=set)
    delay_seconds: float = 0.0
    held: bool = False


class Hooks:
    """The subscriptions of one shop and what is delivered. Without a subscription nothing is."""

    def __init__(self, domain: str, secret: str, gid: Callable[[str], str], now: Callable[[], str]) -> None:
        self.domain = domain
        self.secret = secret
        self.subscriptions: dict[str, Subscription] = {}
        self.habits = Habits()
        self.outbox: list[Delivery] = []
        self.rung: list[tuple[str, dict[str, Any]]] = []
        self._gid = gid
        self._now = now
        self._ids = count(1)

    def create(self, topic: str, given: dict[str, Any]) -> Subscription:
        """A new subscription."""
        made = Subscription(
            self._gid("WebhookSubscription"), topic, given["uri"], list(given.get("includeFields") or [])
        )
        self.subscriptions[made.id] = made
        return made

    def ring(self, topic: str, body: dict[str, Any]) -> None:
        """Put a webhook into the outbox for each subscription to its topic (orders/create)."""
        self.rung.append((topic, body))
        if topic in self.habits.dropped or "*" in self.habits.dropped:
            return
        word = topic.replace("/", "_").upper()
        for each in self.subscriptions.values():
            if each.topic == word:
                self.outbox += [self._delivery(topic, body, each.uri)] * self.habits.times

    def send_unsubscribed(self, topic: str, body: dict[str, Any], uri: str) -> None:
        """Put a webhook into the outbox that the app's configuration asks for."""
        self.outbox.append(self._delivery(topic, body, uri))

    def _delivery(self, topic: str, body: dict[str, Any], uri: str) -> Delivery:
        raw = json.dumps(body).encode()
        number = next(self._ids)
        signature = base64.b64encode(hmac.new(self.secret.encode(), raw, sha256).digest()).decode()
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-SHA256": signature,
            "X-Shopify-Shop-Domain": self.domain,
            "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": f"{self.domain}-webhook-{number}",
            "X-Shopify-Event-Id": f"{self.domain}-event-{number}",
            "X-Shopify-Triggered-At": self._now(),
        }
        return Delivery(uri, raw, headers)
