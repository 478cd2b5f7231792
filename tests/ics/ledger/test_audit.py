import asyncio
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from chassis.caller import SYSTEM, Call
from chassis.clock import FixedClock, later
from chassis.testing.client import ServiceClient
from services.ics.demand.store import SHIPPED, shipped_id_of
from services.ics.ledger import auditing
from services.ics.ledger import jobs as ledger_jobs
from services.ics.ledger.jobs import AuditAnswer, AuditParams, audit_ledger
from services.ics.ledger.store import BIN_UNITS, ENTRIES, ITEMS, PROMISES
from services.ics.serial.store import SERIALS
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


class Damage:
    """A ledger with a little of everything in it, and what somebody does to its records behind the service's back."""

    def __init__(self, ics: ServiceClient) -> None:
        assert ics.caller is not None
        self.ics = ics
        self.org = ics.caller.orgcode
        self.bin_id = ""
        self.reservation: Any = None
        self.shipped: Any = None

    async def prepare(self) -> None:
        """Seven units in a bin that takes ten, of which two are reserved, one is picked and one has shipped."""
        floor = Floor(self.ics, "VAR-A")
        await floor.do("/stock/policy/set", qc="skip")
        zone = (await floor.do("/zone/create", code="PCK"))["zone"]["zone_id"]
        self.bin_id = (await floor.do("/bin/create", zone_id=zone, code="P-01", capacity=10))["bin"]["bin_id"]
        await floor.stocked(7, bin_id=self.bin_id)
        self.reservation = await floor.reserve(2)
        commit = await floor.commit(2)
        named = {"commit_id": commit["commit_id"]}
        await floor.do("/ship/record", **named, expected_revision=1, quantity=1, from_stage="open")
        await floor.do("/pick/record", **named, expected_revision=2, quantity=1)
        (self.shipped,) = await floor.cards(kind="ship")

    async def do(self, collection: str, record_id: str, **fields: Any) -> None:
        """Set fields of one record."""
        records = self.ics.application.runtime.database.collection(collection)
        assert (await records.update_one({"_id": record_id}, {"$set": fields}))[0] == 1

    async def remove(self, collection: str, record_id: str) -> None:
        """Remove one record."""
        records = self.ics.application.runtime.database.collection(collection)
        assert await records.delete_many({"_id": record_id}) == 1

    async def found(self) -> set[tuple[str, str, str]]:
        """What the audit makes of it: what differs, what is booked and what is kept."""
        return {(each.what, each.booked, each.kept) for each in (await audit(self.ics)).differences}


@pytest_asyncio.fixture(loop_scope="module")
async def damage(ics: ServiceClient) -> Damage:
    """Books that are straight so far."""
    damage = Damage(ics)
    await damage.prepare()
    assert await damage.found() == set()
    return damage


async def test_the_audit_finds_a_bucket_no_entry_ever_touched(damage: Damage) -> None:
    await damage.do(ITEMS.collection, f"{damage.org}/FAC-A/VAR-A", in_transit=3)
    assert await damage.found() == {("in_transit", "0", "3")}


async def test_the_audit_finds_stages_that_add_up_to_the_right_sum(damage: Damage) -> None:
    await damage.do(ITEMS.collection, f"{damage.org}/FAC-A/VAR-A", open=1, picked=0)
    assert await damage.found() == {("open", "0", "1"), ("picked", "1", "0")}


async def test_the_audit_finds_a_lot_of_which_more_is_on_its_way_than_was_sent(damage: Damage) -> None:
    floor = Floor(damage.ics, "VAR-B")
    await floor.stocked(3, lot_code="L-1")
    await floor.send(3, "FAC-B")
    coming = [{"lot_code": "L-1", "units": 9}]
    await damage.do(ITEMS.collection, f"{damage.org}/FAC-B/VAR-B", coming=coming)
    assert await damage.found() == {("coming L-1", "3", "9")}


async def test_the_audit_finds_a_bin_whose_units_are_miscounted(damage: Damage) -> None:
    await damage.do(BIN_UNITS.collection, damage.bin_id, units=9)
    assert await damage.found() == {(f"units in bin {damage.bin_id}", "5", "9")}
    (difference,) = (await audit(damage.ics, logical_guid="FAC-A")).differences
    assert (difference.logical_guid, difference.variant_id) == ("FAC-A", None)


async def test_the_audit_finds_a_bin_whose_units_are_not_counted_at_all(damage: Damage) -> None:
    await damage.remove(BIN_UNITS.collection, damage.bin_id)
    assert await damage.found() == {(f"units in bin {damage.bin_id}", "5", "0")}


async def test_the_audit_finds_units_counted_in_a_bin_nothing_lies_in(damage: Damage) -> None:
    floor = Floor(damage.ics, "VAR-A")
    zone = (await floor.do("/zone/create", code="OVR"))["zone"]["zone_id"]
    await floor.do("/putaway/record", variant_id="VAR-A", quantity=5, from_bin_id=damage.bin_id, to_zone_id=zone)
    await damage.do(BIN_UNITS.collection, damage.bin_id, units=2)
    assert await damage.found() == {(f"units in bin {damage.bin_id}", "0", "2")}


