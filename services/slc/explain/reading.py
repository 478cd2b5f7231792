"""Reading everything that an explanation is made of: what is stored, and PMC, ICS and Shopify as they are now."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc
from chassis.errors import Refusal
from chassis.rpc.client import Channels
from chassis.unit import Units, View
from services.slc.channel.store import CHANNELS, status_of
from services.slc.credential.access import ShopAccess
from services.slc.explain.domain import Facts, Match, Stored, Unknown
from services.slc.explain.matching import Matcher
from services.slc.order.store import POSTINGS
from services.slc.shopify.errors import ShopFailed
from services.slc.shopify.port import METAFIELDS_MAX, Shop
from services.slc.shopify.states import LevelState, ShopFacts
from services.slc.shopify.words import Gid
from services.slc.sync.content import VariantListing
from services.slc.sync.fields import metafields_of
from services.slc.sync.plan import Member
from services.slc.sync.quantities import levels_of
from services.slc.sync.sources import listings, style_listings, units_of
from services.slc.variant.domain import StoredVariant, StyleMap, new_variant, row_id_of
from services.slc.variant.store import STYLE_MAPS, VARIANTS, rows_of_style, writes_of_variant

PART_SECONDS = 2.0
"""How long a part may take to answer; later, its checks are not made."""

T = TypeVar("T")


async def stored_of(view: View, channel_id: str, variant_id: str) -> Stored:
    """What is stored of a variant and its channel. Raises `NotFound`. Index: id, variant."""
    channel = await view.load(CHANNELS, channel_id)
    held = {"channel_id": channel_id, "variant_id": variant_id, "state": "open"}
    return Stored(
        channel=channel,
        status=await status_of(view, channel_id),
        row=await view.get(VARIANTS, row_id_of(channel_id, variant_id)),
        writes=await writes_of_variant(view, channel_id, variant_id),
        postings=await view.find(POSTINGS, held),
    )


class FactsReader:
    """Reads the facts about one variant. Nothing is written, here or in the shop."""

    def __init__(self, units: Units, call: Call, access: ShopAccess, channels: Channels, stored: Stored) -> None:
        self._units = units
        self._call = call
        self._access = access
        self._channels = channels
        self._stored = stored

    async def facts(self, variant_id: str) -> Facts:
        """The facts of this moment."""
        stored, channel, now = self._stored, self._stored.channel, Utc(self._call.started_utc)
        row = stored.row or new_variant(channel.channel_id, variant_id, now, self._call.caller.actor)
        row = replace(row, included=True)
        shop = await self._shop()
        listing, units, facts, locations = await asyncio.gather(
            answered("PMC", self._listing(variant_id)),
            answered("ICS", units_of(self._channels, self._call, channel, [variant_id])),
            answered("Shopify", _facts(shop)),
            answered("Shopify", _locations(shop)),
        )
        style, others = await self._style(row, listing)
        match, levels = await self._shown(shop, row, listing, style, others)
        metafields = await answered("Shopify", self._metafields(shop, match, listing))
        return Facts(
            stored=stored,
            row=row,
            now=now,
            listing=listing,
            others=others,
            shop=facts,
            locations=locations,
            match=match,
            levels=levels,
            metafields=metafields,
            units=units,
        )

    async def _shop(self) -> Shop | Unknown:
        """The shop, of whose points only those above the reserve are taken."""
        channel = self._stored.channel
        try:
            return await self._access.shop(
                self._call,
                channel,
                reserve_percent=channel.config.reserve_percent,
                patience_seconds=PART_SECONDS,
            )
        except ShopFailed as failure:
            return Unknown(why=failure.message)

    async def _listing(self, variant_id: str) -> VariantListing:
        return (await listings(self._channels, self._call, self._stored.channel, [variant_id]))[variant_id]

    async def _style(
        self, row: StoredVariant, listing: VariantListing | Unknown
    ) -> tuple[StyleMap | None, list[Member] | Unknown]:
        """What is known of the style's product, and its other variants; nothing of custom channels."""
        channel, style_id = self._stored.channel, row.style_id
        if not isinstance(listing, Unknown) and listing.content is not None:
            style_id = listing.content.style_id
        if channel.type == "custom" or style_id is None:
            return None, []

        async def read(view: View) -> tuple[StyleMap | None, list[StoredVariant]]:
            known = await view.get(STYLE_MAPS, row_id_of(channel.channel_id, style_id))
            rows = await rows_of_style(view, channel.channel_id, style_id)
            return known, [each for each in rows if each.variant_id != row.variant_id]

        style, rows = await self._units.view(self._call, read)
        if not rows:
            return style, []
        found = await answered("PMC", style_listings(self._channels, self._call, channel, style_id))
        if isinstance(found, Unknown):
            return style, found
        by_id = {each.variant_id: each for each in found}
        return style, [
            Member(row=each, listing=by_id.get(each.variant_id, VariantListing(variant_id=each.variant_id)))
            for each in rows
        ]

    async def _shown(
        self,
        shop: Shop | Unknown,
        row: StoredVariant,
        listing: VariantListing | Unknown,
        style: StyleMap | None,
        others: list[Member] | Unknown,
    ) -> tuple[Match | Unknown, dict[Gid, LevelState] | Unknown]:
        """What the shop shows of the variant and of its levels."""
        if isinstance(shop, Unknown):
            return shop, shop
        matcher = Matcher(shop, self._stored.channel, style, [] if isinstance(others, Unknown) else others)
        match = await answered("Shopify", matcher.match(row, listing))
        if isinstance(match, Unknown):
            return match, match
        return match, await answered("Shopify", self._levels(shop, match))

    async def _levels(self, shop: Shop, match: Match) -> dict[Gid, LevelState]:
        item_id = match.row.inventory_item_id
        if item_id is None or not self._stored.channel.syncs("inventory"):
            return {}
        places = [each.location_id for each in levels_of(self._stored.channel, match.row)]
        found = await asyncio.gather(*(shop.levels.states([item_id], each) for each in places))
        return {place: states[item_id] for place, states in zip(places, found, strict=True) if item_id in states}

    async def _metafields(
        self, shop: Shop | Unknown, match: Match | Unknown, listing: VariantListing | Unknown
    ) -> dict[str, str] | Unknown:
        """What the shop shows of the metafields that the listing has."""
        if isinstance(shop, Unknown):
            return shop
        if isinstance(match, Unknown):
            return match
        content = None if isinstance(listing, Unknown) else listing.content
        keys = list(metafields_of(content, self._stored.channel.config)) if content is not None else []
        found: dict[str, str] = {}
        for start in range(0, len(keys) if match.state is not None else 0, METAFIELDS_MAX):
            assert match.state is not None
            part = await shop.products.metafields([match.state.id], keys[start : start + METAFIELDS_MAX])
            found |= part.get(match.state.id, {})
        return found


async def _facts(shop: Shop | Unknown) -> ShopFacts | Unknown:
    return shop if isinstance(shop, Unknown) else await shop.account.probe()


async def _locations(shop: Shop | Unknown) -> frozenset[Gid] | Unknown:
    if isinstance(shop, Unknown):
        return shop
    return frozenset(each.id for each in await shop.account.locations())


async def answered(part: str, asked: Awaitable[T | Unknown]) -> T | Unknown:
    """What a part answers; `Unknown` if it fails, or takes longer than it may."""
    try:
        async with asyncio.timeout(PART_SECONDS):
            return await asked
    except TimeoutError:
        return Unknown(why=f"{part} did not answer within {PART_SECONDS:g} s")
    except Refusal as refusal:
        return Unknown(why=f"{part} did not answer: {refusal.message}")
