"""Reading a page of a channel's variants: what is stored, and PMC, ICS and the shop as they are now."""

from collections.abc import Sequence

from chassis.caller import Call
from chassis.entity import Value
from chassis.rpc.client import Channels
from chassis.unit import Units, View
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import status_of
from services.slc.comparison.comparing import Subject
from services.slc.job.domain import SyncJob
from services.slc.job.store import JOBS
from services.slc.shopify.port import METAFIELDS_MAX, Shop
from services.slc.shopify.words import Gid
from services.slc.sync.content import Units as UnitsOf
from services.slc.sync.content import VariantListing
from services.slc.sync.fields import metafields_of
from services.slc.sync.plan import Member
from services.slc.sync.quantities import levels_of
from services.slc.sync.sources import listings, units_of
from services.slc.variant.domain import StoredVariant, StyleMap, row_id_of
from services.slc.variant.store import STYLE_MAPS, rows_after, rows_of_style

PAGE_ROWS = 100
"""Variants of a page: as many as one call reads of a shop."""

MEMBERS_MAX = 4_000
"""Variants of all styles of a page; a page that would pass it ends earlier."""


class StoredPage(Value):
    """The rows of a page, and the rows of their styles.

    rows       those to compare: in step, mapped, and without a waiting job
    members    style -> its rows; a row of no style stands alone under its own id
    passed     the last row of the page, compared or not; None at the end of the list
    """

    rows: tuple[StoredVariant, ...]
    members: dict[str, list[StoredVariant]]
    styles: dict[str, StyleMap]
    passed: str | None
    currency: str
    caught_up_utc: str | None


class DriftPage(Value):
    """A page with everything its variants are compared by."""

    stored: StoredPage
    subjects: tuple[Subject, ...]
    units: UnitsOf


def is_compared(row: StoredVariant, job: SyncJob | None) -> bool:
    """Whether a variant is compared: it is in step, and nothing waits to be synced."""
    in_step = row.included and row.sync_state == "synced" and row.shopify_variant_id is not None
    return in_step and (job is None or not job.is_waiting)


async def stored_page(view: View, channel: StoredChannel, after: str) -> StoredPage:
    """The next rows of a channel. Index: channel, style, id."""
    found = await rows_after(view, channel.channel_id, after, PAGE_ROWS)
    jobs = await view.get_many(JOBS, [row.row_id for row in found])
    members: dict[str, list[StoredVariant]] = {}
    rows: list[StoredVariant] = []
    passed: str | None = found[-1].row_id if len(found) == PAGE_ROWS else None
    for row in found:
        if not is_compared(row, jobs.get(row.row_id)):
            continue
        key = style_key(row)
        if key not in members:
            if rows and sum(map(len, members.values())) > MEMBERS_MAX:
                passed = rows[-1].row_id
                break
            known = await rows_of_style(view, channel.channel_id, row.style_id) if row.style_id else [row]
            members[key] = known
        rows.append(row)
    ids = [row_id_of(channel.channel_id, row.style_id) for row in rows if row.style_id]
    maps = await view.get_many(STYLE_MAPS, list(dict.fromkeys(ids)))
    status = await status_of(view, channel.channel_id)
    return StoredPage(
        rows=tuple(rows),
        members=members,
        styles={each.style_id: each for each in maps.values()},
        passed=passed,
        currency=status.credentials.shop_currency or "",
        caught_up_utc=status.caught_up_utc,
    )


def style_key(row: StoredVariant) -> str:
    """The style of a row, or its own id where it has none."""
    return row.style_id or row.row_id


class PageReader:
    """Reads what the variants of a page are compared by; nothing is written. Raises `ShopFailed`, `Refusal`."""

    def __init__(self, units: Units, call: Call, channels: Channels, channel: StoredChannel, shop: Shop) -> None:
        self._units = units
        self._call = call
        self._channels = channels
        self._channel = channel
        self._shop = shop

    async def read(self, stored: StoredPage) -> DriftPage:
        """The page with content, quantities and what the shop shows."""
        channel, rows = self._channel, stored.rows
        member_ids = list(dict.fromkeys(each.variant_id for group in stored.members.values() for each in group))
        content = await listings(self._channels, self._call, channel, member_ids)
        states = await self._shop.products.states([row.shopify_variant_id for row in rows if row.shopify_variant_id])
        levels = await self._levels(rows)
        metafields = await self._metafields(rows, content)
        asked = [row.variant_id for row in rows]
        units = await units_of(self._channels, self._call, channel, asked) if channel.syncs("inventory") else {}
        firsts = {_first(group) for group in stored.members.values()}
        subjects = []
        for row in rows:
            members = [Member(row=each, listing=content[each.variant_id]) for each in stored.members[style_key(row)]]
            subjects.append(
                Subject(
                    member=Member(row=row, listing=content[row.variant_id]),
                    members=members,
                    style=stored.styles.get(row.style_id or ""),
                    is_first=row.row_id in firsts,
                    state=states.get(row.shopify_variant_id or ""),
                    levels=levels.get(row.row_id, {}),
                    metafields=metafields.get(row.shopify_variant_id or "", {}),
                )
            )
        return DriftPage(stored=stored, subjects=tuple(subjects), units=units)

    async def _levels(self, rows: Sequence[StoredVariant]) -> dict[str, dict[Gid, int | None]]:
        """Row -> location -> units shown, at every location that a row has or should have."""
        if not self._channel.syncs("inventory"):
            return {}
        places: dict[Gid, list[StoredVariant]] = {}
        for row in rows:
            for level in levels_of(self._channel, row) if row.inventory_item_id else ():
                places.setdefault(level.location_id, []).append(row)
        found: dict[str, dict[Gid, int | None]] = {}
        for location_id, there in places.items():
            items = [row.inventory_item_id for row in there if row.inventory_item_id]
            states = await self._shop.levels.states(items, location_id)
            for row in there:
                state = states.get(row.inventory_item_id or "")
                found.setdefault(row.row_id, {})[location_id] = state.available if state is not None else None
        return found

    async def _metafields(
        self, rows: Sequence[StoredVariant], content: dict[str, VariantListing]
    ) -> dict[Gid, dict[str, str]]:
        """Variant of the shop -> what it shows of the metafields that PMC has for the page's variants."""
        keys: dict[str, None] = {}
        owners: list[Gid] = []
        for row in rows:
            listed = content[row.variant_id].content
            own = metafields_of(listed, self._channel.config) if listed is not None else {}
            keys.update(dict.fromkeys(own))
            if own and row.shopify_variant_id:
                owners.append(row.shopify_variant_id)
        found: dict[Gid, dict[str, str]] = {}
        for start in range(0, len(keys) if owners else 0, METAFIELDS_MAX):
            part = await self._shop.products.metafields(owners, list(keys)[start : start + METAFIELDS_MAX])
            for owner, values in part.items():
                found.setdefault(owner, {}).update(values)
        return found


def _first(group: Sequence[StoredVariant]) -> str:
    """The row with which differences of a style's product are told."""
    return min((row.row_id for row in group if is_compared(row, None)), default="")
