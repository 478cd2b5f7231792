"""The picture of the explorer in the documentation: PICTURES=1 keeps it under docs/pictures."""

import os
from pathlib import Path

from playwright.async_api import expect

from tests.visualgrid.page.visitor import Visitor

KEPT = Path(__file__).parents[3] / "docs/pictures/visualgrid.png"


async def test_a_picture_shows_a_reservation_and_what_is_around_it(signed_in: Visitor, tmp_path: Path) -> None:
    page = signed_in.page
    await page.get_by_role("button", name="Newest reservation").click()
    await expect(signed_in.tree("Graph")).to_have_count(1)
    await signed_in.button("Expand").click()
    await expect(signed_in.status).to_contain_text("Shown around")
    await signed_in.tree("Graph").filter(has_text="variant V-0").click()
    await signed_in.button("Expand").click()
    await expect(signed_in.status).to_contain_text("Shown around V-0")
    await expect(page.get_by_role("application", name="Graph canvas")).to_have_attribute("aria-busy", "false")
    await signed_in.tree("Tables").first.scroll_into_view_if_needed()
    await signed_in.button("Fit").click()
    picture = await page.screenshot(path=KEPT if os.environ.get("PICTURES") else tmp_path / "visualgrid.png")
    assert picture.startswith(b"\x89PNG")
