import asyncio
from random import Random
from typing import Any

from chassis.caller import SYSTEM, Call
from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from services.ics.ledger.jobs import AuditAnswer, AuditParams, audit_ledger
from services.ics.ledger.store import ITEMS
from tests.ics.floor import Floor

VARIANTS = ("VAR-A", "VAR-B")


async def audit(ics: ServiceClient, **params: Any) -> AuditAnswer:
    """What the auditor finds in the client's org."""
    assert ics.caller is not None
    units = ics.application.runtime.units
    call = Call(caller=SYSTEM, name="audit-ledger", request_id="audit", started_utc=ics.application.runtime.clock.now())
    found = await audit_ledger(units, call, AuditParams(orgcode=ics.caller.orgcode, **params))
    assert isinstance(found, AuditAnswer)
    return found


class Worker:
    """Someone on the floor who does whatever comes to mind, and takes a refusal as it comes."""

    def __init__(self, ics: ServiceClient, zone_id: str, seed: int) -> None:
        self.ics = ics
        self.zone_id = zone_id
        self.random = Random(seed)
        self.promises: list[tuple[str, dict[str, Any]]] = []
        self.done = 0

    async def work(self, calls: int) -> None:
        for _ in range(calls):
            kind = self.random.choice(("receive", "reserve", "commit", "put_away", "adjust", "next", "next", "next"))
            answer = await getattr(self, kind)(self.random.choice(VARIANTS), self.random.randint(1, 6))
            if answer is not None:
                assert answer.status in {200, 409}, answer
                self.done += answer.status == 200

    async def receive(self, variant: str, quantity: int) -> Any:
        lines = [{"variant_id": each, "quantity": quantity} for each in (variant, *VARIANTS)]
        return await self.ics.post("/receive/record", lines=lines)

    async def reserve(self, variant: str, quantity: int) -> Any:
        body: dict[str, Any] = {"variant_id": variant, "quantity": quantity, "channel_code": "WEB", "ttl_seconds": 3600}
        answer = await self.ics.post("/reservation/create", **body)
        if answer.status == 200:
            self.promises.append(("reservation", answer.data["reservation"]))
        return answer

    async def commit(self, variant: str, quantity: int) -> Any:
        body: dict[str, Any] = {"variant_id": variant, "quantity": quantity, "channel_code": "WEB", "order_ref": "O-1"}
        answer = await self.ics.post("/commit/create-direct", **body)
        if answer.status == 200:
            self.promises.append(("commit", answer.data["commit"]))
        return answer

    async def put_away(self, variant: str, quantity: int) -> Any:
        return await self.ics.post("/putaway/record", variant_id=variant, quantity=quantity, to_zone_id=self.zone_id)

    async def adjust(self, variant: str, quantity: int) -> Any:
        body: dict[str, Any] = {"variant_id": variant, "delta": -quantity, "reason_code": "loss"}
        return await self.ics.post("/adjustment/create", **body)

    async def next(self, _: str, quantity: int) -> Any:
        """Take one of the own promises a step on."""
        if not self.promises:
            return None
        kind, promise = self.promises.pop(self.random.randrange(len(self.promises)))
        if kind == "reservation":
            named = {"reservation_id": promise["reservation_id"], "expected_revision": promise["revision"]}
            if self.random.random() < 0.5:
                return await self.ics.post("/reservation/release", **named)
            answer = await self.ics.post("/commit/create", **named, order_ref="O-1")
        else:
            named = {"commit_id": promise["commit_id"], "expected_revision": promise["revision"]}
            stage = next((one for one in ("open", "picked") if promise[one]), None)
            if stage is None:
                return None
            if stage == "open":
                answer = await self.ics.post("/pick/record", **named, quantity=min(quantity, promise["open"]))
            else:
                units = min(quantity, promise["picked"])
                answer = await self.ics.post("/ship/record", **named, quantity=units, from_stage="picked")
        if answer.status == 200:
            self.promises.append(("commit", answer.data["commit"]))
        return answer


async def test_what_many_do_at_once_leaves_the_books_straight(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-A")
    await floor.do("/stock/policy/set", qc="skip", backorder_limit=5)
    zone = (await floor.do("/zone/create", code="PCK", purpose="pick"))["zone"]["zone_id"]
    workers = [Worker(ics, zone, seed) for seed in range(12)]

    await asyncio.gather(*(worker.work(25) for worker in workers))

    found = await audit(ics)
    assert found.differences == []
    assert found.items_checked == len(VARIANTS)
    assert found.entries_checked == sum([len(await Floor(ics, variant).cards()) for variant in VARIANTS])
    assert sum(worker.done for worker in workers) > 100


async def test_the_audit_finds_a_balance_that_was_tampered_with(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-A")
    await floor.stocked(5)
    await floor.reserve(2)
    assert (await audit(ics)).differences == []

    items = ics.application.runtime.database.collection(ITEMS.collection)
    assert ics.caller is not None
    await items.update_one({"_id": f"{ics.caller.orgcode}/FAC-A/VAR-A"}, {"$set": {"available": 7}})

    found = (await audit(ics)).differences
    assert {(each.variant_id, each.what, each.booked, each.kept) for each in found} == {
        ("VAR-A", "available", "3", "7"),
        ("VAR-A", "on_hand", "5", "9"),
    }


async def test_the_audit_looks_where_it_is_told_to(ics: ServiceClient) -> None:
    await Floor(ics, "VAR-A").stocked(5)
    await Floor(ics.in_facility("FAC-B"), "VAR-B").stocked(5)

    assert (await audit(ics)).items_checked == 2
    assert (await audit(ics, variant_id="VAR-B")).items_checked == 1
    assert (await audit(ics, logical_guid="FAC-C")).items_checked == 0
