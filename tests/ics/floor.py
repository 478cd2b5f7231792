"""A day on the floor, in a word each: what scenarios and feature tests ask of ICS again and again."""

from typing import Any

from chassis.testing.client import ServiceClient, TestAnswer
from services.ics.serial.store import SERIALS

BUCKETS = ("available", "quarantine", "damaged", "consignment", "reserved", "committed", "in_transit")


class Floor:
    """One variant in one facility, worked on through the endpoints; what fails that should not ends the test."""

    def __init__(self, ics: ServiceClient, variant_id: str, channel: str = "WEB") -> None:
        self.ics = ics
        self.variant_id = variant_id
        self.channel = channel

    async def ask(self, path: str, **body: Any) -> TestAnswer:
        """A call, whatever becomes of it."""
        return await self.ics.post(path, **body)

    async def do(self, path: str, **body: Any) -> Any:
        """The data of a call that succeeds."""
        answer = await self.ics.post(path, **body)
        assert answer.status == 200, (path, body, answer)
        return answer.data

    async def receive(self, quantity: int, **line: Any) -> Any:
        """Take units in; the receipt."""
        lines = [{"variant_id": self.variant_id, "quantity": quantity, **line}]
        return (await self.do("/receive/record", lines=lines))["receive"]

    async def policy(self, **values: Any) -> Any:
        """Set the variant's policy."""
        return (await self.do("/stock/policy/set", variant_id=self.variant_id, **values))["policy"]

    async def stocked(self, quantity: int, **line: Any) -> None:
        """Take units in that are available at once."""
        receipt = await self.receive(quantity, **line)
        if receipt["status"] != "completed":
            await self.do("/qc/complete", receive_id=receipt["receive_id"], expected_revision=receipt["revision"])

    async def reserve(self, quantity: int, **body: Any) -> Any:
        """Promise units for a while; the reservation."""
        answer = await self.do(
            "/reservation/create",
            variant_id=self.variant_id,
            quantity=quantity,
            **({"channel_code": self.channel} | body),
        )
        return answer["reservation"]

    async def commit(self, quantity: int, **body: Any) -> Any:
        """Commit units with no promise before it; the commit."""
        answer = await self.do(
            "/commit/create-direct",
            variant_id=self.variant_id,
            quantity=quantity,
            **({"channel_code": self.channel, "order_ref": "O-1"} | body),
        )
        return answer["commit"]

    async def send(self, quantity: int, facility: str) -> Any:
        """Send units on their way to another facility; the shipment."""
        lanes = {"from_logical_guid": self.ics.facility, "to_logical_guid": facility}
        lines = [{"variant_id": self.variant_id, "quantity": quantity}]
        transfer = (await self.do("/transfer/request/create", **lanes, lines=lines))["transfer"]
        named = {"transfer_id": transfer["transfer_id"]}
        await self.do("/transfer/request/submit", **named, expected_revision=1)
        await self.do("/transfer/request/approve", **named, expected_revision=2)
        return (await self.do("/transfer/shipment/record", **named, expected_revision=3))["shipment"]

    async def stock(self) -> Any:
        """What stock/get shows."""
        return (await self.do("/stock/get", variant_id=self.variant_id))["stock"]

    async def totals(self) -> tuple[int, ...]:
        """The seven totals in account order, then on hand."""
        stock = await self.stock()
        return (*(stock["buckets"][bucket] for bucket in BUCKETS), stock["on_hand"])

    async def promisable(self, channel: str | None = "WEB") -> int:
        """What a promise on a channel (None: no channel asked) may ask for."""
        named = {"channel_code": channel} if channel is not None else {}
        answer = await self.do("/atp/query", variant_ids=[self.variant_id], **named)
        return int(answer["items"][0]["promisable"])

    async def at(self, bucket: str, **place: Any) -> int:
        """Units of a bucket at a place, by stock/get's positions."""
        stock = await self.stock()
        return sum(
            each["quantity"]
            for each in stock["positions"]
            if each["bucket"] == bucket and all(each[name] == value for name, value in place.items())
        )

    async def cards(self, **filters: Any) -> list[dict[str, Any]]:
        """All entries of the item that the filters fit, oldest first."""
        asked = {"variant_id": self.variant_id, "logical_guid": self.ics.facility, "order": "oldest", **filters}
        found: list[dict[str, Any]] = []
        token = None
        while True:
            page = await self.do("/stock/card/list", **asked, limit=256, **({"next_token": token} if token else {}))
            found += page["items"]
            token = page["next_token"]
            if token is None:
                return found

    async def external(self, name: str) -> int:
        """The balance of an external account, over all facilities."""
        entries = await self.cards(logical_guid=None)
        return sum(
            entry["quantity"] * (1 if entry["to_account"]["external"] == name else -1)
            for entry in entries
            if name in {entry["from_account"]["external"], entry["to_account"]["external"]}
        )

    async def serial(self, serial_no: str) -> Any:
        """What is known of a single unit, as it is stored."""
        return await self._numbered("serial", serial_no)

    async def block(self, lot_code: str) -> None:
        """Block a lot behind the service's back: how it is done properly is tested elsewhere."""
        lot = await self._numbered("batch", lot_code)
        await self._serials().update_one({"_id": lot["_id"]}, {"$set": {"blocked": True}})

    async def _numbered(self, kind: str, number: str) -> Any:
        assert self.ics.caller is not None
        asked = {"orgcode": self.ics.caller.orgcode, "variant_id": self.variant_id, "kind": kind, "number": number}
        (unit,) = await self._serials().find(asked)
        return unit

    def _serials(self) -> Any:
        return self.ics.application.runtime.database.collection(SERIALS.collection)
