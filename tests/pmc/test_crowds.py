"""Crowds: what a read or a step costs does not grow with what lies around the records it asks for.

Costs are documents in the ranges that the queries read, and queries sent; each call is made once before it is measured,
because where a page lies is remembered (`chassis/mongo/page_ranges.py`).
"""

import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from chassis.clock import FixedClock
from chassis.entity import Entity
from chassis.ids import new_id
from services.pmc.pack.domain import version_id_of
from services.pmc.pack.store import PACKS, SERIES
from services.pmc.product.history import revision_id_of
from services.pmc.product.store import PRODUCTS, REVISIONS
from services.pmc.rollup.domain import ORG_WIDE, Dimension, RollupKey, rank
from services.pmc.rollup.store import ROLLUPS, rollup_id
from tests.pmc.given import Catalogue, Document, money
from tests.pmc.test_checks_from_outside import things
from tests.reading import reads_of

LONG = bool(os.environ.get("PMC_LONG"))
SHOP_SIZE = 300
STEP_ITEMS = 200
REVISIONS_SIZE = 5_000
PACKS_SIZE = 3_000
PRODUCTS_SIZE = 100_000 if LONG else 2_000
STYLE_VARIANTS, STYLE_CHANNELS = (2_048, 20) if LONG else (500, 4)
TURNS = 1_000 if LONG else 25
OFFLINE = 30
"""Products that are offline: more than a page of them."""

OFFLINE_IN: tuple[dict[str, str], ...] = (
    {},
    {"channel_code": "WEB"},
    {"vendor_id": "ven-a"},
    {"style_id": "s"},
    {"category_id": "cat-a", "channel_code": "WEB"},
)
COLLECTIONS = (
    "pmc_products",
    "pmc_product_revisions",
    "pmc_packs",
    "pmc_rollups",
    "pmc_channel_sums",
    "pmc_trigram_samples",
    "pmc_run_items",
)
GROWTH_MAX = 1.2
COPIED_AT_ONCE = 400


@pytest.fixture(autouse=True)
def _costs_are_those_of_ranges(mongodb_engine: str) -> None:
    if mongodb_engine != "embedded":
        pytest.skip("this server stops reading at the limit of a query")


class Cost(NamedTuple):
    """What a call costs."""

    documents: int
    queries: int


def shop() -> Document:
    """A pack of many variants of one style, vendor and category."""
    document = things(SHOP_SIZE)
    document["vendors"] = [{"vendor_id": "ven-a", "name": "A"}]
    document["styles"][0]["vendor_id"] = "ven-a"
    document["taxonomy"] = [{"node_id": "cat-a", "kind": "category", "name": "All"}]
    document["styles"][0]["channels"] = [{"channel_code": "WEB", "category_id": "cat-a"}]
    for variant in document["styles"][0]["variants"]:
        variant["barcodes"] = [{"value": f"9{variant['variant_id'][2:]}"}]
    return document


async def opened_shop(pmc: Catalogue) -> str:
    """The pack of a shop whose products are published, the first page of them offline; its id."""
    rule = {"kind": "unique", "severity": "error"}
    rules = [{**rule, "rule_id": f"ONE.{field.upper()}", "field": field} for field in ("sku", "barcodes", "handle")]
    await pmc.profile("WEB", auto_online=True, rules=rules)
    pack_id: str = (await pmc.pack(shop()))["pack_id"]
    await pmc.run(pack_id=pack_id)
    for number in range(OFFLINE):
        product = await pmc.product(f"s-{number:05d}")
        named = {"product_id": product["product_id"], "expected_revision": product["revision"]}
        await pmc.good(await pmc.post("/product/online/clear", **named))
    return pack_id


class Copies:
    """Writes copies of a record behind the service's back."""

    def __init__(self, pmc: Catalogue) -> None:
        self.database = pmc.client.application.runtime.database

    async def add(
        self, entity: Entity[Any], record_id: str, size: int, change: Callable[[int, dict[str, Any]], dict[str, Any]]
    ) -> None:
        """So many copies, each with what `change` gives it for its number."""
        collection = self.database.collection(entity.collection)
        (known,) = await collection.find({"_id": record_id})
        for first in range(0, size, COPIED_AT_ONCE):
            numbers = range(first, min(first + COPIED_AT_ONCE, size))
            # In a transaction, since the embedded engine syncs each write of a plain bulk by itself.
            async with self.database.transaction() as transaction:
                await collection.insert_many([{**known, **change(n, known)} for n in numbers], session=transaction)
                await transaction.commit()

    async def set(self, entity: Entity[Any], record_id: str, **fields: Any) -> None:
        """Change fields of one record."""
        await self.database.collection(entity.collection).update_one({"_id": record_id}, {"$set": fields})