async def test_the_audit_finds_a_day_whose_demand_is_miscounted(damage: Damage) -> None:
    await damage.do(
        SHIPPED.collection, shipped_id_of(damage.org or "", "VAR-A", "FAC-A", "WEB", "2026-03"), days=[0, 4]
    )
    assert await damage.found() == {("shipped on 2026-03-02 by WEB", "1", "4")}


async def test_the_audit_finds_a_promise_that_would_never_lapse(damage: Damage, clock: FixedClock) -> None:
    await damage.do(ITEMS.collection, f"{damage.org}/FAC-A/VAR-A", lapse_utc=None)
    lapses = later(clock.now(), 900)
    assert await damage.found() == {("lapse_utc", f"at most {lapses}", "None")}


async def test_the_audit_finds_a_holder_who_has_more_than_the_books_say(damage: Damage) -> None:
    held = {"quantity": 3, "bin_id": damage.bin_id, "zone_id": damage.reservation["positions"][0]["zone_id"]}
    await damage.do(PROMISES.collection, damage.reservation["reservation_id"], positions=[held])
    ((what, booked, kept),) = await damage.found()
    assert what.startswith(f"holder ('{damage.reservation['reservation_id']}'")
    assert (booked, kept) == ("2", "3")


async def test_the_audit_finds_an_entry_that_was_altered(damage: Damage) -> None:
    await damage.do(ENTRIES.collection, damage.shipped["entry_id"], quantity=2)
    assert ("on_hand", "5", "6") in await damage.found()
    assert ("shipped on 2026-03-02 by WEB", "2", "1") in await damage.found()


async def test_the_audit_finds_an_entry_that_is_gone(damage: Damage) -> None:
    await damage.remove(ENTRIES.collection, damage.shipped["entry_id"])
    seq = damage.shipped["from_account"]["seq"]
    assert ("seq", str(seq), f"[{seq + 1}]") in await damage.found()


async def test_the_audit_looks_where_it_is_told_to(ics: ServiceClient) -> None:
    await Floor(ics, "VAR-A").stocked(5)
    await Floor(ics.in_facility("FAC-B"), "VAR-B").stocked(5)

    assert (await audit(ics)).items_checked == 2
    assert (await audit(ics, variant_id="VAR-B")).items_checked == 1
    assert (await audit(ics, logical_guid="FAC-C")).items_checked == 0


async def stocked(ics: ServiceClient, variants: int) -> None:
    """An item for each variant, with two serials each."""
    for number in range(variants):
        floor = Floor(ics, f"VAR-{number:03}")
        await floor.policy(qc="skip")
        await floor.receive(2, serials=[f"S{number}-1", f"S{number}-2"])


async def test_an_audit_that_was_cut_off_goes_on_where_it_stopped(
    ics: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stocked(ics, 5)
    read: list[str] = []
    real = auditing.replay_all

    async def cut(units: Any, call: Call, items: Any) -> Any:
        read.extend(item.variant_id for item in items)
        if len(read) == 4:
            raise ConnectionError("cut off")
        return await real(units, call, items)

    monkeypatch.setattr(ledger_jobs, "ITEMS_AT_ONCE", 2)
    monkeypatch.setattr(ledger_jobs, "replay_all", cut)
    with pytest.raises(ConnectionError):
        await audit(ics)
    found = await audit(ics)
    assert (found.items_checked, found.entries_checked, found.differences) == (5, 5, [])
    # The pair that was cut off is read again, the first one is not.
    assert read == [f"VAR-{number:03}" for number in (0, 1, 2, 3, 2, 3, 4)]
    assert (await audit(ics)).items_checked == 5


async def test_an_audit_of_what_changed_leaves_out_what_was_audited(ics: ServiceClient, clock: FixedClock) -> None:
    await stocked(ics, 3)
    assert (await audit(ics, changed=True)).items_checked == 3
    clock.advance(3600)
    assert (await audit(ics)).items_checked == 3
    clock.advance(3600)
    await Floor(ics, "VAR-001").receive(1, serials=["S1-3"])
    found = await audit(ics, changed=True)
    assert (found.items_checked, found.entries_checked) == (1, 2)
    assert (await audit(ics, variant_id="VAR-002")).items_checked == 1


async def test_a_serial_that_is_not_where_it_is_counted_is_found(ics: ServiceClient) -> None:
    await stocked(ics, 1)
    assert (await audit(ics)).differences == []
    assert ics.caller is not None
    serials = ics.application.runtime.database.collection(SERIALS.collection)
    (unit,) = await serials.find({"orgcode": ics.caller.orgcode, "serial_no": "S0-1"})
    await serials.update_one({"_id": unit["_id"]}, {"$set": {"blocked": True}})
    (uncounted,) = (await audit(ics)).differences
    assert (uncounted.booked, uncounted.kept) == ("1", "0")
    assert uncounted.what.startswith("serials blocked at ")
    await serials.update_one({"_id": unit["_id"]}, {"$set": {"blocked": False, "status": "damaged"}})
    whats = sorted(each.what.split(" at ")[0] for each in (await audit(ics)).differences)
    moved = ["serial S0-1 in damaged", "serial S0-1 in shelf", "serials damaged_serials", "serials serials"]
    assert whats == sorted([*moved, "serials beyond the units of damaged"])
