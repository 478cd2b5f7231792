from typing import Any

from chassis.clock import FixedClock, day_of, days_after
from chassis.testing.client import ServiceClient
from services.ics.demand.store import SHIPPED
from tests.ics.floor import Floor
from tests.ics.given import an_id

DAY = 24 * 3600


async def ship(floor: Floor, quantity: int) -> None:
    """Units promised and gone at once."""
    commit = await floor.commit(quantity)
    body = {"commit_id": commit["commit_id"], "expected_revision": 1, "quantity": quantity, "from_stage": "open"}
    await floor.do("/ship/record", **body)


def totals(signal: dict[str, Any]) -> list[int]:
    return [window["total"] for window in signal["windows"]]


async def compute(floor: Floor, **scope: Any) -> dict[str, Any]:
    answer = await floor.ics.plain.post("/demand/signal/compute", variant_id=floor.variant_id, **scope)
    assert answer.status == 200, answer
    signal: dict[str, Any] = answer.data["signal"]
    return signal


async def test_a_signal_counts_what_was_shipped_in_its_scope(ics: ServiceClient, clock: FixedClock) -> None:
    here, there = Floor(ics, "V1"), Floor(ics.in_facility("FAC-B"), "V1", channel="POS")
    await here.stocked(100)
    await there.stocked(100)
    await ship(here, 3)
    clock.advance(20 * DAY)
    await ship(there, 5)
    clock.advance(5 * DAY)
    await ship(here, 2)
    await ship(here, 4)
    today = day_of(clock.now())

    everything = await compute(here, as_of_date=today)
    a = await compute(here, as_of_date=today, logical_guid="FAC-A")
    pos = await compute(here, as_of_date=today, channel_code="POS")
    none = await compute(here, as_of_date=today, logical_guid="FAC-A", channel_code="POS")
    yesterday = await compute(here)

    assert totals(everything) == [11, 14, 14]
    assert (totals(a), totals(pos), totals(none)) == ([6, 9, 9], [5, 5, 5], [0, 0, 0])
    assert [each["available"] for each in (everything, a, pos, none)] == [186, 91, 186, 91]
    assert (none["trend"], none["days_of_cover"], none["windows"][0]["stdev_daily"]) == ("none", None, "0.0000")
    assert (yesterday["as_of_date"], totals(yesterday)) == (days_after(today, -1), [5, 8, 8])
    assert (yesterday["signal_id"], yesterday["revision"]) == (everything["signal_id"], 2)
    assert len({each["signal_id"] for each in (everything, a, pos, none)}) == 4


async def test_counters_and_entries_never_differ(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(50)
    for quantity in (1, 2, 3):
        await ship(floor, quantity)
        clock.advance(10 * DAY)
    shipped = [entry for entry in await floor.cards() if entry["kind"] == "ship"]
    assert ics.caller is not None
    kept = ics.application.runtime.database.collection(SHIPPED.collection)
    counters = await kept.find({"orgcode": ics.caller.orgcode})
    assert sum(sum(month["days"]) for month in counters) == sum(entry["quantity"] for entry in shipped) == 6
    for entry in shipped:
        (month,) = [each for each in counters if each["month"] == entry["recorded_utc"][:7]]
        assert month["days"][int(entry["recorded_utc"][8:10]) - 1] == entry["quantity"]


async def test_a_refused_shipment_is_not_counted(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    await floor.stocked(5)
    commit = await floor.commit(2)
    refused = await floor.ask("/ship/record", commit_id=commit["commit_id"], expected_revision=1, quantity=2)
    assert refused.error_code == "ics.conflict_state"
    assert ics.caller is not None
    kept = ics.application.runtime.database.collection(SHIPPED.collection)
    assert await kept.find({"orgcode": ics.caller.orgcode}) == []


async def test_a_signal_is_found_by_id_or_by_exactly_its_scope(ics: ServiceClient, clock: FixedClock) -> None:
    floor, plain = Floor(ics, "V1"), ics.plain
    signal = await compute(floor, channel_code="WEB")
    path = "/demand/signal/get"

    by_id = await plain.post(path, signal_id=signal["signal_id"])
    by_scope = await plain.post(path, variant_id="V1", channel_code="WEB")
    wider = await plain.post(path, variant_id="V1")
    unknown = await plain.post(path, signal_id=an_id())
    both = await plain.post(path, signal_id=signal["signal_id"], variant_id="V1")
    neither = await plain.post(path)
    tomorrow = await plain.post(
        "/demand/signal/compute", variant_id="V1", as_of_date=days_after(day_of(clock.now()), 1)
    )
    long_ago = await compute(floor, as_of_date="0001-01-01")

    assert by_id.data == by_scope.data == {"signal": signal}
    assert (wider.status, unknown.status) == (404, 404)
    assert (set(both.problems), set(neither.problems)) == ({"variant_id"}, {"signal_id"})
    assert set(tomorrow.problems) == {"as_of_date"}
    assert totals(long_ago) == [0, 0, 0]


async def test_every_filter_of_the_list_holds(ics: ServiceClient) -> None:
    floor = Floor(ics, "V1")
    scopes: list[dict[str, str]] = [{}, {"logical_guid": "FAC-A"}, {"channel_code": "WEB"}]
    made = [(await compute(floor, **scope))["signal_id"] for scope in scopes]
    asked: list[tuple[dict[str, Any], list[str]]] = [
        ({}, made[::-1]),
        ({"variant_id": "V1", "trend": "none"}, made[::-1]),
        ({"logical_guid": "FAC-A"}, made[1:2]),
        ({"channel_code": "WEB"}, made[2:]),
        ({"trend": "rising"}, []),
    ]
    for filters, wanted in asked:
        answer = await ics.plain.post("/demand/signal/list", **filters)
        assert [signal["signal_id"] for signal in answer.data["items"]] == wanted, filters
