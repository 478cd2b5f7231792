"""The transfer row: requested, approved, shipped and received transfers per second."""

import json

from bench import load
from bench.load import Client
from bench.rows import SPREAD, Bench, Row
from bench.world import FACILITY, variant

DESTINATION = "FAC-B"
CLIENTS = 16
QUANTITY = 1


async def transfer(bench: Bench) -> Row:
    """Create → submit → approve → ship → receive: five calls per transfer of one unit."""
    world = bench.world
    there = {"x-logical-guid": DESTINATION}

    async def flow(client: Client, number: int) -> None:
        lines = [{"variant_id": variant(number % SPREAD), "quantity": QUANTITY}]
        lane = {"from_logical_guid": FACILITY, "to_logical_guid": DESTINATION}
        answer = await client.ask(world.request("/ics/transfer/request/create", **lane, lines=lines))
        for step in ("request/submit", "request/approve", "shipment/record"):
            if answer.status != 200:
                return
            asked = json.loads(answer.body)["data"]["transfer"]
            seen = {"transfer_id": asked["transfer_id"], "expected_revision": asked["revision"]}
            answer = await client.ask(world.request(f"/ics/transfer/{step}", **seen))
        if answer.status == 200:
            sent = json.loads(answer.body)["data"]["shipment"]
            seen = {"shipment_id": sent["shipment_id"], "expected_revision": sent["revision"]}
            await client.ask(world.request("/ics/transfer/shipment/receive", there, **seen))

    work = load.run(
        "transfer: request → ship → receive, 5 calls", world.address, flow, clients=CLIENTS, seconds=bench.seconds
    )
    return await bench.measure(work)
