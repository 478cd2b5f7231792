"""The main line as callers walk it: through the gateway, over the real broker, to a subscriber outside the stack."""

import asyncio
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.outages.listener import Listener
from tests.outages.world import World
from tests.waiting import stretched

pytestmark = pytest.mark.outage  # shares the whole stack with the outages, and so takes turns with them


@pytest.fixture
def variant() -> str:
    """An article nobody else touches."""
    return f"JRN-{uuid.uuid4().hex[:8]}"


async def test_goods_go_from_receipt_to_shipment_and_a_subscriber_hears_of_every_step(
    world: World, variant: str
) -> None:
    async with Listener(world.stack["AMQP_URL"], [variant]) as listener:
        zones = {
            code: (await world.call("/ics/zone/list", logical_guid="FAC-A", code=code))["items"][0]["zone_id"]
            for code in ("RCV", "PCK", "STG")
        }
        receipt = (
            await world.call(
                "/ics/receive/record", lines=[{"variant_id": variant, "quantity": 10, "zone_id": zones["RCV"]}]
            )
        )["receive"]
        await world.call("/ics/qc/complete", receive_id=receipt["receive_id"], expected_revision=1)
        await world.call(
            "/ics/putaway/record",
            variant_id=variant,
            quantity=10,
            from_zone_id=zones["RCV"],
            to_zone_id=zones["PCK"],
        )
        promise = (await world.call("/ics/reservation/create", variant_id=variant, quantity=4))["reservation"]
        allocation = (
            await world.call(
                "/ics/allocation/create",
                reservation_id=promise["reservation_id"],
                expected_revision=promise["revision"],
                order_ref="ORDER-1",
            )
        )["allocation"]
        commit = (
            await world.call(
                "/ics/commit/create",
                allocation_id=allocation["allocation_id"],
                expected_revision=allocation["revision"],
            )
        )["commit"]
        for path, extra in (("pick", {"to_zone_id": zones["STG"]}), ("pack", {}), ("ship", {})):
            commit = (
                await world.call(
                    f"/ics/{path}/record",
                    commit_id=commit["commit_id"],
                    expected_revision=commit["revision"],
                    quantity=4,
                    **extra,
                )
            )["commit"]

        stock = (await world.call("/ics/stock/get", variant_id=variant))["stock"]
        missing = await listener.until_told_of("ics.commit.shipped", {commit["commit_id"]})

    assert not missing
    assert (commit["status"], commit["shipped"]) == ("shipped", 4)
    assert (stock["buckets"]["available"], stock["on_hand"]) == (6, 6)
    about_goods = [event.type for event in listener.heard if event.type != "ics.stock.changed"]
    assert set(about_goods) >= {
        "ics.receive.recorded",
        "ics.receive.inspected",
        "ics.putaway.recorded",
        "ics.reservation.created",
        "ics.allocation.created",
        "ics.commit.created",
        "ics.commit.picked",
        "ics.commit.packed",
        "ics.commit.shipped",
    }
    last = listener.first_hearings("ics.stock.changed")[f"FAC-A/{variant}"][-1]
    assert last.body["buckets"] == stock["buckets"]
    assert last.body["seq"] == stock["seq"]


async def test_of_sixty_buyers_as_many_are_served_as_there_are_pieces(world: World, variant: str) -> None:
    await world.call("/ics/stock/policy/set", variant_id=variant, qc="skip")
    await world.call("/ics/receive/record", lines=[{"variant_id": variant, "quantity": 25}])

    async with aiohttp.ClientSession(headers=world.headers) as http:
        answers = await asyncio.gather(*(_reserve(http, world, variant) for _ in range(60)))

    assert sorted(answers) == [("", 200)] * 25 + [("ics.insufficient_stock", 409)] * 35


async def _reserve(http: aiohttp.ClientSession, world: World, variant: str) -> tuple[str, int]:
    body = {"variant_id": variant, "quantity": 1}
    async with http.post(world.stack["GATEWAY_URL"] + "/ics/reservation/create", json=body) as answer:
        envelope: dict[str, Any] = await answer.json()
        return envelope.get("error", {}).get("error_code", ""), answer.status


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/visualgrid/ping", None),
        ("POST", "/slc", {"action": "ping"}),
        ("GET", "/ics/openapi.json", None),
        ("GET", "/asyncapi.yaml", None),
        ("GET", "/docs", None),
        ("GET", "/mcp/ics/PROTOCOL.md", None),
    ],
)
async def test_what_is_open_to_all_needs_no_credential(
    world: World, method: str, path: str, body: dict[str, str] | None
) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, world.stack["GATEWAY_URL"] + path, json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()


@pytest.mark.parametrize("path", ["/ics/stat", "/pmc/stat"])
async def test_a_signed_in_user_sees_that_a_service_is_well(world: World, path: str) -> None:
    headers = {"x-session-guid": world.demo["DEMO_OWNER_SESSION"]}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(world.stack["GATEWAY_URL"] + path) as answer:
        assert (await answer.json())["data"]["ok"] is True


def test_the_demo_runs_on_a_running_stack(world: World) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "demo"],
        env=world.environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=stretched(180),
        check=False,
    )

    assert told.returncode == 0, told.stdout + told.stderr
    assert "25 served, 35 refused" in told.stdout
    assert "0 differences" in told.stdout
