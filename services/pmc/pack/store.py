"""Storage of packs: the series, its versions, and of each version the header, the styles and the items."""

from collections.abc import Sequence
from typing import Any

from chassis.clock import Utc, later
from chassis.entity import HUB, Entity, edge, index, unique
from chassis.errors import NotFound
from chassis.finder import found_by
from chassis.page import Page, Paged
from chassis.unit import Change, View, between, one_of
from chassis.work.queue import NoPayload, WorkQueue
from services.pmc.pack.domain import (
    ItemRow,
    PackDraft,
    PackHeaderDocument,
    PackSeries,
    PackVersion,
    StyleBody,
    StyleRow,
    version_id_of,
)
from services.pmc.pack.progress import Validation

FOUND_BY_VERSION = found_by("{pack_id}/{pack_rev}", pack_id="{pack_id}", pack_rev="{pack_rev}")
"""How records that name a pack and its revision are found by a version's id."""

PACKS = Entity(
    "pack",
    PackVersion,
    collection="pmc_packs",
    id="version_id",
    shard_key=("orgcode", "pack_id"),
    keys=("ORG#{orgcode}", "PACK#{pack_id}#{pack_rev}"),
    id_pattern="{pack_id}/{pack_rev}",
    label="{name} {pack_id} rev {pack_rev}",
    indexes=[
        unique("pack_id", "pack_rev", name="number", refusal="the version exists already"),
        index("state", "upload_expires_utc", name="waiting", every_org=True),
        index("store_id", name="store", every_org=True),
        index("store_id", name="store_of_org"),
    ],
    edges=[
        edge("of", to="pack_series", by="pack_id"),
        edge("published-by", to="run", by="store_id", cardinality="many"),
    ],
)
SERIES = Entity(
    "pack_series",
    PackSeries,
    collection="pmc_pack_series",
    id="pack_id",
    shard_key=("orgcode", "pack_id"),
    keys=("ORG#{orgcode}", "PACKSERIES#{pack_id}"),
    indexes=[index("pack_id")],
    label="{pack_id} up to rev {newest_rev}",
)
HEADERS = Entity(
    "pack_header",
    PackHeaderDocument,
    collection="pmc_pack_headers",
    id="store_id",
    shard_key=("orgcode", "store_id"),
    history=False,
    technical=True,
)
DRAFTS = Entity(
    "pack_draft",
    PackDraft,
    collection="pmc_pack_drafts",
    id="store_id",
    shard_key=("orgcode", "store_id"),
    indexes=[index("begun_utc", name="begun", every_org=True)],
    history=False,
    technical=True,
)
STYLES = Entity(
    "pack_style",
    StyleRow,
    collection="pmc_pack_styles",
    id="style_key",
    shard_key=("orgcode", "store_id"),
    keys=("ORG#{orgcode}", "PACKSTYLE#{pack_id}#{pack_rev}#{style_id}"),
    label="{style_id} in {pack_id} rev {pack_rev}",
    indexes=[index("store_id", "style_id", name="store"), index("pack_id", "pack_rev", "style_id", name="keys")],
    edges=[edge("in", to="pack", by="store_id", at="store_id")],
    history=False,
)
BODIES = Entity(
    "pack_style_body",
    StyleBody,
    collection="pmc_pack_style_bodies",
    id="style_key",
    shard_key=("orgcode", "store_id"),
    indexes=[index("store_id", "style_key", name="store")],
    history=False,
    technical=True,
)
ITEMS = Entity(
    "pack_item",
    ItemRow,
    collection="pmc_pack_items",
    id="item_key",
    shard_key=("orgcode", "store_id"),
    keys=("ORG#{orgcode}", "PACKITEM#{pack_id}#{pack_rev}#{channel_code}#{style_id}#{variant_id}"),
    label="{variant_id} on {channel_code} in {pack_id} rev {pack_rev}",
    indexes=[
        index("store_id", "n", name="number"),
        index("store_id", "channel_code", "style_id", "variant_id", name="variant"),
        index("store_id", "style_id", "n", name="style"),
        index("variant_id", "item_key", name="versions"),
        index("pack_id", "pack_rev", "channel_code", "style_id", "variant_id", name="keys"),
    ],
    finders={"style": found_by("{store_id}/{style_id}", store_id="{store_id}", style_id="{style_id}")},
    edges=[
        edge("of", to="pack_style", by="{store_id}/{style_id}", back="style"),
        edge("names", to="variant", by="variant_id", service=HUB),
        edge("becomes", to="product", by="variant_id", cardinality="many"),
    ],
    history=False,
)


