"""What a channel shows follows pointers, runs and people at once; the change feed ends where product/get is."""

import asyncio
from time import monotonic
from typing import Any

from tests.pmc.given import CHANGES_SECONDS_MAX, Catalogue, money, offer_of, spring, variant_of
from tests.waiting import stretched


async def tees_in_web(pmc: Catalogue) -> dict[str, int]:
    """The counts of two categories in the web shop."""
    values = ["cat-tees", "cat-mugs"]
    answer = await pmc.post("/product/group", dimension="category", values=values, channel_code="WEB")
    return {each["value"]: each["count"] for each in (await pmc.good(answer))["groups"]}


async def shown(pmc: Catalogue) -> tuple[str, list[str], list[str], dict[str, int]]:
    """The price of the red tee in get and list, what a search for its new name finds, and the counts by category."""
    price = (await pmc.product("v-red-m"))["content"]["price"]["amount"]
    listed = (await pmc.list(channel_code="WEB"))["items"]
    prices = [each["price"]["amount"] for each in listed if each["variant_id"] == "v-red-m"]
    return price, prices, await pmc.found(q="crimson", channel_code="WEB"), await tees_in_web(pmc)


async def test_a_fallback_shows_old_content_everywhere_in_the_very_next_call(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    pack = await pmc.pack(spring())
    await pmc.run(pack_id=pack["pack_id"])
    later = spring()
    offer_of(later, "v-red-m", "WEB")["price"] = money("17.50")
    variant_of(later, "v-red-m")["title"] = "Crimson tee"
    next(each for each in later["styles"] if each["style_id"] == "st-tee")["channels"][0]["category_id"] = "cat-mugs"
    await pmc.pack(later, pack_id=pack["pack_id"])
    await pmc.run(pack_id=pack["pack_id"], style_id="st-tee", variant_id="v-red-m", channel_code="WEB")
    new = ("17.5", ["17.5"], ["TEE-RED-M"], {"cat-tees": 2, "cat-mugs": 2})
    old: tuple[str, list[str], list[str], dict[str, int]] = ("19.9", ["19.9"], [], {"cat-tees": 3, "cat-mugs": 1})
    assert await shown(pmc) == new
    product = await pmc.product("v-red-m")
    first = await pmc.product("v-red-m", rev=1)
    pointer = {"product_id": product["product_id"], "pointer": "fallback"}

    set_ = await pmc.post("/product/pointer/set", **pointer, rev=1, rev_id=first["head"]["rev_id"])
    assert set_.status == 409, "the hash of another revision is refused"
    revisions = (await pmc.good(await pmc.get("/product/revision/list", variant_id="v-red-m", channel_guid="ch-web")))[
        "items"
    ]
    await pmc.good(await pmc.post("/product/pointer/set", **pointer, rev=1, rev_id=revisions[-1]["rev_id"]))
    assert await shown(pmc) == old

    offer_of(later, "v-red-m", "WEB")["price"] = money("16.00")
    await pmc.pack(later, pack_id=pack["pack_id"])
    run = await pmc.run(pack_id=pack["pack_id"], style_id="st-tee", variant_id="v-red-m", channel_code="WEB")
    assert (run["pinned"], await shown(pmc)) == (1, old)

    revision = (await pmc.product("v-red-m"))["revision"]
    await pmc.good(await pmc.post("/product/pointer/clear", **pointer, expected_revision=revision))
    assert await shown(pmc) == ("16", ["16"], *new[2:])


class Follower:
    """A client that follows product/changes and keeps the last answer of each product."""

    def __init__(self, pmc: Catalogue) -> None:
        self.pmc = pmc
        self.token: str | None = None
        self.last: dict[str, Any] = {}

    async def read(self) -> None:
        """Read what there is, page by page."""
        while True:
            after = {"after": self.token} if self.token else {}
            page = await self.pmc.good(await self.pmc.get("/product/changes", limit="2", **after))
            self.token = page["next_token"]
            self.last |= {each["product"]["product_id"]: each["product"] for each in page["items"]}
            if page["count"] < 2:
                return


async def test_a_client_that_follows_the_changes_ends_where_get_is(pmc: Catalogue) -> None:
    follower = Follower(pmc)
    await pmc.scenario_profiles()
    pack = await pmc.pack(spring())
    run = await pmc.start(pack_id=pack["pack_id"])
    while run["status"] == "running":
        run = await pmc.step(run, max_items=2)
        await follower.read()
    red, blue = await pmc.product("v-red-m"), await pmc.product("v-blu-m")
    for each in (red, blue):
        answer = await pmc.post(
            "/product/online/clear", product_id=each["product_id"], expected_revision=each["revision"]
        )
        await pmc.good(answer)
    await follower.read()
    later = spring()
    offer_of(later, "v-red-l", "WEB")["price"] = money("15.00")
    offer_of(later, "v-mug", "WEB")["price"] = money("9.00")
    offer_of(later, "v-blu-m", "STORE")["status"] = "withdrawn"
    await pmc.pack(later, pack_id=pack["pack_id"])
    second = await pmc.run(pack_id=pack["pack_id"])
    await pmc.run(undo_of=second["run_id"])

    wanted = {}
    for channel in ("ch-web", "ch-store"):
        for each in (await pmc.list(channel_guid=channel, limit="256"))["items"]:
            product = (await pmc.good(await pmc.get("/product/get", product_id=each["product_id"])))["product"]
            wanted[product["product_id"]] = (product.get("served"), product["online_state"])
    deadline = monotonic() + stretched(CHANGES_SECONDS_MAX)
    followed: dict[str, Any] = {}
    while followed != wanted and monotonic() < deadline:
        await asyncio.sleep(0.05)
        await follower.read()
        followed = {
            product_id: (product.get("served"), product["online_state"])
            for product_id, product in follower.last.items()
        }
    assert followed == wanted
    assert len(wanted) == 7