async def cost_of(pmc: Catalogue, call: Callable[[], Awaitable[Any]]) -> Cost:
    """What a call costs when it is not the first of its kind."""
    await call()
    async with reads_of(*COLLECTIONS) as reads:
        await call()
    return Cost(await reads.documents(pmc.client.application.runtime.database), reads.queries)


async def costs(pmc: Catalogue, pack_id: str, product_id: str) -> dict[str, Cost]:
    """What each kind of read costs."""

    def get(path: str, **query: Any) -> Callable[[], Awaitable[Any]]:
        async def call() -> Any:
            return await pmc.good(await pmc.get(path, **query))

        return call

    def group(**body: Any) -> Callable[[], Awaitable[Any]]:
        async def call() -> Any:
            return await pmc.good(await pmc.post("/product/group", **body))

        return call

    async def second_page() -> Any:
        first = await pmc.list(category_id="cat-a", channel_code="WEB")
        return await pmc.list(category_id="cat-a", channel_code="WEB", next_token=first["next_token"])

    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "get": get("/product/get", product_id=product_id),
        "get by variant": get("/product/get", variant_id="s-00099", channel_code="WEB"),
        "list of a channel": get("/product/list", channel_code="WEB"),
        "list of a category": get("/product/list", category_id="cat-a", channel_code="WEB"),
        "list of a style": get("/product/list", style_id="s"),
        "list of a SKU": get("/product/list", sku="S-00250"),
        "list of what is online": get("/product/list", channel_code="WEB", only_online="true"),
        **{
            f"list of what is offline by {named}": get("/product/list", online_state="offline", **named)
            for named in OFFLINE_IN
        },
        "second page": second_page,
        "group of values": group(dimension="category", values=["cat-a"], channel_code="WEB"),
        "group of styles": group(dimension="style", channel_code="WEB"),
        "group of styles everywhere": group(dimension="style"),
        "group of vendors": group(dimension="vendor", channel_code="WEB"),
        "group of vendors everywhere": group(dimension="vendor"),
        "group of online vendors everywhere": group(dimension="vendor", online_state="online"),
        "group of a style everywhere": group(dimension="style", values=["s"]),
        "group of a vendor everywhere": group(dimension="vendor", values=["ven-a"]),
        "list of a vendor": get("/product/list", vendor_id="ven-a"),
        "revisions": get("/product/revision/list", product_id=product_id),
        "versions of a pack": get("/pack/list", pack_id=pack_id),
        "search for a SKU": get("/product/search", q="s-00099", channel_code="WEB"),
        "search for a part": get("/product/search", q="00099", mode="contains", channel_code="WEB"),
    }
    return {name: await cost_of(pmc, call) for name, call in calls.items()}


def grown(before: dict[str, Cost], after: dict[str, Cost]) -> dict[str, tuple[Cost, Cost]]:
    """The calls that cost more than they did."""
    return {
        name: (before[name], cost)
        for name, cost in after.items()
        if cost.documents > GROWTH_MAX * before[name].documents or cost.queries > GROWTH_MAX * before[name].queries
    }


