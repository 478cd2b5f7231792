"""A page in a real browser. What its console, its policy and its requests say is part of every test."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.ops.vacuum.stack import CODE
from tests.visualgrid.explorer import World
from tests.visualgrid.page import chromium
from tests.visualgrid.page.visitor import Visitor
from tests.waiting import stretched


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium without a window."""
    try:
        path = chromium.path()
    except chromium.NoBrowser as reason:
        pytest.skip(str(reason))
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=path, args=list(chromium.FLAGS))
        yield found
        await found.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(browser: Browser, grid: World) -> AsyncIterator[Visitor]:
    """A visitor of the page, not signed in; at the end, nothing may have gone wrong in the browser."""
    context = await browser.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
    context.set_default_timeout(stretched(10) * 1000)
    found = Visitor(grid, await context.new_page(), urlsplit(grid.url).netloc)
    await found.visit()
    yield found
    await context.close()
    assert found.problems == []


@pytest_asyncio.fixture(loop_scope="module")
async def signed_in(visitor: Visitor) -> Visitor:
    """A visitor who has signed in."""
    await visitor.sign_in(CODE)
    return visitor
