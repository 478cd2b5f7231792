"""What the page shows where something is missing: a code, a token, a service, a record, or what was searched for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Route, expect

from retailstack.ops.v1 import maintenance_pb2 as pb
from retailstack.ops.v1.maintenance_pb2_grpc import MaintenanceStub
from tests.ops.maintenance.given import from_now, seen
from tests.ops.vacuum.stack import CODE
from tests.visualgrid.explorer import ORG, World
from tests.visualgrid.lateness import late
from tests.visualgrid.page.painting import Painting
from tests.visualgrid.page.visitor import Visitor
from tests.waiting import until

FIELD = "Secret code"


@asynccontextmanager
async def maintenance(world: World) -> AsyncIterator[None]:
    """A maintenance window that every service has noticed; it ends with the block."""
    stub: Any = MaintenanceStub(world.operator.channels.channel("ops"))
    asked: dict[str, Any] = {"secret_code": CODE, "description": "a new index", "duration_minutes": 30}
    window = (
        await stub.ScheduleMaintenance(pb.ScheduleMaintenanceRequest(scheduled_start_utc=from_now(3600), **asked))
    ).maintenance
    started = (await stub.StartMaintenance(pb.StartMaintenanceRequest(**seen(window)))).maintenance
    try:
        await until(lambda: _closed(world), 5, "the window is not noticed")
        yield
    finally:
        await stub.EndMaintenance(pb.EndMaintenanceRequest(**seen(started)))


async def _closed(world: World) -> bool:
    async with aiohttp.ClientSession() as http, http.get(f"{world.url}/visualgrid/ping") as answer:
        return answer.status == 503


async def test_a_lock_out_says_how_long_it_lasts(visitor: Visitor) -> None:
    visitor.refusals = {401, 429}
    for _ in range(6):
        async with visitor.page.expect_response("**/root/auth"):
            await visitor.sign_in("wrong code")
    await expect(visitor.page.get_by_role("alert").filter(has_text="Try again in 15 min")).to_be_visible()
    await expect(visitor.page.get_by_label(FIELD)).to_be_focused()
    assert await visitor.violations() == []
    visitor.world.operator.collection("ops", "secret_attempts").delete_many({})


async def test_signing_in_waits_for_the_end_of_maintenance(visitor: Visitor) -> None:
    visitor.refusals = {503}
    async with maintenance(visitor.world):
        await visitor.sign_in(CODE)
        await expect(visitor.page.get_by_role("alert").filter(has_text="In maintenance until")).to_be_visible()
    await expect(visitor.tree("Tables").first).to_be_visible()


async def test_maintenance_is_said_with_its_end_and_the_page_resumes_by_itself(signed_in: Visitor) -> None:
    signed_in.refusals = {503}
    banner = signed_in.page.get_by_role("note").filter(has_text="In maintenance until")
    async with maintenance(signed_in.world):
        await signed_in.page.get_by_role("searchbox").fill(signed_in.world.zone["zone_id"])
        await signed_in.page.keyboard.press("Enter")
        await expect(banner).to_be_visible()
        assert await signed_in.violations() == []
    await expect(banner).to_be_hidden()
    await expect(signed_in.status).to_contain_text("1 record found")


async def test_an_ended_token_asks_again_and_goes_on_where_it_was(signed_in: Visitor) -> None:
    signed_in.refusals = {401}
    name = await signed_in.open_zone()
    signed_in.world.operator.collection("visualgrid", "root_tokens").delete_many({})
    await signed_in.page.get_by_role("searchbox").fill(signed_in.world.reservation["reservation_id"])
    await signed_in.page.keyboard.press("Enter")
    await expect(signed_in.page.get_by_text("Your session has ended")).to_be_visible()
    await expect(signed_in.tree("Graph")).to_have_text([name])
    assert await signed_in.violations() == []
    await signed_in.sign_in(CODE)
    await expect(signed_in.tree("Graph").filter(has_text=name)).to_have_count(1)
    await expect(signed_in.tree("Graph").nth(1)).to_be_visible()


async def test_a_link_that_is_opened_after_the_end_of_the_token_is_restored(signed_in: Visitor) -> None:
    page = signed_in.page
    signed_in.refusals = {401}
    name = await signed_in.open_zone()
    await signed_in.button("Expand").click()
    await expect(signed_in.status).to_contain_text("Shown around")
    address = await signed_in.address()
    await signed_in.button("Collapse").click()
    await signed_in.button("Undo").click()
    await signed_in.find(signed_in.world.reservation["reservation_id"])
    signed_in.world.operator.collection("visualgrid", "root_tokens").delete_many({})
    await page.goto("about:blank")
    await page.goto(address)
    await signed_in.sign_in(CODE)
    await expect(signed_in.tree("Graph").filter(has_text="facility FAC-A")).to_have_count(1)
    await expect(signed_in.tree("Graph").filter(has_text=name)).to_have_attribute("aria-selected", "true")
    await expect(signed_in.tree("Graph").filter(has_text="reservation")).to_have_count(0)


async def test_signing_out_takes_everything_away(signed_in: Visitor) -> None:
    await signed_in.open_zone()
    await signed_in.button("Sign out").click()
    await expect(signed_in.page.get_by_label(FIELD)).to_be_focused()
    await expect(signed_in.tree("Graph")).to_have_count(0)
    await expect(signed_in.tree("Tables")).to_have_count(0)
    assert signed_in.world.zone["zone_id"] not in await signed_in.page.content()


async def test_what_fails_is_said_with_its_service_and_can_be_tried_again(signed_in: Visitor) -> None:
    signed_in.refusals = {500}
    await signed_in.open_zone()

    async def failing(route: Route) -> None:
        error = {"tag": "internal-error", "message": "an internal error"}
        await route.fulfill(status=500, json={"ok": False, "error": error})

    await signed_in.page.route("**/node/children", failing)
    await signed_in.button("Expand").click()
    alert = signed_in.page.get_by_role("alert").filter(has_text="Ics: an internal error.")
    await expect(alert).to_be_visible()
    assert await signed_in.violations() == []
    await signed_in.page.unroute("**/node/children")
    await signed_in.button("Try again").click()
    await expect(signed_in.status).to_contain_text("Shown around")
    await expect(alert).to_have_count(0)


@pytest.mark.parametrize("text", ["ORG#NOBODY ZONE#nothing", "no-such-id", "trace:" + "0" * 32])
async def test_what_is_not_there_is_said(signed_in: Visitor, text: str) -> None:
    signed_in.refusals = {404}
    await signed_in.page.get_by_role("searchbox").fill(text)
    await signed_in.page.keyboard.press("Enter")
    await expect(signed_in.status).to_contain_text(f"Nothing found for {text}")


async def test_a_deleted_record_is_hollow_and_keeps_its_history(signed_in: Visitor) -> None:
    page = signed_in.page
    signed_in.refusals = {404}
    status, _, made = await signed_in.world.shop.ask("/ics/zone/create", code="GONE")
    assert status == 200
    zone_id = made["data"]["zone"]["zone_id"]
    await signed_in.find(zone_id)
    await expect(signed_in.status).to_contain_text("1 nodes")
    signed_in.world.operator.collection("ics", "zones").delete_one({"_id": zone_id})
    await signed_in.button("Expand").click()
    await expect(signed_in.status).to_contain_text("was deleted; its history remains")
    await signed_in.button("Undo").click()
    painting = await Painting.of(page)
    await signed_in.find_keys(f"ORG#{ORG} ZONE#{zone_id}")
    item = signed_in.tree("Graph").filter(has_text="zone GONE")
    await expect(item).to_have_accessible_description("deleted")
    await painting.until(hollow=1, filled=0)
    details = page.get_by_role("complementary", name="Details")
    await expect(details).to_contain_text("This record was deleted. Its history remains.")
    await signed_in.tab("History")
    await expect(details.get_by_role("list", name="History").get_by_role("listitem")).to_have_count(1)
    assert await signed_in.violations() == []


async def test_where_to_start_appears_once_a_late_service_answers(visitor: Visitor) -> None:
    page = visitor.page
    visitor.refusals = {503}
    with late("ics"):
        await visitor.sign_in(CODE)
        await expect(visitor.tree("Tables").filter(has_text="ics not available")).to_have_count(1)
        await expect(page.get_by_text("The newest reservation is shown here once ics answers.")).to_be_visible()
    await expect(page.get_by_role("button", name="Newest reservation")).to_be_visible()
    await expect(visitor.tree("Tables").filter(has_text="not available")).to_have_count(0)


async def test_a_service_that_is_down_is_grey_and_its_edges_dashed_while_the_rest_goes_on(signed_in: Visitor) -> None:
    page, stack = signed_in.page, signed_in.world.operator.stack
    signed_in.refusals = {503}
    await signed_in.open_zone()
    await signed_in.button("Expand").click()
    await expect(signed_in.status).to_contain_text("Shown around")
    painting = await Painting.of(page)
    await signed_in.button("Fit").click()
    await painting.until(dashed=0, plain=1)
    await stack.stop("ics")
    try:
        await page.get_by_role("searchbox").fill(signed_in.world.zone["zone_id"])
        await page.keyboard.press("Enter")
        await expect(signed_in.status).to_contain_text("Nothing found, but ics did not answer")
        await expect(signed_in.tree("Tables").filter(has_text="ics not available")).to_have_count(1)
        await expect(signed_in.tree("Tables").filter(has_text="ics_zones")).to_contain_text("not available")
        await painting.until(dashed=1, plain=0)
        await signed_in.tab("History")
        alert = page.get_by_role("alert").filter(has_text="ics")
        await expect(alert).to_be_visible()
        assert await signed_in.violations() == []
        await signed_in.tree("Tables").filter(has_text="gateway_orgs").click()
        await expect(page.get_by_role("grid", name="Records").get_by_role("row").filter(has_text=ORG)).to_have_count(1)
    finally:
        await stack.start("ics")
    await expect(signed_in.tree("Tables").filter(has_text="not available")).to_have_count(0)
    await painting.until(dashed=0, plain=1)
