"""The explorer in a real browser, by the roles and names that the contract promises."""

import asyncio
import json

from playwright.async_api import Route, expect

from tests.ops.vacuum.stack import CODE
from tests.visualgrid.explorer import ORG, TRACE
from tests.visualgrid.page.crowd import crowd
from tests.visualgrid.page.visitor import Visitor

FIELD = "Secret code"


async def test_signing_in_leads_to_the_services_and_their_tables(signed_in: Visitor) -> None:
    page = signed_in.page
    await expect(page.get_by_role("heading", name="VisualGrid", level=1)).to_be_visible()
    await expect(page.get_by_role("searchbox", name="Find a record")).to_be_focused()
    await expect(page.get_by_role("searchbox")).to_have_attribute("placeholder", "Paste an id from a log line")
    await expect(page.get_by_text("min left")).to_be_visible()
    tables = signed_in.tree("Tables")
    await expect(tables.filter(has_text="ics_zones")).to_have_attribute("aria-level", "2")
    await expect(page.locator('[role=tree][aria-label=Tables] [tabindex="0"]')).to_have_count(1)
    await expect(page.get_by_role("button", name="Newest reservation")).to_be_visible()
    assert await signed_in.violations() == []


async def test_a_wrong_code_is_said_and_keeps_the_focus(visitor: Visitor) -> None:
    visitor.refusals = {401}
    assert await visitor.violations() == []
    await visitor.sign_in("wrong code")
    await expect(visitor.page.get_by_role("alert").filter(has_text="wrong")).to_be_visible()
    await expect(visitor.page.get_by_label(FIELD)).to_be_focused()
    await visitor.sign_in(CODE)
    await expect(visitor.tree("Tables").first).to_be_visible()


async def test_a_table_lists_its_records_page_by_page(signed_in: Visitor) -> None:
    page = signed_in.page
    await signed_in.tree("Tables").filter(has_text="ics_zones").click()
    await expect(page.get_by_role("heading", name="ics_zones")).to_be_visible()
    rows = page.get_by_role("grid", name="Records").get_by_role("row")
    await expect(rows).to_have_count(4)
    await page.get_by_label("Id", exact=True).fill(signed_in.world.zone["zone_id"])
    await signed_in.button("Filter").click()
    await expect(rows).to_have_count(2)
    await rows.nth(1).click()
    await expect(signed_in.status).to_contain_text("1 nodes")
    await expect(signed_in.tree("Graph")).to_have_count(1)


async def test_more_records_follow_at_the_press_of_a_button(signed_in: Visitor) -> None:
    page = signed_in.page

    async def short_pages(route: Route) -> None:
        body = route.request.post_data_json
        assert isinstance(body, dict)
        await route.continue_(post_data=json.dumps({**body, "limit": 2}))

    await page.route("**/node/children", short_pages)
    await signed_in.tree("Tables").filter(has_text="ics_zones").click()
    rows = page.get_by_role("grid", name="Records").get_by_role("row")
    await expect(rows).to_have_count(3)
    await signed_in.button("More records").click()
    await expect(rows).to_have_count(4)
    await expect(signed_in.button("More records")).to_be_hidden()


async def test_details_show_keys_properties_history_and_edges(signed_in: Visitor) -> None:
    page = signed_in.page
    await signed_in.find(f"trace:{TRACE}")
    item = signed_in.tree("Graph").filter(has_text="reservation")
    await item.first.click()
    details = page.get_by_role("complementary", name="Details")
    await expect(details).to_contain_text(f"ORG#{ORG}")
    await expect(details).to_contain_text("quantity")
    await signed_in.tab("History")
    history = details.get_by_role("list", name="History").get_by_role("listitem")
    await expect(history).to_have_count(1)
    await expect(history.first).to_contain_text("ics.reservation.created")
    await expect(history.first.locator("time")).to_have_count(1)
    await history.first.get_by_role("button", name="Same request").click()
    await expect(signed_in.status).to_contain_text("found")
    await signed_in.tab("Edges")
    await expect(details.get_by_role("list", name="Edges")).to_be_visible()
    assert await signed_in.violations() == []


