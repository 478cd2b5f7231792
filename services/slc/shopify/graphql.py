"""Sending GraphQL operations to shops: address, token, points, waits, and what is counted."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import msgspec

from chassis.outgoing.client import HttpClient
from chassis.outgoing.message import OutgoingAnswer, OutgoingFailed
from chassis.outgoing.retries import retry_after
from services.slc.shopify.answers import ShopAnswer, read_answer
from services.slc.shopify.bucket import PointBucket
from services.slc.shopify.documents import DOCUMENTS
from services.slc.shopify.errors import NoAnswer, ShopRefused, ShopThrottled
from services.slc.shopify.words import CallOutcome, ShopCall

PEER = "shopify"


class GraphQl:
    """The Admin API of all shops. `url` holds `{shop}`; `seconds` is how long one request may take."""

    def __init__(self, http: HttpClient, url: str, version: str, seconds: float) -> None:
        self._http = http
        self._url = url
        self._version = version
        self._seconds = seconds
        self._buckets: dict[str, PointBucket] = {}

    def address(self, shop_domain: str, path: str) -> str:
        """An address of a shop."""
        return self._url.replace("{shop}", shop_domain) + path

    def session(self, shop_domain: str, token: str, *, reserve_percent: int, patience_seconds: float) -> "Session":
        """A session with one shop. Calls wait for points up to `patience_seconds` each."""
        bucket = self._buckets.setdefault(shop_domain, PointBucket())
        return Session(self, bucket, shop_domain, token, reserve_percent, patience_seconds)

    async def post(self, shop_domain: str, token: str, operation: str, variables: Mapping[str, Any]) -> OutgoingAnswer:
        """Send an operation once. Raises `OutgoingFailed`."""
        return await self._http.request(
            "POST",
            self.address(shop_domain, f"/admin/api/{self._version}/graphql.json"),
            peer=PEER,
            headers={"X-Shopify-Access-Token": token, "Accept": "application/json"},
            json={"query": DOCUMENTS[operation], "variables": variables, "operationName": operation},
            seconds=self._seconds,
            # Whether a call may be made again is for its caller to decide, who knows what it has stored.
            idempotent=False,
        )


class Session:
    """Calls to one shop with one token; `calls` holds what was sent."""

    def __init__(
        self, graphql: GraphQl, bucket: PointBucket, shop_domain: str, token: str, reserve_percent: int, patience: float
    ) -> None:
        self.graphql = graphql
        self.shop_domain = shop_domain
        self.token = token
        self.calls: list[ShopCall] = []
        self._bucket = bucket
        self._reserve_percent = reserve_percent
        self._patience = patience

    async def execute(self, operation: str, **variables: Any) -> Mapping[str, Any]:
        """The data of an operation. Raises `ShopFailed`, and `ShopRefused` for userErrors."""
        sent = msgspec.to_builtins(variables)
        patient_until = monotonic() + self._patience
        while True:
            await self._wait(self._bucket.wait(operation, monotonic(), self._reserve_percent), patient_until)
            answer, wait = await self._once(operation, sent)
            if not answer.throttled:
                break
            await self._wait(wait, patient_until)
        if answer.failure is not None:
            raise answer.failure
        assert answer.data is not None
        if answer.user_errors:
            raise ShopRefused(operation, answer.user_errors, answer.data)
        return answer.data

    async def _wait(self, seconds: float, patient_until: float) -> None:
        if seconds <= 0:
            return
        if monotonic() + seconds > patient_until:
            raise ShopThrottled("the shop has no points for this call now", seconds)
        await asyncio.sleep(seconds)

    async def _once(self, operation: str, variables: Mapping[str, Any]) -> tuple[ShopAnswer, float]:
        """One request, and how long to wait if it was refused for cost."""
        taken, began = self._bucket.begin(operation), monotonic()
        headers: Mapping[str, str] = {}
        answer = ShopAnswer(failure=NoAnswer("the call was cut off"))
        try:
            said = await self.graphql.post(self.shop_domain, self.token, operation, variables)
            headers = said.headers
            answer = read_answer(said.status, said.body)
        except OutgoingFailed as failure:
            answer = ShopAnswer(failure=NoAnswer(str(failure)))
        finally:
            ended = monotonic()
            cost = answer.cost
            self._bucket.end(operation, taken, cost.requested_query_cost, cost.throttle_status, ended)
            self.calls.append(_call(operation, answer, ended - began, headers.get("X-Request-ID")))
        said_wait = retry_after(headers, datetime.now(UTC)) if answer.throttled else None
        return answer, self._bucket.refused(operation, ended, said_wait) if answer.throttled else 0.0


def _call(operation: str, answer: ShopAnswer, seconds: float, request_id: str | None) -> ShopCall:
    return ShopCall(
        operation=operation,
        outcome=_outcome(answer),
        seconds=seconds,
        request_id=request_id,
        cost=answer.cost.actual_query_cost,
        user_errors=answer.user_errors,
    )


def _outcome(answer: ShopAnswer) -> CallOutcome:
    if answer.throttled:
        return "throttled"
    if answer.failure is not None:
        return "failed"
    return "refused" if answer.user_errors else "done"
