"""What the explorer can do beyond others: the life of an order, comparisons, "why is it short?", exports and copies."""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from playwright.async_api import Locator, expect

from tests.visualgrid.explorer import ORG, TRACE, Explorer, ref_of
from tests.visualgrid.page.painting import Painting
from tests.visualgrid.page.visitor import Visitor

SPACE = "{http://graphml.graphdrawing.org/xmlns}"


def of_json(text: str) -> list[Any]:
    """The nodes and links of an export, in an order of their own."""
    content = json.loads(text)
    return sorted(json.dumps(each, sort_keys=True) for each in [*content["nodes"], *content["links"]])


def of_csv(text: str) -> list[Any]:
    """The rows, without the numbers of the links."""
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0][:3] == ["row", "id", "service_code"]
    return sorted([*row[:1], "" if row[0] == "link" else row[1], *row[2:12], loaded(row[12])] for row in rows[1:])


def of_graphml(text: str) -> list[Any]:
    """The nodes and edges, without the numbers of the edges."""
    tree = ET.fromstring(text)  # noqa: S314  it is our own
    found = []
    for each in [*tree.iter(f"{SPACE}node"), *tree.iter(f"{SPACE}edge")]:
        named = each.get("id") if each.tag.endswith("node") else (each.get("source"), each.get("target"))
        found.append([str(named), *(str(loaded(data.text or "")) for data in each)])
    return sorted(found)


def loaded(cell: str) -> str:
    """JSON text in one form; any other as it is."""
    return json.dumps(json.loads(cell), sort_keys=True) if cell.startswith("{") else cell


@pytest.mark.parametrize(
    ("item", "name", "reading"),
    [("JSON", "json", of_json), ("CSV", "csv", of_csv), ("GraphML", "graphml", of_graphml)],
    ids=["json", "csv", "graphml"],
)
async def test_an_export_is_what_the_canvas_shows(
    signed_in: Visitor, explorer: Explorer, item: str, name: str, reading: Callable[[str], list[Any]]
) -> None:
    await signed_in.open_zone()
    await signed_in.button("Expand").click()
    await expect(signed_in.status).to_contain_text("Shown around")
    file, saved = await signed_in.export(item)
    assert file == f"visualgrid.{name}"
    node = await explorer.one("ics_zones", signed_in.world.zone["zone_id"])
    made = (await explorer.post("node/export", **ref_of(node), format=name)).data["content"]
    assert reading(saved.decode()) == reading(made if isinstance(made, str) else json.dumps(made))


async def test_an_export_leaves_out_what_is_hidden(signed_in: Visitor) -> None:
    await signed_in.open_zone()
    await signed_in.button("Expand").click()
    await expect(signed_in.status).to_contain_text("Shown around")
    await signed_in.button("Legend").click()
    await signed_in.page.get_by_label("facility").uncheck()
    _, saved = await signed_in.export("JSON")
    await expect(signed_in.status).to_contain_text("1 hidden nodes are left out")
    kinds = {node["metadata"]["entity_type"] for node in json.loads(saved)["nodes"]}
    assert "zone" in kinds
    assert "facility" not in kinds


async def test_a_picture_is_saved(signed_in: Visitor) -> None:
    await signed_in.open_zone()
    file, saved = await signed_in.export("Picture")
    assert file == "visualgrid.png"
    assert saved.startswith(b"\x89PNG")


async def test_what_is_copied_names_the_record_and_no_token(signed_in: Visitor) -> None:
    page, zone_id = signed_in.page, signed_in.world.zone["zone_id"]
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await signed_in.open_zone()
    copied = {}
    for item in ("Id", "Keys", "curl"):
        await signed_in.button("Copy").click()
        await page.get_by_role("menuitem", name=item, exact=True).click()
        await expect(signed_in.status).to_contain_text("Copied")
        copied[item] = await page.evaluate("navigator.clipboard.readText()")
    assert copied["Id"] == zone_id
    assert copied["Keys"] == f"ORG#{ORG} ZONE#{zone_id}"
    assert "-H 'x-vg-token: '" in copied["curl"]
    assert copied["curl"].endswith(f"{signed_in.world.url}/visualgrid/node/load")


async def test_two_moments_are_compared(signed_in: Visitor) -> None:
    await signed_in.open_zone()
    await signed_in.button("Compare").click()
    dialog = signed_in.page.get_by_role("dialog", name="Compare")
    await expect(dialog).to_contain_text("No field differs")
    assert await signed_in.violations() == []
    await dialog.get_by_role("button", name="Close").click()


async def test_two_records_are_compared_field_by_field(signed_in: Visitor) -> None:
    page = signed_in.page
    await signed_in.tree("Tables").filter(has_text="ics_zones").click()
    rows = page.get_by_role("grid", name="Records").get_by_role("row")
    for place in (1, 2):
        await rows.nth(place).click()
    await expect(signed_in.tree("Graph")).to_have_count(2)
    await signed_in.button("Compare").click()
    dialog = page.get_by_role("dialog", name="Compare")
    await dialog.get_by_label("Before").select_option(index=1)
    await expect(dialog.get_by_role("row").filter(has=page.get_by_role("rowheader", name="code"))).to_have_count(1)
    await dialog.get_by_role("button", name="Close").click()


