"""Documents of an earlier release: the job brings them to the form of this one, and callers see what they saw."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from chassis.clock import FixedClock, later
from chassis.errors import InternalError
from chassis.gate import GateWindow
from chassis.jobs import migration as migrating
from chassis.jobs.migration import MigrateAnswer
from chassis.jobs.migration_progress import SETTLE_SECONDS, Migration, PageDone, advanced, begun
from chassis.mongo import rederive as rederiving
from chassis.testing.client import ServiceClient
from tests.ics.crowds import walked
from tests.ics.floor import Floor
from tests.ics.given import NOON
from tests.ics.histories.kinds import KINDS, Kind
from tests.ics.ledger.test_audit import audit
from tests.ics.migration.before import store_as_before

Record = dict[str, Any]
PATHS: Mapping[str, str] = MappingProxyType(
    {"transfer": "transfer/request", "shipment": "transfer/shipment", "rule": "replenishment/rule"}
)


async def migrate(ics: ServiceClient, **params: Any) -> MigrateAnswer:
    """Run the job as an operator does."""
    answer = await ics.application.runtime.jobs.run("migrate", {"seconds": "60", **params}, dry_run=False)
    assert isinstance(answer, MigrateAnswer)
    return answer


async def a_shop(ics: ServiceClient) -> None:
    """Something of every kind of record: promises, parcels, counts, consignments, lots, serials, texts."""
    floor, there = Floor(ics, "V1"), Floor(ics.in_facility("FAC-B"), "V1")
    await floor.policy(qc="skip", backorder_limit=5)
    zone = (await floor.do("/zone/create", code="Z"))["zone"]["zone_id"]
    await floor.do("/bin/create", zone_id=zone, code="B")
    await floor.receive(9, zone_id=zone, lot_code="L-A", expiry_date="2031-01-01", serials=[f"S{n}" for n in range(9)])
    cart = await floor.reserve(4, demand_type="order", demand_ref="O-1")
    origin = {"reservation_id": cart["reservation_id"], "expected_revision": 1}
    allocation = (await floor.do("/allocation/create", **origin, order_ref="O-1", quantity=3, channel_code="WEB"))[
        "allocation"
    ]
    made = {"allocation_id": allocation["allocation_id"], "expected_revision": 1}
    commit = (await floor.do("/commit/create", **made, quantity=2))["commit"]
    picked = {"commit_id": commit["commit_id"], "expected_revision": 1}
    await floor.do("/pick/record", **picked, quantity=2, serials=["S1", "S2"])
    await floor.do("/pack/record", commit_id=commit["commit_id"], expected_revision=2, quantity=2)
    await floor.do("/ship/record", commit_id=commit["commit_id"], expected_revision=3, quantity=1)
    await floor.reserve(8)
    count = (await floor.do("/count/create", lines=[{"variant_id": "V1", "zone_id": zone, "lot_code": "L-A"}]))["count"]
    assert count["status"] == "counting"
    goods = {"consignor_ref": "ANNA", "variant_id": "V2", "unit_cost": {"amount": "4.50", "currency": "EUR"}}
    kept = (await floor.do("/consignment/receive", **goods, quantity=5))["consignment"]
    named = {"consignment_id": kept["consignment_id"], "expected_revision": 1}
    await floor.do("/consignment/consume", **named, quantity=2)
    await Floor(ics, "V2").send(1, "FAC-B")
    await there.receive(1)
    await floor.do("/comment", subject_type="variant", subject_id="V1", body="Café au lait")
    await floor.do("/inbox/create", title="CAFÉ", body="Grüße")


async def shown(ics: ServiceClient, kind: Kind) -> list[Any]:
    """All records of a kind by their gets, found behind the service's back."""
    assert ics.caller is not None
    collection = ics.application.runtime.database.collection(kind.entity.collection)
    stored = await collection.find({"orgcode": ics.caller.orgcode})
    ours = [each["_id"] for each in stored if each.get("kind", "") in {"", kind.entity.kind}]
    path = f"/{PATHS.get(kind.name, kind.name)}/get"
    answers = [await ics.post(path, **{kind.entity.id: one}) for one in sorted(ours)]
    assert all(answer.status == 200 for answer in answers), answers
    return [answer.data[kind.name] for answer in answers]


async def check_lists(ics: ServiceClient) -> None:
    """Every record is found by its list: under each filter that it matches, and under none."""
    for kind in KINDS:
        path = f"/{PATHS.get(kind.name, kind.name)}/list"
        records = await shown(ics, kind)
        everywhere: Record = {"logical_guid": None}
        listed = {each[kind.entity.id] for each in await walked(ics, path, **everywhere)}
        assert listed == {record[kind.entity.id] for record in records}, kind.name
        for record in records:
            for name, a_filter in kind.filters.items():
                value = a_filter.of(Shown(record))
                if value is not None:
                    found = await walked(ics, path, **everywhere | {name: value})
                    assert record[kind.entity.id] in {each[kind.entity.id] for each in found}, (kind.name, name)


