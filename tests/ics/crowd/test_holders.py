"""Calls that move units which somebody holds read the holders that they change, however many others there are."""

import os
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from chassis.clock import FixedClock
from chassis.mongo.collection import Collection
from chassis.testing.client import ServiceClient
from services.ics.ledger.store import PROMISES
from services.ics.reservation.domain import Reservation
from services.ics.reservation.store import RESERVATIONS
from tests.ics.crowd.given import crowd_of, records
from tests.ics.crowd.work import counted_work
from tests.ics.floor import Floor

FEW, MANY = 100, int(os.environ.get("ICS_CROWD", "5000"))
LOST = 3
MINE = 20


class Crowd(NamedTuple):
    """An item of which many carts hold a unit each, at one place; their ids, oldest first."""

    floor: Floor
    zone_id: str
    ids: list[str]


async def a_crowd(ics: ServiceClient, clock: FixedClock, variant_id: str, size: int) -> Crowd:
    floor = Floor(ics, variant_id)
    await floor.policy(qc="skip")
    zone_id = (await floor.do("/zone/create", code=variant_id))["zone"]["zone_id"]
    await floor.stocked(size + MINE, zone_id=zone_id)
    first = (await floor.reserve(1, ttl_seconds=86_400))["reservation_id"]
    others = await crowd_of(ics, first, size - 1, now=clock.now())
    return Crowd(floor, zone_id, [first, *others])


async def put_away(crowd: Crowd) -> None:
    where = {"from_zone_id": crowd.zone_id, "to_zone_id": (await other_zone(crowd))}
    await crowd.floor.do(
        "/putaway/record", variant_id=crowd.floor.variant_id, quantity=LOST, bucket="reserved", **where
    )


async def other_zone(crowd: Crowd) -> str:
    return str((await crowd.floor.do("/zone/create", code=f"Z{crowd.floor.variant_id}"))["zone"]["zone_id"])


async def adjust(crowd: Crowd) -> None:
    lost = {"delta": -LOST, "from_bucket": "reserved", "reason_code": "loss"}
    await crowd.floor.do("/adjustment/create", variant_id=crowd.floor.variant_id, **lost)


async def import_lines(crowd: Crowd) -> None:
    one = {"variant_id": crowd.floor.variant_id, "bucket": "reserved"}
    lines = [{**one, "delta": -1, "zone_id": crowd.zone_id}, {**one, "delta": -LOST + 1}]
    await crowd.floor.do("/adjustment/import", lines=lines, reason_code="loss")


async def count(crowd: Crowd) -> None:
    line = {"variant_id": crowd.floor.variant_id, "zone_id": crowd.zone_id}
    made = (await crowd.floor.do("/count/create", lines=[line]))["count"]
    stock = (await crowd.floor.do("/stock/get", variant_id=crowd.floor.variant_id, positions="none"))["stock"]
    about = {"count_id": made["count_id"]}
    lines = [{"line_no": 1, "counted": stock["on_hand"] - stock["buckets"]["available"] - LOST}]
    await crowd.floor.do("/count/submit", **about, expected_revision=1, lines=lines)
    await crowd.floor.do("/count/approve", **about, expected_revision=2)


async def assign(crowd: Crowd) -> None:
    serials = [f"S-{number}" for number in range(MINE + LOST)]
    at = {"variant_id": crowd.floor.variant_id, "zone_id": crowd.zone_id}
    await crowd.floor.do("/serial/assign", **at, serials=serials)


Moving = Callable[[Crowd], Awaitable[None]]

MOVES: dict[str, tuple[Moving, int, bool]] = {
    "import": (import_lines, LOST, False),
    "adjustment": (adjust, LOST, False),
    "count": (count, LOST, True),
    "assign": (assign, 0, False),
    "putaway": (put_away, LOST, False),
}
"""Name -> what is done, how many holders it changes, and whether the newest are changed, not the oldest. A count also
takes what nobody holds."""


async def holders(crowd: Crowd, ics: ServiceClient) -> dict[str, int]:
    """Those of the crowd that hold a unit still, oldest first, with their revisions."""
    stored = await records(ics, RESERVATIONS, {"_id": {"$in": crowd.ids}})
    return {each.reservation_id: each.revision for each in sorted(stored, key=by_id) if each.remaining}


def by_id(reservation: Reservation) -> str:
    return reservation.reservation_id


async def changed_by(move: Moving, crowd: Crowd, ics: ServiceClient) -> tuple[int, list[str], list[str]]:
    """How many promises a call reads, who held units before, and whose record the call changed."""
    before = await holders(crowd, ics)
    with counted_work() as work:
        await move(crowd)
    after = await holders(crowd, ics)
    changed = [one for one, revision in before.items() if after.get(one) != revision]
    return work.read[PROMISES.collection], list(before), changed


async def test_a_call_reads_the_holders_it_changes_however_many_there_are(
    ics: ServiceClient, clock: FixedClock
) -> None:
    few, many = await a_crowd(ics, clock, "VAR-FEW", FEW), await a_crowd(ics, clock, "VAR-MANY", MANY)
    for name, (move, number, newest) in MOVES.items():
        reads: list[int] = []
        for crowd in (few, many):
            read, before, changed = await changed_by(move, crowd, ics)
            assert changed == (before[-number:] if newest else before[:number]), (name, len(crowd.ids))
            reads.append(read)
        assert 0 < reads[1] <= reads[0] < FEW, (name, reads)


async def test_holders_without_keys_are_found(ics: ServiceClient, clock: FixedClock) -> None:
    """Promises that an earlier release stored have no keys of what they hold where."""
    crowd = await a_crowd(ics, clock, "VAR-OLD", MINE)
    promises: Collection = ics.application.runtime.database.collection(PROMISES.collection)
    await promises.update_many({"_id": {"$in": crowd.ids}}, {"$unset": {"holds": ""}})
    read, before, changed = await changed_by(adjust, crowd, ics)
    assert changed == before[:LOST]
    assert read >= MINE


async def test_units_promised_beyond_stock_are_passed_over(ics: ServiceClient, clock: FixedClock) -> None:
    """They cannot leave the shelf, so newer holders elsewhere lose theirs."""
    floor = Floor(ics, "VAR-SHORT")
    await floor.policy(qc="skip", backorder_limit=50)
    ids = [(await floor.reserve(1, ttl_seconds=86_400))["reservation_id"] for _ in range(30)]
    zone_id = (await floor.do("/zone/create", code="SHORT"))["zone"]["zone_id"]
    await floor.stocked(4, zone_id=zone_id)
    lost = {"variant_id": "VAR-SHORT", "from_bucket": "reserved", "reason_code": "loss"}
    await floor.do("/adjustment/create", **lost, delta=-4)
    stored: list[Reservation] = await records(ics, RESERVATIONS, {"_id": {"$in": ids}})
    assert sum(each.lost for each in stored) == 4
    assert (await ics.post("/adjustment/create", **lost, delta=-1)).status == 409