async def shrunk(visitor: Visitor) -> str:
    """The id of a new reservation of three units, of which one was released."""
    shop = visitor.world.shop
    _, _, made = await shop.ask("/ics/reservation/create", variant_id="V-1", quantity=3)
    reservation_id: str = made["data"]["reservation"]["reservation_id"]
    status, _, _ = await shop.ask(
        "/ics/reservation/release", reservation_id=reservation_id, expected_revision=1, quantity=1
    )
    assert status == 200
    return reservation_id


def field(details: Locator, name: str) -> Locator:
    """The value of a property in the details."""
    return details.locator("dt", has_text=re.compile(f"^{name}$")).locator("xpath=following-sibling::dd[1]")


async def test_a_moment_of_the_time_line_shows_the_graph_as_it_was(signed_in: Visitor) -> None:
    page = signed_in.page
    await signed_in.find(await shrunk(signed_in))
    details = page.get_by_role("complementary", name="Details")
    await expect(field(details, "remaining")).to_have_text("2")
    await signed_in.button("Time line").click()
    line = page.get_by_role("region", name="Time line")
    await expect(line.get_by_role("listitem").filter(has_text="ics").first).to_be_visible()
    assert await signed_in.violations() == []
    created = line.get_by_role("button", name="ics.reservation.created")
    await created.last.click()
    await expect(signed_in.status).to_contain_text("The graph as it was at")
    await expect(signed_in.tree("Graph").filter(has_text="reservation").first).to_be_visible()
    await expect(details).to_contain_text("As it was at")
    await expect(field(details, "remaining")).to_have_text("3")
    await signed_in.button("Back to now").click()
    await expect(line).to_be_hidden()
    await expect(field(details, "remaining")).to_have_text("2")


async def test_a_reservation_has_a_time_line_with_a_lane_for_each_service(signed_in: Visitor) -> None:
    await signed_in.find(f"trace:{TRACE}")
    await signed_in.tree("Graph").filter(has_text="reservation").first.click()
    painting = await Painting.of(signed_in.page)
    await signed_in.button("Time line").click()
    line = signed_in.page.get_by_role("region", name="Time line")
    await expect(line.get_by_role("button", name="ics.reservation.created").first).to_be_visible()
    await expect(line).to_contain_text("complete")
    canvas = signed_in.page.get_by_role("application", name="Graph canvas")
    await expect(canvas).to_have_attribute("aria-busy", "false")
    await painting.until(outside=0)
    await signed_in.tree("Tables").filter(has_text="ics_zones").click()
    await expect(line).to_be_hidden()


async def test_a_balance_says_why_it_is_short_and_each_number_leads_to_its_records(signed_in: Visitor) -> None:
    page, shop = signed_in.page, signed_in.world.shop
    status, _, _ = await shop.ask("/ics/holdback/set", variant_id="V-0", quantity=2, reason="for a fair")
    assert status == 200
    await signed_in.find_keys(f"ORG#{ORG} ITEM#FAC-A#V-0")
    await signed_in.button("Why is it short?").click()
    dialog = page.get_by_role("dialog", name="Why is it short?")
    for name, units in (("on hand", 10), ("minus reservations", 3), ("minus holdbacks", 2), ("promisable", 5)):
        row = dialog.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))
        await expect(row.get_by_role("cell").first).to_have_text(str(units))
    assert await signed_in.violations() == []
    await dialog.get_by_role("button", name="Show reservations").click()
    await expect(signed_in.status).to_contain_text("reservations: all 2 records of V-0")
    await expect(signed_in.tree("Graph").filter(has_text="reservation")).to_have_count(2)
    await expect(signed_in.button("Why is it short?")).to_be_hidden()


async def test_tables_records_and_menus_need_no_mouse(signed_in: Visitor) -> None:
    page = signed_in.page
    await page.locator('[role=tree][aria-label=Tables] [tabindex="0"]').focus()
    table = signed_in.tree("Tables").filter(has_text="ics_zones")
    names = await signed_in.tree("Tables").all_text_contents()
    for _ in range(next(place for place, name in enumerate(names) if name.startswith("ics_zones "))):
        await page.keyboard.press("ArrowDown")
    await expect(table).to_be_focused()
    await page.keyboard.press("Enter")
    rows = page.get_by_role("grid", name="Records").get_by_role("row")
    await expect(rows).not_to_have_count(1)
    await rows.nth(1).focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(signed_in.tree("Graph")).to_have_count(1)
    canvas = page.get_by_role("application", name="Graph canvas")
    await canvas.focus()
    await page.keyboard.press("Shift+ArrowRight")
    await page.keyboard.press("e")
    await expect(signed_in.status).to_contain_text("Shown around")
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="History")).to_be_focused()
    history = page.get_by_role("list", name="History")
    await expect(history.get_by_role("listitem")).to_have_count(1)
    await signed_in.button("Export").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem", name="JSON")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    async with page.expect_download() as downloading:
        await page.keyboard.press("Enter")
    assert (await downloading.value).suggested_filename == "visualgrid.csv"