async def test_reads_and_steps_cost_what_they_cost_without_a_crowd(pmc: Catalogue, clock: FixedClock) -> None:
    pack_id = await opened_shop(pmc)
    product = await pmc.product("s-00099")
    product_id = product["product_id"]
    copies = Copies(pmc)
    # As many as make a full page before the crowd comes.
    await add_revisions(copies, product_id, 2, 40)
    await add_versions(copies, pack_id, 2, 40)
    await add_values(copies, pmc, 60)
    before = await costs(pmc, pack_id, product_id)
    step_before = await step_cost(pmc, pack_id, "2.00")

    await add_revisions(copies, product_id, 42, REVISIONS_SIZE)
    await add_versions(copies, pack_id, 42, PACKS_SIZE)
    await add_values(copies, pmc, PRODUCTS_SIZE // 10)
    await add_products(copies, product_id, clock)

    assert grown(before, await costs(pmc, pack_id, product_id)) == {}
    step_after = await step_cost(pmc, pack_id, "3.00")
    assert step_after.documents <= GROWTH_MAX * step_before.documents
    assert step_after.queries <= step_before.queries


async def test_turning_products_on_and_off_makes_no_read_or_step_dearer(pmc: Catalogue) -> None:
    pack_id = await opened_shop(pmc)
    step_before = await step_cost(pmc, pack_id, "2.00")
    product = await pmc.product("s-00099")
    revision = product["revision"]
    before = await costs(pmc, pack_id, product["product_id"])

    for turn in range(2 * TURNS):
        path = f"/product/online/{'set' if turn % 2 else 'clear'}"
        answer = await pmc.post(path, product_id=product["product_id"], expected_revision=revision)
        revision = (await pmc.good(answer))["product"]["revision"]

    assert grown(before, await costs(pmc, pack_id, product["product_id"])) == {}
    assert revision == product["revision"] + 2 * TURNS
    step_after = await step_cost(pmc, pack_id, "3.00")
    assert step_after.documents <= GROWTH_MAX * step_before.documents
    assert step_after.queries <= step_before.queries


async def step_cost(pmc: Catalogue, pack_id: str, amount: str) -> Cost:
    """What a step of `STEP_ITEMS` costs, each with a new price."""
    document = shop()
    for variant in document["styles"][0]["variants"]:
        variant["channels"][0]["price"] = money(amount)
    pack = await pmc.pack(document)
    run = await pmc.start(pack_id=pack["pack_id"])
    async with reads_of(*COLLECTIONS) as reads:
        run = await pmc.step(run)
    cost = Cost(await reads.documents(pmc.client.application.runtime.database), reads.queries)
    assert run["outcomes"]["updated"] == STEP_ITEMS
    while run["status"] == "running":
        run = await pmc.step(run)
    return cost


async def add_revisions(copies: Copies, product_id: str, first: int, last: int) -> None:
    """More revisions of a product, as if its content had changed so often."""

    def change(number: int, _known: dict[str, Any]) -> dict[str, Any]:
        return {"_id": revision_id_of(product_id, first + number), "rev": first + number}

    await copies.add(REVISIONS, revision_id_of(product_id, 1), last - first + 1, change)
    await copies.set(PRODUCTS, product_id, **{"head.rev": last})


async def add_versions(copies: Copies, pack_id: str, first: int, last: int) -> None:
    """More versions of a pack."""

    def change(number: int, _known: dict[str, Any]) -> dict[str, Any]:
        return {"_id": version_id_of(pack_id, first + number), "pack_rev": first + number}

    await copies.add(PACKS, version_id_of(pack_id, 1), last - first + 1, change)
    await copies.set(SERIES, pack_id, newest_rev=last)


async def add_values(copies: Copies, pmc: Catalogue, size: int) -> None:
    """More styles and vendors that have products, in the channel and over all."""
    caller = pmc.client.caller
    assert caller is not None
    known: tuple[tuple[Dimension, str], ...] = (("style", "s"), ("vendor", "ven-a"))
    for dimension, value in known:
        for guid in ("ch-web", ORG_WIDE):

            def change(number: int, known: dict[str, Any], like: RollupKey) -> dict[str, Any]:
                key = replace(like, value=f"{like.dimension}-{size}-{number:06d}")
                counts = {"online": 1 + number % 7, "offline": 0}
                ranks = {"rank": rank(counts["online"], key.value), "online_rank": rank(counts["online"], key.value)}
                return {"_id": rollup_id(known["orgcode"], key), "value": key.value, **counts, **ranks}

            key = RollupKey(channel_guid=guid, dimension=dimension, value=value)
            await copies.add(ROLLUPS, rollup_id(caller.orgcode or "", key), size, partial(change, like=key))


async def add_products(copies: Copies, product_id: str, clock: FixedClock) -> None:
    """More products of the same category and style, published in bursts of a step; a style in many channels, too."""

    def more(number: int, known: dict[str, Any]) -> dict[str, Any]:
        if not number % 200:
            clock.advance(0.3)
        name = f"X-{number:06d}"
        names = {"sku": name, "sku_key": name.casefold(), "variant_code": name, "barcodes": [f"8{number:07d}"]}
        indexed = {**known["indexed"], **names}
        terms = {
            **indexed["terms"],
            "words": [name.casefold(), "thing"],
            "bares": [name.casefold()],
            "trigrams": ["thi", "hin", "ing"],
        }
        return {"_id": new_id(clock.now()), "variant_id": name, "indexed": {**indexed, "terms": terms}}

    await copies.add(PRODUCTS, product_id, PRODUCTS_SIZE, more)

    def elsewhere(number: int, known: dict[str, Any]) -> dict[str, Any]:
        """One of a style in many channels, with SKU and barcode of one of the products that a step works on."""
        channel = f"ch-{number % STYLE_CHANNELS}"
        changed = more(number, known)
        sku = f"s-{number // STYLE_CHANNELS % STEP_ITEMS:05d}"
        same = {"sku": sku.upper(), "sku_key": sku, "barcodes": [f"9{sku[2:]}"]}
        indexed = {**changed["indexed"], **same}
        place = {"channel_guid": channel, "channel_code": channel.upper(), "style_id": "wide"}
        return {**changed, **place, "indexed": indexed}

    await copies.add(PRODUCTS, product_id, STYLE_VARIANTS * STYLE_CHANNELS, elsewhere)
