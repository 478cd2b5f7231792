"""Somebody in front of the page, who finds its parts by role and name as a screen reader does."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import ConsoleMessage, Locator, Page, Request, expect

from tests.documents import node_tools
from tests.visualgrid.explorer import World
from tests.waiting import stretched, until

AXE = node_tools.FOLDER / "node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Visitor:
    """One page. `refusals` are statuses whose failure the browser is expected to report in its console."""

    def __init__(self, world: World, page: Page, host: str) -> None:
        self.world = world
        self.page = page
        self.refusals: set[int] = set()
        self.problems: list[str] = []
        self._host = host
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", self._watch)
        page.set_default_timeout(stretched(10) * 1000)
        expect.set_options(timeout=stretched(10) * 1000)

    def _listen(self, message: ConsoleMessage) -> None:
        expected = any(f"status of {status}" in message.text for status in self.refusals)
        if message.type in {"error", "warning"} and not expected:
            self.problems.append(f"{message.type}: {message.text}")

    def _watch(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme not in {"data", "blob"} and where.netloc != self._host:
            self.problems.append(f"a request to {where.netloc}")

    async def visit(self, fragment: str = "") -> None:
        """Open the page."""
        await self.page.goto(f"{self.world.url}/visualgrid/ui/{fragment}")

    async def sign_in(self, code: str) -> None:
        """Type the code and send it."""
        field = self.page.get_by_label("Secret code")
        await expect(field).to_be_focused()
        await field.fill(code)
        await field.press("Enter")

    async def address(self) -> str:
        """The address of the view, as the page has it now; `Page.url` follows it a moment later."""
        address: str = await self.page.evaluate("location.href")
        return address

    def button(self, name: str) -> Locator:
        """The button with exactly this name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def tree(self, name: str) -> Locator:
        """A tree's items."""
        return self.page.get_by_role("tree", name=name, exact=True).get_by_role("treeitem")

    @property
    def status(self) -> Locator:
        """What the page says of the last action."""
        return self.page.get_by_role("status")

    async def find(self, text: str) -> None:
        """Search for a text."""
        await self.page.get_by_role("searchbox", name="Find a record").fill(text)
        await self.search()

    async def find_keys(self, text: str) -> None:
        """Search for a record by its PK and SK, which is there."""
        await self.page.get_by_role("searchbox", name="Find a record").fill(text)
        await self.page.keyboard.press("Enter")
        await expect(self.status).to_contain_text("1 nodes")

    async def search(self) -> None:
        """Press Enter in the search box, and again while the page says that a service did not answer.

        A service on a busy machine may miss the second that it has.
        """

        async def all_answered() -> bool:
            async with self.page.expect_response("**/visualgrid/node/children"):
                await self.page.keyboard.press("Enter")
            await expect(self.status).to_contain_text("found")
            return "did not answer" not in (await self.status.text_content() or "")

        await until(all_answered, 10, "some service never answers in time")

    async def open_zone(self) -> str:
        """Put the world's zone on the canvas; the name of its item in the outline."""
        await self.find(self.world.zone["zone_id"])
        await expect(self.status).to_contain_text("1 nodes")
        name = await self.tree("Graph").first.text_content()
        assert name is not None
        return name

    async def export(self, item: str) -> tuple[str, bytes]:
        """The name and content of the file that an item of the menu "Export" saves."""
        await self.button("Export").click()
        async with self.page.expect_download() as downloading:
            await self.page.get_by_role("menuitem", name=item, exact=True).click()
        download = await downloading.value
        path = await download.path()
        return download.suggested_filename, await asyncio.to_thread(path.read_bytes)

    async def tab(self, name: str) -> None:
        """Choose a tab of the details."""
        await self.page.get_by_role("tab", name=name, exact=True).click()

    async def violations(self) -> list[Any]:
        """What axe-core finds."""
        # Read as text, since the policy lets no script in; Playwright evaluates beside it.
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await self.page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})"
            ".then(found => found.violations.map(({id, nodes}) => `${id}: ${nodes.map(node => node.html).join(' ')}`))",
            RULES,
        )
        listed: list[Any] = found
        return listed
