"""What the contract says of the page beside its stories: the start, loading and cut states, text, the token, motion."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Response, Route, expect

from tests.ops.vacuum.stack import CODE
from tests.visualgrid.explorer import ORG
from tests.visualgrid.page.crowd import crowd
from tests.visualgrid.page.visitor import Visitor
from tests.waiting import until

MARKUP = "<img src=x onerror=document.title='run'> & <b>bold</b>"

# How often the canvas has been cleared: once for each frame.
_COUNT_FRAMES = """() => {
  const { clearRect } = CanvasRenderingContext2D.prototype;
  window.frames_painted = 0;
  CanvasRenderingContext2D.prototype.clearRect = function (...area) {
    window.frames_painted += 1;
    clearRect.apply(this, area);
  };
}"""


async def test_the_start_has_a_card_for_each_service_and_three_points_to_start_at(signed_in: Visitor) -> None:
    page = signed_in.page
    start = page.get_by_role("region", name="Start")
    for service in ("gateway", "ops", "ics", "pmc", "slc", "stack"):
        await expect(start.get_by_role("heading", name=service, exact=True)).to_be_visible()
    await expect(start.get_by_role("button", name="ics_zones (")).to_have_count(1)
    for name in ("Newest reservation", "Its variant V-", "Its facility FAC-A"):
        await expect(start.get_by_role("button", name=name)).to_be_visible()
    await start.get_by_role("button", name="Its facility FAC-A").click()
    await expect(signed_in.tree("Graph")).to_have_text(["facility FAC-A"])
    await expect(start).to_be_hidden()


async def test_a_table_is_opened_from_its_card(signed_in: Visitor) -> None:
    await signed_in.page.get_by_role("button", name="ics_zones (").click()
    await expect(signed_in.page.get_by_role("heading", name="ics_zones", exact=True)).to_be_visible()


async def test_an_answer_that_takes_long_is_awaited_by_name_while_the_rest_stays_usable(signed_in: Visitor) -> None:
    page, going = signed_in.page, asyncio.Event()
    await signed_in.open_zone()

    async def late(route: Route) -> None:
        await going.wait()
        await route.continue_()

    await page.route("**/node/children", late)
    await signed_in.button("Expand").click()
    await expect(signed_in.status).to_contain_text("Waiting for ics")
    await signed_in.button("Legend").click()
    await expect(page.get_by_label("zone")).to_be_visible()
    going.set()
    await expect(signed_in.status).to_contain_text("Shown around")
    await expect(signed_in.status).not_to_contain_text("Waiting for")


async def test_an_edge_says_how_much_of_it_is_shown_and_goes_on_at_the_press_of_a_button(signed_in: Visitor) -> None:
    page = signed_in.page
    await signed_in.open_zone()
    await page.route("**/node/children", crowd)
    await signed_in.tab("Edges")
    edges = page.get_by_role("complementary", name="Details").get_by_role("list", name="Edges")
    edge = edges.get_by_role("listitem").filter(has_text="near bin")
    await expect(edge).to_contain_text("0 of 256+")
    await edge.get_by_role("button", name="Show: near bin").click()
    await expect(edge).to_contain_text("25 of 256+")
    await expect(signed_in.tree("Graph")).to_have_count(26)
    await edge.get_by_role("button", name="Show more: near bin").click()
    await expect(edge).to_contain_text("50 of 256+")
    await expect(signed_in.status).to_contain_text("51 nodes")
    await signed_in.button("Collapse").click()
    await expect(signed_in.tree("Graph")).to_have_count(1)


async def test_nodes_are_expanded_by_a_double_click_and_chosen_by_arrows(signed_in: Visitor) -> None:
    page = signed_in.page
    await signed_in.open_zone()
    canvas = page.get_by_role("application", name="Graph canvas")
    box = await canvas.bounding_box()
    assert box is not None
    await page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await expect(signed_in.status).to_contain_text("Shown around")
    await expect(canvas).to_have_attribute("aria-busy", "false")
    outline = signed_in.tree("Graph")
    await expect(outline.filter(has_text="zone")).to_have_attribute("aria-selected", "true")
    await canvas.focus()
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
        await page.keyboard.press(key)
    facility = outline.filter(has_text="facility FAC-A")

    async def chosen() -> bool:
        # The facility lies in one of four directions from the zone.
        for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
            await page.keyboard.press(key)
            if await facility.get_attribute("aria-selected") == "true":
                return True
        return False

    await until(chosen, 5, "no arrow leads to the facility")
    await expect(page.get_by_role("complementary", name="Details")).to_contain_text("FACILITY#FAC-A")
    await page.keyboard.press("f")
    await page.keyboard.press("Escape")
    await expect(facility).not_to_have_attribute("aria-selected", "true")


async def test_data_is_shown_as_text_and_never_as_markup(signed_in: Visitor) -> None:
    page, shop = signed_in.page, signed_in.world.shop
    status, _, made = await shop.ask("/ics/holdback/set", variant_id="V-1", quantity=1, reason=MARKUP)
    assert status == 200, made
    await signed_in.find(made["data"]["holdback"]["holdback_id"])
    details = page.get_by_role("complementary", name="Details")
    await expect(details).to_contain_text(MARKUP)
    await signed_in.tab("History")
    await expect(details.get_by_role("list", name="History")).to_contain_text(MARKUP)
    await signed_in.tree("Tables").filter(has_text="ics_holdbacks").click()
    await expect(page.get_by_role("heading", name="ics_holdbacks", exact=True)).to_be_visible()
    assert await page.locator("img, b").count() == 0
    assert await page.title() == "VisualGrid"


async def test_the_token_is_in_no_storage_cookie_address_or_history(visitor: Visitor) -> None:
    page = visitor.page
    tokens: list[str] = []

    async def note(response: Response) -> None:
        if response.url.endswith("/root/auth"):
            tokens.append((await response.json())["data"]["token"])

    page.on("response", note)
    await visitor.sign_in(CODE)
    await visitor.open_zone()
    await until(lambda: len(tokens) == 1, 5, "no token was given")
    kept: dict[str, Any] = await page.evaluate(
        """async () => ({
          storage: [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie],
          databases: (await indexedDB.databases()).length,
          caches: (await caches.keys()).length,
          places: [location.href, JSON.stringify(history.state), document.documentElement.outerHTML],
        })"""
    )
    assert kept["storage"] == ["{}", "{}", ""]
    assert (kept["databases"], kept["caches"]) == (0, 0)
    assert not any(tokens[0] in place or CODE in place for place in kept["places"])
    assert await page.context.cookies() == []
    assert f"ORG%23{ORG}" in kept["places"][0] or f"ORG#{ORG}" in kept["places"][0]


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
async def test_nothing_moves_where_reduced_motion_is_wanted(signed_in: Visitor, motion: Any) -> None:
    page, going = signed_in.page, asyncio.Event()
    await page.emulate_media(reduced_motion=motion)
    await signed_in.open_zone()

    async def late(route: Route) -> None:
        await going.wait()
        await route.continue_()

    async def frames() -> int:
        """Frames that were painted while the browser painted ten times."""
        await page.evaluate("window.frames_painted = 0")
        await page.evaluate(
            """() => new Promise((resolve) => {
              let left = 10;
              const next = () => (left-- > 0 ? requestAnimationFrame(next) : resolve());
              next();
            })"""
        )
        painted: int = await page.evaluate("window.frames_painted")
        return painted

    await page.evaluate(_COUNT_FRAMES)
    await page.route("**/node/children", late)
    await signed_in.button("Expand").click()
    await expect(signed_in.status).to_contain_text("Waiting for ics")
    # A node whose answer is awaited pulses, unless nothing shall move.
    assert (await frames() > 1) == (motion == "no-preference")
    going.set()
    await expect(signed_in.status).to_contain_text("Shown around")