class Shown:
    """A record of an answer, with its fields as attributes."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def __getattr__(self, name: str) -> Any:
        value = self.record[name]
        return [Shown(each) for each in value] if name == "lines" else value


async def found_by_everything_else(ics: ServiceClient) -> dict[str, Any]:
    """What the searches, the order, the cards and the lots find."""
    floor = Floor(ics, "V1")
    order = await floor.do("/order/view", order_ref="O-1")
    return {
        "comments": [each["comment"]["body"] for each in await walked(ics, "/search/comments", q="cafe")],
        "inbox": [each["item"]["title"] for each in await walked(ics, "/search/inbox", q="grusse")],
        "order": {name: len(order[name]) for name in ("reservations", "allocations", "commits", "ships", "entries")},
        "cards": [each["kind"] for each in await floor.cards(order_ref="O-1", logical_guid=None, variant_id=None)],
        "serial": [each["kind"] for each in await floor.cards(serial_no="S1", logical_guid=None, variant_id=None)],
        "lots": [(each["lot_code"], each["on_hand"]) for each in await walked(ics, "/stock/lot/list")],
        "facility": [each["logical_guid"] for each in await walked(ics, "/stock/list", logical_guid="FAC-B")],
        "promisable": await floor.promisable(),
    }


async def test_everything_that_the_release_before_stored_is_found(ics: ServiceClient, clock: FixedClock) -> None:
    await a_shop(ics)
    before = await found_by_everything_else(ics)
    stood = {kind.name: await shown(ics, kind) for kind in KINDS}
    await check_lists(ics)
    await store_as_before(ics)
    assert await walked(ics, "/commit/list") == [], "none of the new lists finds it"
    assert len((await audit(ics)).differences) > 0

    done = await migrate(ics)
    assert (done.done, done.passes, done.step) == (False, 1, 0)
    assert done.corrected > 0
    assert done.next_utc == later(clock.now(), SETTLE_SECONDS)
    await check_lists(ics)
    assert await found_by_everything_else(ics) == before
    assert (await audit(ics)).differences == []
    # Remarks of the release before were not stored, and those made since are.
    assert {kind.name: unremarked(await shown(ics, kind)) for kind in KINDS} == {
        name: unremarked(records) for name, records in stood.items()
    }
    await Floor(ics, "V1").do("/adjustment/create", variant_id="V1", delta=1, serials=["S99"], reason_code="found")

    # A replica of the release before was still running.
    await store_as_before_but_the_progress(ics, done)
    assert (await migrate(ics)).checked == done.checked, "the second pass is not due"
    clock.advance(SETTLE_SECONDS)
    again = await migrate(ics)
    assert (again.done, again.passes, again.next_utc) == (True, 2, None)
    assert again.corrected > done.corrected
    await check_lists(ics)
    assert await migrate(ics) == again, "all is done"


def unremarked(records: list[Record]) -> list[Record]:
    return [
        {name: value for name, value in record.items() if name not in {"remarks", "revision"}} for record in records
    ]


async def store_as_before_but_the_progress(ics: ServiceClient, done: MigrateAnswer) -> None:
    await store_as_before(ics)
    clock = ics.application.runtime.clock
    progress = {"form": done.form, "passes": 1, "step": "", "after": "", "started_utc": clock.now()}
    counted = {"checked": done.checked, "corrected": done.corrected, "ended_utc": clock.now()}
    await ics.application.runtime.database.collection("migrations").insert_many([{"_id": "ics", **progress, **counted}])


async def test_a_migration_that_was_cut_off_goes_on_where_it_stopped(
    ics: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(9)
    for _ in range(5):
        await floor.reserve(1)
    await store_as_before(ics)
    asked: list[tuple[str, str]] = []
    failures = [ConnectionError("cut off")]
    real = migrating._page

    async def watched(database: Any, tools: Any, step: Any, after: str) -> PageDone:
        asked.append((step.name, after))
        if step.name == "reservation" and after and failures:
            raise failures.pop()
        return await real(database, tools, step, after)

    monkeypatch.setattr(migrating, "_page", watched)
    monkeypatch.setattr(rederiving, "PAGE_RECORDS", 2)
    with pytest.raises(InternalError):
        await migrate(ics)
    cut = len(asked)
    assert asked[-1][0] == "reservation"
    gate = ics.application.runtime.gate
    gate.close(GateWindow(maintenance_id="M", expected_end_utc=NOON))
    try:
        assert (await migrate(ics)).passes == 0
        assert len(asked) == cut, "nothing is done in a maintenance window"
    finally:
        gate.reopen()

    done = await migrate(ics)
    assert done.passes == 1
    assert asked[cut] == asked[cut - 1], "the page that was cut off is read again, and no page before it"
    assert len(set(asked)) == len(asked) - 1
    assert len(await walked(ics, "/reservation/list")) == 5
    started = await migrate(ics, again="true")
    assert (started.passes, started.corrected) == (1, 0)
    assert started.checked >= done.checked


def test_the_progress_goes_step_by_step_and_begins_again_for_another_form() -> None:
    steps = ["one", "two"]
    run = begun(None, "ics", 2, NOON, again=False)
    run = advanced(run, steps, PageDone(checked=2, corrected=1, after="x"), NOON)
    assert (run.step, run.after, run.due_utc) == ("one", "x", NOON)
    run = advanced(run, steps, PageDone(checked=1, corrected=0, after=None), NOON)
    assert (run.step, run.after, run.passes) == ("two", "", 0)
    run = advanced(run, steps, PageDone(checked=1, corrected=0, after=None), NOON)
    assert (run.step, run.passes, run.checked, run.corrected, run.done) == ("", 1, 4, 1, False)
    assert run.due_utc == later(NOON, SETTLE_SECONDS)
    older: Migration = msgspec.structs.replace(run, form=1)
    assert begun(older, "ics", 2, NOON, again=False).passes == 0
    assert begun(run, "ics", 2, NOON, again=False) is run
