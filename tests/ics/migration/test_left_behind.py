"""Items of an earlier release with more serials than units: it let units without a name leave their serials behind."""

from typing import Any

from chassis.testing.client import ServiceClient
from services.ics.ledger.store import ENTRIES
from services.ics.serial.store import SERIALS
from tests.ics.floor import Floor
from tests.ics.ledger.test_audit import audit
from tests.ics.migration.before import store_as_before
from tests.ics.migration.test_migration import migrate


async def migrated(floor: Floor, zone_id: str, leaving: int) -> None:
    """S1, S2 and S3 in a zone, of which some units have left without their names, as this release finds them."""
    database = floor.ics.application.runtime.database
    serials, entries = database.collection(SERIALS.collection), database.collection(ENTRIES.collection)
    await floor.policy(qc="skip")
    await floor.receive(3, zone_id=zone_id, serials=["S1", "S2", "S3"])
    ours = {"orgcode": floor.ics.caller.orgcode if floor.ics.caller else "", "variant_id": floor.variant_id}
    before = await serials.find(ours)
    lost = {"variant_id": floor.variant_id, "delta": -leaving, "reason_code": "loss"}
    (left,) = (await floor.do("/adjustment/create", **lost))["adjustment"]["entries"]
    for unit in before:
        kept = {name: value for name, value in unit.items() if name != "_id"}
        await serials.update_one({"_id": unit["_id"]}, {"$set": kept})
    await entries.update_one({"_id": left["entry_id"]}, {"$set": {"serials": []}})
    await store_as_before(floor.ics)
    await migrate(floor.ics)


async def zone_of(floor: Floor) -> str:
    return str((await floor.do("/zone/create", code="Z"))["zone"]["zone_id"])


async def beyond(ics: ServiceClient) -> list[tuple[str, str]]:
    """What the audit finds, and how many serials are too many."""
    return [(each.what.split(" at ")[0], each.booked) for each in (await audit(ics)).differences]


async def counted(floor: Floor, zone_id: str, *serials: str) -> Any:
    """Count the zone, name the serials that are there, and approve; the line."""
    lines = [{"variant_id": floor.variant_id, "zone_id": zone_id}]
    count = (await floor.do("/count/create", lines=lines))["count"]
    seen = {"line_no": 1, "counted": len(serials), "serials": serials}
    count = (await floor.do("/count/submit", count_id=count["count_id"], expected_revision=1, lines=[seen]))["count"]
    await floor.do("/count/approve", count_id=count["count_id"], expected_revision=2)
    return count["lines"][0]


async def statuses(floor: Floor) -> list[str]:
    return [(await floor.serial(serial_no))["status"] for serial_no in ("S1", "S2", "S3")]


async def block(floor: Floor, serial_no: str, *, blocked: bool) -> None:
    unit = (await floor.do("/serial/lookup", serial_no=serial_no))["items"][0]
    named = {"serial_id": unit["serial_id"], "expected_revision": unit["revision"]}
    await floor.do("/serial/update", **named, blocked=blocked, **({"block_reason": "recall"} if blocked else {}))


async def test_a_count_that_names_who_is_there_puts_it_right(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone_id = await zone_of(floor)
    await migrated(floor, zone_id, leaving=2)
    assert await beyond(ics) == [("serials beyond the units of shelf", "2")]
    assert await floor.promisable() == 1
    short = await floor.ask("/serial/assign", variant_id="V1", serials=["S9"], zone_id=zone_id)
    assert (short.status, short.error_code) == (409, "ics.insufficient_stock")

    line = await counted(floor, zone_id, "S3")

    assert (line["expected"], line["variance"], line["serials_missing"]) == (1, 0, ["S1", "S2"])
    assert await statuses(floor) == ["missing", "missing", "in_stock"]
    assert (await floor.totals())[0] == 1
    assert (await audit(ics)).differences == []


async def test_a_unit_that_leaves_takes_one_serial_along(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone_id = await zone_of(floor)
    await migrated(floor, zone_id, leaving=2)
    commit = {"commit_id": (await floor.commit(1))["commit_id"], "expected_revision": 1}

    shipped = await floor.do("/ship/record", **commit, quantity=1, from_stage="open")

    assert [(entry["quantity"], entry["serials"]) for entry in shipped["entries"]] == [(1, ["S1"])]
    assert await beyond(ics) == [("serials beyond the units of shelf", "2")]
    closed = await floor.do("/zone/status/set", zone_id=zone_id, expected_revision=1, status="inactive")
    assert closed["zone"]["status"] == "inactive", "no unit is in it"


async def test_serials_of_a_place_without_units_are_counted_there(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    zone_id = await zone_of(floor)
    await migrated(floor, zone_id, leaving=3)
    assert await beyond(ics) == [("serials beyond the units of shelf", "3")]
    assert (await floor.stock())["positions"] == []
    await block(floor, "S1", blocked=True)
    await block(floor, "S1", blocked=False)
    await floor.receive(2, zone_id=zone_id)

    line = await counted(floor, zone_id, "S2")

    assert (line["expected"], line["variance"], line["serials_missing"]) == (2, -1, ["S1", "S3"])
    assert await statuses(floor) == ["missing", "in_stock", "missing"]
    assert (await floor.totals())[0] == 1
    assert (await audit(ics)).differences == []
