"""One stand-in shop as a whole: what it holds, its webhooks, faults and points, and how it answers a request."""

import asyncio
import json
import secrets as random_secrets
from dataclasses import dataclass, field
from time import time
from typing import Any

from tests.shop.bucket import Bucket
from tests.shop.execution import Field, Invalid, Root, Validator, cost_of, fields_of, operation_of, project
from tests.shop.faults import Fault, Faults
from tests.shop.hooks import Hooks
from tests.shop.level_mutations import LevelMutations
from tests.shop.model import Shop
from tests.shop.product_mutations import ProductMutations, Refused
from tests.shop.queries import queries
from tests.shop.trade import Trade

QUERY_COST_MAX = 1000
IDEMPOTENT = frozenset({"inventorySetQuantities", "inventoryActivate"})
ALL_SCOPES = (
    "read_products",
    "write_products",
    "read_inventory",
    "write_inventory",
    "read_locations",
    "read_orders",
    "read_merchant_managed_fulfillment_orders",
    "read_assigned_fulfillment_orders",
    "read_publications",
    "write_publications",
    "write_merchant_managed_fulfillment_orders",
)


@dataclass
class LoggedCall:
    """One request that arrived: its root fields, variables and what became of it; `at`: when, in seconds since 1970."""

    fields: list[str]
    variables: dict[str, Any]
    outcome: str
    query: str
    at: float = field(default_factory=time)

    @property
    def is_write(self) -> bool:
        """Whether it was a mutation."""
        return self.query.lstrip().startswith("mutation")


@dataclass
class Reply:
    """What a request is answered: status and JSON, or a connection that breaks."""

    status: int
    body: Any
    lost: bool = False
    slow_seconds: float = 0.0