async def test_expanding_collapsing_and_undoing(signed_in: Visitor) -> None:
    await signed_in.open_zone()
    await signed_in.tree("Graph").first.click()
    await signed_in.button("Expand").click()
    await expect(signed_in.status).to_contain_text("Shown around")
    await expect(signed_in.tree("Graph").first).to_have_attribute("aria-expanded", "true")
    await expect(signed_in.tree("Graph").filter(has_text="facility FAC-A")).to_have_count(1)
    await signed_in.button("Collapse").click()
    await expect(signed_in.tree("Graph")).to_have_count(1)
    await signed_in.button("Undo").click()
    await expect(signed_in.tree("Graph").filter(has_text="facility FAC-A")).to_have_count(1)
    await signed_in.button("Legend").click()
    await signed_in.page.get_by_label("facility").uncheck()
    await expect(signed_in.status).to_contain_text("1 hidden")
    assert await signed_in.violations() == []


async def test_the_keyboard_alone_is_enough(signed_in: Visitor) -> None:
    page = signed_in.page
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.type(signed_in.world.zone["zone_id"])
    await signed_in.search()
    await expect(signed_in.status).to_contain_text("1 nodes")
    await page.get_by_role("application", name="Graph canvas").focus()
    await page.keyboard.press("e")
    await expect(signed_in.status).to_contain_text("Shown around")
    await page.keyboard.press("c")
    await expect(signed_in.tree("Graph")).to_have_count(1)
    await page.keyboard.press("u")
    await expect(signed_in.status).to_contain_text("Undone")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("tab", name="Record")).to_be_focused()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    assert await signed_in.violations() == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
    await page.keyboard.press("/")
    box = page.get_by_role("searchbox")
    await expect(box).to_be_focused()
    await box.fill("")
    await page.keyboard.press("/")
    await expect(box).to_have_value("")


async def test_what_is_found_while_the_page_still_loads_stays_as_it_is(visitor: Visitor) -> None:
    page = visitor.page
    found = asyncio.Event()
    loads: list[str] = []

    async def late(route: Route) -> None:
        await found.wait()
        await route.continue_()

    await page.route("**/visualgrid/schema", late)
    page.on("request", lambda request: loads.append(request.url) if "/node/load" in request.url else None)
    await visitor.sign_in(CODE)
    await visitor.find(f"trace:{TRACE}")
    found.set()
    await expect(visitor.tree("Tables").first).to_be_visible()
    reservation = visitor.tree("Graph").filter(has_text="reservation").first
    await reservation.click()
    await expect(visitor.button("Time line")).to_be_visible()
    await expect(reservation).to_have_attribute("aria-selected", "true")
    assert loads == [], "what the search has just shown is loaded again"


async def test_a_link_restores_its_view_after_signing_in(signed_in: Visitor) -> None:
    page = signed_in.page
    name = await signed_in.open_zone()
    address = await signed_in.address()
    assert "#" in address
    assert "token" not in address
    await page.goto("about:blank")
    await page.goto(address)
    await signed_in.sign_in(CODE)
    await expect(signed_in.tree("Graph")).to_have_text([name])
    await expect(signed_in.tree("Graph").first).to_have_attribute("aria-selected", "true")


async def test_a_narrow_window_has_tabs_and_no_sideways_scrolling(signed_in: Visitor) -> None:
    page = signed_in.page
    await page.set_viewport_size({"width": 390, "height": 800})
    await expect(page.get_by_role("tab", name="Canvas")).to_be_visible()
    for tab in ("Tables and outline", "Selected node", "Canvas"):
        await page.get_by_role("tab", name=tab).click()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab
    assert await signed_in.violations() == []


async def test_dark_is_as_readable_as_light(signed_in: Visitor) -> None:
    await signed_in.page.emulate_media(color_scheme="dark")
    await signed_in.open_zone()
    assert await signed_in.violations() == []


async def test_two_thousand_nodes_are_shown_dragged_and_pinned(signed_in: Visitor) -> None:
    page = signed_in.page
    await signed_in.open_zone()
    await page.route("**/node/children", crowd)
    await signed_in.button("Expand all").click()
    await expect(signed_in.status).to_contain_text("2000 nodes")
    await expect(signed_in.status).to_contain_text("The canvas is full")
    await expect(signed_in.tree("Graph")).to_have_count(2000)
    canvas = page.get_by_role("application", name="Graph canvas")
    await expect(canvas).to_have_attribute("aria-busy", "false")
    box = await canvas.bounding_box()
    assert box is not None
    centre = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await signed_in.tree("Graph").first.click()
    await page.mouse.move(*centre)
    await page.mouse.down()
    await page.mouse.move(centre[0] + 120, centre[1] + 60, steps=10)
    await page.mouse.up()
    await page.mouse.click(centre[0] + 120, centre[1] + 60)
    await expect(signed_in.tree("Graph").first).to_have_attribute("aria-selected", "true")
