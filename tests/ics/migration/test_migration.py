"""Documents of an earlier release: the jobs add what they lack, and change nothing that callers see."""

from typing import Any

from chassis.caller import SYSTEM, Call
from chassis.jobs.declaration import NoParams
from chassis.mongo.rederive import rederive
from chassis.testing.client import ServiceClient
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.migration.jobs import recount_serials
from services.ics.reservation.store import RESERVATIONS
from services.ics.serial.store import SERIALS
from tests.ics.floor import Floor
from tests.ics.ledger.test_audit import audit


async def test_fields_that_lookups_need_are_added_and_revisions_stay(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.policy(qc="skip", backorder_limit=5)
    await floor.receive(2, serials=["S1", "S2"])
    made = await floor.reserve(4)
    database = ics.application.runtime.database
    promises, entries = (database.collection(each.collection) for each in (RESERVATIONS, ENTRIES))
    before = await promises.find({"_id": made["reservation_id"]})
    ids = [each["entry_id"] for each in await floor.cards(serial_no="S1")]
    await promises.update_one({"_id": made["reservation_id"]}, {"$unset": {"queue": ""}})
    for entry_id in ids:
        await entries.update_one({"_id": entry_id}, {"$set": {"refs": ["f:FAC-A"]}})
    assert await floor.cards(serial_no="S1", logical_guid=None) == []

    found = await rederive(database, [ENTRIES, RESERVATIONS])
    assert found.corrected == 1 + len(ids)
    assert await promises.find({"_id": made["reservation_id"]}) == before
    assert [each["entry_id"] for each in await floor.cards(serial_no="S1", logical_guid=None)] == ids
    assert (await rederive(database, [ENTRIES, RESERVATIONS])).corrected == 0
    await floor.receive(2, serials=["S3", "S4"])
    assert (await floor.totals())[0] == 0


async def test_serials_of_an_earlier_release_are_counted(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.policy(qc="skip")
    await floor.receive(3, serials=["S1", "S2", "S3"], lot_code="L-A", expiry_date="2031-01-01")
    database = ics.application.runtime.database
    items, serials = (database.collection(each.collection) for each in (ITEMS, SERIALS))
    assert ics.caller is not None
    ours = {"orgcode": ics.caller.orgcode}
    (item,) = [each for each in await items.find(ours) if each["variant_id"] == "V1"]
    marks = ("serials", "blocked", "dated")
    old: list[Any] = [{name: value for name, value in cell.items() if name not in marks} for cell in item["cells"]]
    await items.update_one({"_id": item["_id"]}, {"$set": {"cells": old}})
    (unit,) = await serials.find({**ours, "serial_no": "S2"})
    await serials.update_one({"_id": unit["_id"]}, {"$set": {"lot_code": None}})
    assert len((await audit(ics)).differences) > 0

    call = Call(caller=SYSTEM, name="recount-serials", request_id="r", started_utc=floor_now(ics))
    first: Any = await recount_serials(ics.application.runtime.units, call, NoParams())
    assert first.corrected == 1
    assert (await audit(ics)).differences == []
    again: Any = await recount_serials(ics.application.runtime.units, call, NoParams())
    assert again.corrected == 0
    await floor.do("/adjustment/create", variant_id="V1", delta=-1, serials=["S2"], reason_code="loss")


def floor_now(ics: ServiceClient) -> Any:
    return ics.application.runtime.clock.now()