class StandIn:
    """A shop with everything around it. Direct calls act like a person in the shop; `handle` is the Admin API."""

    def __init__(
        self,
        domain: str = "acme-test.myshopify.com",
        *,
        currency: str = "EUR",
        secret: str = "shop-secret-0001",
        validator: Validator | None = None,
    ) -> None:
        self.shop = Shop(domain, currency=currency)
        self.hooks = Hooks(domain, secret, self.shop.gid, self.shop.now)
        self.trade = Trade(self.shop, self.hooks)
        self.levels = LevelMutations(self.shop, self.hooks)
        self.faults = Faults()
        self.bucket = Bucket()
        self.log: list[LoggedCall] = []
        self.codes: dict[str, list[str]] = {}
        self._validator = validator
        self._answered: dict[str, tuple[str, Any]] = {}
        self._mutations: dict[str, Root] = {
            **ProductMutations(self.shop, self.hooks).roots(),
            **self.levels.roots(),
            "fulfillmentCreate": self._fulfil,
            "appUninstall": self._uninstall,
            "webhookSubscriptionCreate": self._subscribe,
            "webhookSubscriptionDelete": self._unsubscribe,
        }

    def token(self, token: str, scopes: list[str] | None = None) -> str:
        """A token that the shop accepts from now on."""
        self.shop.tokens[token] = list(ALL_SCOPES if scopes is None else scopes)
        return token

    def writes(self, field: str = "") -> list[LoggedCall]:
        """The mutations that were executed, of one root field if named."""
        return [each for each in self.log if each.is_write and each.outcome != "failed" and field in ["", *each.fields]]

    def available(self, sku: str, location_id: str | None = None) -> int | None:
        """What the shop shows of a SKU at a location, by default the first one."""
        level = self.shop.by_sku(sku).item.levels.get(location_id or next(iter(self.shop.locations)))
        return level.available if level is not None else None

    def exchange(self, fields: dict[str, Any]) -> Reply:
        """OAuth: a code or refresh token for a pair."""
        given = str(fields.get("code") or fields.get("refresh_token") or fields.get("subject_token") or "")
        scopes = self.codes.get(given) or self.shop.tokens.get(given)
        if scopes is None:
            return Reply(400, {"error": "invalid_request"})
        token, refresh = self.token(f"shpat_{random_secrets.token_hex(8)}", scopes), random_secrets.token_hex(16)
        self.codes[refresh] = scopes
        body: dict[str, Any] = {"access_token": token, "scope": ",".join(scopes)}
        if fields.get("expiring") or fields.get("grant_type") == "refresh_token":
            body |= {"expires_in": 3600, "refresh_token": refresh, "refresh_token_expires_in": 7776000}
        return Reply(200, body)

    async def handle(self, token: str, request: dict[str, Any]) -> Reply:
        """A GraphQL request."""
        query, variables = request.get("query", ""), request.get("variables") or {}
        if token not in self.shop.tokens or self.shop.uninstalled:
            self.log.append(LoggedCall([], variables, "failed", query))
            return Reply(401, {"errors": "[API] Invalid API key or access token"})
        try:
            if self._validator is not None:
                self._validator.check(query)
            operation = operation_of(query, request.get("operationName"))
            fields = fields_of(operation, variables)
        except Invalid as failure:
            self.log.append(LoggedCall([], variables, "invalid", query))
            return Reply(200, {"errors": [{"message": str(failure)}]})
        logged = LoggedCall([each.name for each in fields], variables, "failed", query)
        self.log.append(logged)
        cost = max(10 if logged.is_write else 1, cost_of(operation.selection_set, variables))
        return self._answer(logged, fields, cost, token)

    def _answer(self, logged: LoggedCall, fields: list[Field], cost: int, token: str) -> Reply:
        faults = self.faults.matching(logged.fields, logged.variables)
        slow = sum(each.slow_seconds for each in faults)
        refusal = _refusal(faults) or self._refused_for_cost(logged, cost)
        if refusal is not None:
            refusal.slow_seconds = slow
            return refusal
        data: dict[str, Any] = {}
        told = next((each.user_error for each in faults if each.user_error is not None), None)
        for each in fields:
            if each.name in IDEMPOTENT and each.key is None:
                return Reply(200, {"errors": [{"message": "@idempotent is required"}]})
            made = {"userErrors": [told]} if told is not None else self._run(each, logged, token)
            logged.outcome = "refused" if isinstance(made, dict) and made.get("userErrors") else "done"
            data[each.shown] = _projected(made, each, logged.variables)
        body = {"data": data, "extensions": {"cost": self.bucket.cost(cost, cost)}}
        return Reply(200, body, lost=any(each.lost for each in faults), slow_seconds=slow)

    def _refused_for_cost(self, logged: LoggedCall, cost: int) -> Reply | None:
        if not logged.is_write and cost > QUERY_COST_MAX:
            return _error("MAX_COST_EXCEEDED", "Query cost exceeds the single query max cost limit")
        if self.bucket.take(cost):
            return None
        logged.outcome = "throttled"
        reply = _error("THROTTLED", "Throttled")
        reply.body["extensions"] = {"cost": self.bucket.cost(cost, None)}
        return reply

    def _run(self, field: Field, logged: LoggedCall, token: str) -> Any:
        if not logged.is_write:
            return queries(self.shop, self.hooks, self.shop.tokens[token])[field.name](field.arguments)
        if field.key is None:
            return self._mutate(field)
        sent = json.dumps([field.name, field.arguments], sort_keys=True)
        known = self._answered.get(field.key)
        if known is None:
            known = self._answered[field.key] = (sent, self._mutate(field))
        elif known[0] != sent:
            return _refused("the key was used with other parameters", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH")
        elif known[1].get("userErrors"):
            return _refused("the previous attempt failed", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")
        return known[1]

    def _mutate(self, field: Field) -> dict[str, Any]:
        try:
            made: dict[str, Any] = self._mutations[field.name](field.arguments)
        except Refused as refused:
            return {"userErrors": [refused.entry]}
        return {"userErrors": [], **made}

    def _fulfil(self, asked: dict[str, Any]) -> Any:
        return {"fulfillment": {"id": self.trade.fulfil(asked["fulfillment"]).id, "status": "SUCCESS"}}

    def _uninstall(self, _: dict[str, Any]) -> Any:
        self.shop.uninstalled = True
        self.hooks.subscriptions.clear()
        return {"app": {"id": "gid://shopify/App/1"}}

    def _subscribe(self, asked: dict[str, Any]) -> Any:
        given = asked["webhookSubscription"]
        known = [
            each
            for each in self.hooks.subscriptions.values()
            if (each.topic, each.uri) == (asked["topic"], given["uri"])
        ]
        if known:
            raise Refused("Address for this topic has already been taken", ["webhookSubscription", "callbackUrl"])
        return {"webhookSubscription": self.hooks.create(asked["topic"], given).view()}

    def _unsubscribe(self, asked: dict[str, Any]) -> Any:
        if self.hooks.subscriptions.pop(asked["id"], None) is None:
            raise Refused("Webhook subscription does not exist", ["id"])
        return {"deletedWebhookSubscriptionId": asked["id"]}


async def waited(reply: Reply) -> Reply:
    """The reply, as late as it was told to be."""
    if reply.slow_seconds:
        await asyncio.sleep(reply.slow_seconds)
    return reply


def _refusal(faults: list[Fault]) -> Reply | None:
    for each in faults:
        if each.status is not None:
            return Reply(each.status, {"errors": f"told to answer {each.status}"})
        if each.code is not None:
            return _error(each.code, f"told to answer {each.code}")
    return None


def _error(code: str, message: str) -> Reply:
    return Reply(200, {"errors": [{"message": message, "extensions": {"code": code}}]})


def _refused(message: str, code: str) -> dict[str, Any]:
    return {"userErrors": [{"message": message, "field": None, "code": code}]}


def _projected(made: Any, field: Field, variables: dict[str, Any]) -> Any:
    if isinstance(made, dict) and made.get("userErrors") is not None:
        made = _Absent(made)
    return project(made, field.node.selection_set, variables)


class _Absent(dict[str, Any]):
    """A mutation's payload: what it did not make is null."""

    def __missing__(self, name: str) -> None:
        return None