TO_VALIDATE: WorkQueue[NoPayload] = WorkQueue("pmc", "pack", progress=Validation, lease_seconds=120.0)
"""Uploads that are too large to be validated within a call, by version_id."""

OVERDUE_AT_ONCE = 1000

DRAFT_SECONDS = 24 * 3600
"""Age from which rows that no version names are removed."""


def style_key_of(store_id: str, style_id: str) -> str:
    """The id of a style of a version."""
    return f"{store_id}/{style_id}"


def item_key_of(store_id: str, n: int) -> str:
    """The id of an item of a version."""
    return f"{store_id}/{n:09d}"


async def load_version(view: View, pack_id: str, pack_rev: int | None) -> PackVersion:
    """A version, the newest without `pack_rev`. Raises `NotFound`. Index: id."""
    if pack_rev is None:
        series = await view.get(SERIES, pack_id)
        if series is None:
            raise NotFound("there is no such pack")
        pack_rev = series.newest_rev
    version = await view.get(PACKS, version_id_of(pack_id, pack_rev))
    if version is None:
        raise NotFound("there is no such pack version")
    return version


async def list_versions(view: View, pack_id: str, page: Paged) -> Page[PackVersion]:
    """The versions of a pack, newest first. Index: number."""
    return await view.page(PACKS, {"pack_id": pack_id}, page=page, order=("-pack_rev",))


async def list_newest(view: View, page: Paged) -> Page[PackVersion]:
    """The newest version of every pack, newest pack first. Index: pack_id of the series."""
    series = await view.page(SERIES, {}, page=page)
    ids = [version_id_of(each.pack_id, each.newest_rev) for each in series.items]
    versions = await view.get_many(PACKS, ids)
    return Page(items=[versions[each] for each in ids], count=series.count, next_token=series.next_token)


async def styles_of(view: View, store_id: str, style_ids: Sequence[str]) -> dict[str, StyleRow]:
    """These styles of a version, as far as it has them, by style_id. Index: id."""
    found = await view.get_many(STYLES, [style_key_of(store_id, style_id) for style_id in style_ids])
    return {each.style_id: each for each in found.values()}


async def items_of_variants(
    view: View, store_id: str, channel_code: str, style_id: str, variant_ids: Sequence[str]
) -> list[ItemRow]:
    """The items of these variants of a style in a channel, in order. Index: variant."""
    where: dict[str, Any] = {
        "store_id": store_id,
        "channel_code": channel_code,
        "style_id": style_id,
        "variant_id": one_of(variant_ids),
    }
    return await view.find(ITEMS, where, limit=len(variant_ids))


async def forget_draft(change: Change, store_id: str) -> None:
    """A version names the store from now on."""
    draft = await change.get(DRAFTS, store_id)
    if draft is not None:
        await change.delete(DRAFTS, draft)


async def old_drafts(view: View, now: Utc) -> list[PackDraft]:
    """Stores of all orgs whose creation began more than a day ago and never ended, oldest first. Index: begun."""
    where = {"begun_utc": between(at_most=later(now, -DRAFT_SECONDS))}
    return await view.find(DRAFTS, where, order=("begun_utc",), limit=OVERDUE_AT_ONCE)


async def overdue_versions(view: View, now: Utc) -> list[PackVersion]:
    """Versions of all orgs whose upload never came, oldest first. Index: waiting."""
    where = {"state": "awaiting_upload", "upload_expires_utc": between(at_most=now)}
    return await view.find(PACKS, where, order=("upload_expires_utc",), limit=OVERDUE_AT_ONCE)
