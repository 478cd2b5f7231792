"""Calls of VisualGrid's rows through the gateway, and the world they are tried in."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Self

import aiohttp

from tests.ops.vacuum.stack import Operator, Shop

ORG = "GRID0001"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class World(NamedTuple):
    """A running stack and what was done in it: one variant was received, reserved and allocated to an order."""

    operator: Operator
    shop: Shop
    zone: dict[str, Any]
    reservation: dict[str, Any]

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        return f"http://127.0.0.1:{self.operator.stack.running['gateway'].http_port}"


async def a_world(operator: Operator) -> World:
    """Trade a little, once with a known trace."""
    shop = await operator.an_org(ORG)
    await shop.trade(2)
    zone = await _done(shop, "/ics/zone/create", code="TRACED")
    shop.headers["traceparent"] = f"00-{TRACE}-00f067aa0ba902b7-01"
    made = await _done(shop, "/ics/reservation/create", variant_id="V-0", quantity=2, idempotency_key="traced")
    del shop.headers["traceparent"]
    return World(operator=operator, shop=shop, zone=zone["zone"], reservation=made["reservation"])


async def _done(shop: Shop, path: str, **body: Any) -> dict[str, Any]:
    status, _, envelope = await shop.ask(path, **body)
    assert status == 200, envelope
    data: dict[str, Any] = envelope["data"]
    return data


class Reply(NamedTuple):
    """Status, headers and envelope of an answer."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def data(self) -> Any:
        """What a successful call answers."""
        assert self.status == 200, self
        return self.body["data"]

    @property
    def error(self) -> tuple[int, str]:
        """Status and tag of a refusal."""
        return self.status, self.body["error"]["tag"]


class Explorer:
    """An operator with an HTTP session of their own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.token = ""

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def sign_in(self, code: Any) -> Reply:
        """Ask for a token, and keep it."""
        reply = await self.post("root/auth", secret_code=code)
        if reply.status == 200:
            self.token = reply.data["token"]
        return reply

    async def post(self, row: str, *, headers: Any = None, **body: Any) -> Reply:
        """POST these fields to a row, with the token in the header unless told otherwise."""
        return await self.send("POST", row, headers=headers, json=body)

    async def get(self, row: str, *, headers: Any = None, **query: str) -> Reply:
        """GET a row."""
        return await self.send("GET", row, headers=headers, params=query)

    async def send(self, method: str, row: str, *, headers: Any = None, **options: Any) -> Reply:
        """Call a row."""
        sent = headers if headers is not None else {"x-vg-token": self.token} if self.token else {}
        url = f"{self.world.url}/visualgrid/{row}"
        async with self._http.request(method, url, headers=sent, **options) as answer:
            return Reply(answer.status, dict(answer.headers), await answer.json())

    async def pages(self, *, next_token: str | None = None, **body: Any) -> AsyncIterator[dict[str, Any]]:
        """Every page of a listing, from a token on."""
        token = next_token
        while True:
            page = (await self.post("node/children", **body, next_token=token)).data
            yield page
            token = page["next_token"]
            if token is None:
                return

    async def every(self, **body: Any) -> list[dict[str, Any]]:
        """The nodes of every page of a listing."""
        return [item["node"] async for page in self.pages(**body) for item in page["items"]]

    async def one(self, table: str, record_id: str, kind: str = "") -> dict[str, Any]:
        """The node of a table with an id; `kind` tells records of several kinds apart."""
        words = f"id:{record_id} entity:{kind}" if kind else f"id:{record_id}"
        (item,) = (await self.post("node/children", table=table, filter=words)).data["items"]
        node: dict[str, Any] = item["node"]
        return node


def ref_of(node: dict[str, Any]) -> dict[str, str]:
    """Table and keys of a node, as the rows take them."""
    keys = node["ddb_keys"]
    return {"table": node["metadata"]["table"], "pk": keys["PK"], "sk": keys["SK"]}
