"""Crowds in the graph: what a first page and its counts read does not grow with what lies behind them."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from chassis.clock import SystemClock, from_seconds, to_seconds
from chassis.entity import Entity
from chassis.ids import IdSource
from chassis.mongo.eventlog import EVENTS
from retailstack.graph.v1 import source_pb2 as pb
from services.ics.app import ICS
from services.ics.consignment.store import CONSIGNMENTS
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.reservation.store import RESERVATIONS
from services.ics.zone.store import ZONES
from tests.contract.test_graph_walk import MINE, Walker, walking
from tests.reading import reads_of
from tests.waiting import until

COUNT_MAX = 257
FEW, MANY = 300, 1200
"""Records at one end of an edge: both are more than a count can say."""

SECONDS_BETWEEN = 0.02

FACILITY, VARIANT = "FAC-CROWD", "V-CROWD"


def moments() -> Iterator[str]:
    """Ids made one after the other, in a steady stream."""
    ids, start = IdSource(), to_seconds(SystemClock().now()) - 24 * 3600
    return (ids.new(from_seconds(start + number * SECONDS_BETWEEN)) for number in count())


class Crowd:
    """Records of one kind at one end of an edge, and what a first page of them costs."""

    def __init__(self, walker: Walker, entity: Entity[Any], given: dict[str, Any]) -> None:
        self._walker = walker
        self._entity = entity
        self._given = given
        self._ids = moments()
        self._size = 0

    async def grow(self, size: int) -> None:
        """Add newer records, up to so many."""
        records = []
        while self._size < size:
            self._size += 1
            given = {**self._given, self._entity.id: next(self._ids)}
            if self._entity.id_pattern:
                given = {**self._given, "variant_id": f"V-{self._size:06d}"}
            records.append(self._walker.record(self._entity, MINE, **given))
        await self._walker.store(self._entity, *records)

    async def first_page(self, database: Any, field: str, value: str) -> tuple[int, int, int]:
        """Its count, its number of records, and how many documents lay in the ranges that were read."""
        hop = pb.Hop(entities=[self._entity.name], field=field, values=[value])
        asked = pb.ListNeighboursRequest(orgcode=MINE, hops=[hop], counts=True)
        async with reads_of(self._entity.collection) as reads:
            (result,) = (await self._walker.graph.ListNeighbours(asked)).results
        return result.count, len(result.items), await reads.documents(database)


@pytest.mark.parametrize(
    ("entity", "given", "field", "value"),
    [
        (RESERVATIONS, {"variant_id": VARIANT, "logical_guid": FACILITY}, "variant_id", VARIANT),
        (RESERVATIONS, {"variant_id": VARIANT, "logical_guid": FACILITY}, "balance", f"{MINE}/{FACILITY}/{VARIANT}"),
        (ENTRIES, {"variant_id": VARIANT}, "variant_id", VARIANT),
        (ZONES, {"logical_guid": FACILITY}, "logical_guid", FACILITY),
        (CONSIGNMENTS, {"logical_guid": FACILITY}, "logical_guid", FACILITY),
        (ITEMS, {"logical_guid": FACILITY}, "logical_guid", FACILITY),
    ],
    ids=["a variant's promises", "an item's promises", "a variant's entries", "zones", "consignments", "balances"],
)
async def test_a_first_page_of_a_crowd_reads_no_more_than_one_of_a_few(
    mongodb_uri: str, database_name: str, entity: Entity[Any], given: dict[str, Any], field: str, value: str
) -> None:
    async with walking(ICS, mongodb_uri, database_name) as walker:
        crowd = Crowd(walker, entity, given)
        for size in (FEW, MANY):
            await crowd.grow(size)

            async def cheap() -> bool:
                counted, records, documents = await crowd.first_page(walker.database, field, value)
                assert (counted, records) == (COUNT_MAX, 25)
                return documents <= 2 * COUNT_MAX

            # The first pages show how the records lie; that is learned anew every few moments.
            await until(cheap, 5, f"a page of {size} costs more than its records")


async def test_a_first_page_of_a_long_history_reads_no_more_than_one_of_a_short(
    mongodb_uri: str, database_name: str
) -> None:
    async with walking(ICS, mongodb_uri, database_name) as walker:
        zone = walker.record(ZONES, MINE)
        await walker.store(ZONES, zone)
        asked = pb.HistoryRequest(table="ics_zones", pk=f"ORG#{MINE}", sk=f"ZONE#{zone.zone_id}")
        events: list[Any] = []
        ids = moments()

        async def cheap() -> bool:
            async with reads_of(EVENTS.collection) as reads:
                page = await walker.graph.History(asked)
            assert (len(page.items), page.HasField("next_token")) == (25, True)
            return await reads.documents(walker.database) <= 4 * 25

        for size in (FEW, MANY):
            while len(events) < size:
                given = {"event_id": next(ids), "subject": zone.zone_id, "traceparent": None}
                events.append(walker.record(EVENTS, MINE, orgcode=MINE, body="{}", **given))
            await walker.store(EVENTS, *events)
            await until(cheap, 5, f"a page of {size} changes costs more than its items")
