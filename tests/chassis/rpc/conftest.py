"""What the tests of generic servicers share."""

from collections.abc import AsyncIterator

import pytest

from chassis.clock import FixedClock
from chassis.key_ring import KeyRing
from chassis.mongo.client import Database
from chassis.mongo.unit import MongoUnits
from chassis.rpc.client import Channels
from chassis.rpc.graph.servicer import graph
from chassis.rpc.vacuum import vacuum
from chassis.sealing import Sealer
from tests.chassis.rpc.given import a_server, sign
from tests.chassis.rpc.warehouse import ENTITIES, NOON, Warehouse


@pytest.fixture
async def warehouse(mongodb_uri: str, database_name: str) -> AsyncIterator[Warehouse]:
    clock = FixedClock(NOON)
    database = await Database.connect(mongodb_uri, database_name)
    units = MongoUnits(database, ENTITIES, clock, "ics", page_key=b"k" * 32, sealer=Sealer(KeyRing({"k1": b"1" * 32})))
    await units.start()
    server = a_server(graph("ics", database, clock, b"k" * 32, ENTITIES), vacuum(database, ENTITIES), clock=clock)
    await server.start()
    channels = Channels({"ics": [f"127.0.0.1:{server.port}"]}, sign=sign, clock=clock)
    try:
        yield Warehouse(units, clock, server, channels)
    finally:
        await channels.close()
        await server.stop(0)
        await units.stop()
        await database.close()
