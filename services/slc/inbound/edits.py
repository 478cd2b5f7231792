"""Edits of products in the shop: told from our own writes by value, and put right where the channel says so."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc, seconds_between
from chassis.entity import Value
from chassis.unit import Change, Units, View
from services.slc.audit.domain import FieldChange
from services.slc.audit.store import record
from services.slc.channel.domain import StoredChannel
from services.slc.counters.store import count
from services.slc.credential.access import ShopAccess
from services.slc.job.domain import Reason
from services.slc.job.store import JOBS, note
from services.slc.shopify.states import VariantState
from services.slc.sync.fields import differing, shown_product, shown_variant
from services.slc.variant.domain import StoredVariant, StyleMap
from services.slc.variant.store import VARIANTS, map_of_product, rows_of_product, save_row

LOOK_SECONDS = 60.0
"""At most one look at a product in so long: Shopify rings its topic at every order, too."""

ROWS_AT_ONCE = 50
"""Edited variants that one transaction audits."""

WRITING_SECONDS = 2.0
"""A webhook may overtake the answer of the write that caused it: look so much later."""

SYNCED_AS = {"compare_at_price": "price", "policy": "inventory"}
"""Fields of a snapshot that are synced under another name."""

Edited = dict[str, tuple[object, object]]
"""Field -> what Shopify stored for the value that was written, and what it shows now."""


class Known(Value):
    """What is stored of a product: its variants, its map, and whether one of them is being written just now."""

    rows: tuple[StoredVariant, ...]
    style_map: StyleMap | None
    is_written: bool


def edited_fields(row: StoredVariant, style_map: StyleMap | None, state: VariantState, synced: Sequence[str]) -> Edited:
    """The synced fields of a variant and its product that SLC wrote and that show another value now."""
    found: Edited = {}
    places = [(row.pushed, row.answered, shown_variant(state))]
    if style_map is not None and state.product is not None:
        places.append((style_map.pushed, style_map.answered, shown_product(state.product)))
        lost = set(style_map.tags) - set(state.product.tags)
        if lost and "tags" in synced:
            found["tags"] = (sorted(style_map.tags), sorted(state.product.tags))
    for pushed, answered, shown in places:
        known = {name: value for name, value in pushed.items() if name in shown and SYNCED_AS.get(name, name) in synced}
        for name in differing(known, pushed, answered, shown):
            found[name] = (answered.get(name, pushed[name]), shown.get(name))
    return found


async def seconds_to_product(view: View, channel_id: str, product_id: str) -> float | None:
    """The seconds until a product may be looked at again; None where it is not one of the channel.

    Index: shopify_product.
    """
    rows = await rows_of_product(view, channel_id, product_id, limit=1)
    return _seconds_to_wait(rows, view.now) if rows else None


async def look_at_product(
    units: Units, call: Call, access: ShopAccess, channel: StoredChannel, product_id: str
) -> float:
    """Look at a product that was changed in the shop; 0, or the seconds after which it may be looked at.

    Raises `ShopFailed`.
    """

    async def read(view: View) -> Known:
        rows = await rows_of_product(view, channel.channel_id, product_id)
        jobs = await view.get_many(JOBS, [row.row_id for row in rows])
        return Known(
            rows=tuple(rows),
            style_map=await map_of_product(view, channel.channel_id, product_id),
            is_written=any(job.state == "running" for job in jobs.values()),
        )

    known = await units.view(call, read)
    wait = WRITING_SECONDS if known.is_written else _seconds_to_wait(known.rows, call.started_utc)
    if not known.rows or wait > 0:
        return wait
    async with access.counted(call, channel) as shop:
        states = await shop.products.states([gid for row in known.rows if (gid := row.shopify_variant_id)])
    edited = {
        row.row_id: fields
        for row in known.rows
        if (state := states.get(row.shopify_variant_id or "")) is not None
        and (fields := edited_fields(row, known.style_map, state, channel.config.sync_fields))
    }
    found = [row for row in known.rows if row.row_id in edited]
    await units.change(call, _looked(channel, known.rows[0], is_echo=not found))
    for start in range(0, len(found), ROWS_AT_ONCE):
        await units.change(call, _noting(channel, found[start : start + ROWS_AT_ONCE], edited))
    return 0.0


def _seconds_to_wait(rows: Sequence[StoredVariant], now: Utc) -> float:
    """How long until a product may be looked at again."""
    looked = max((row.looked_utc for row in rows if row.looked_utc), default=None)
    return 0.0 if looked is None else max(0.0, LOOK_SECONDS - seconds_between(Utc(looked), now))


def _looked(channel: StoredChannel, first: StoredVariant, *, is_echo: bool) -> Any:
    """The change that stores when a product was looked at."""

    async def write(change: Change) -> None:
        row = await change.get(VARIANTS, first.row_id)
        if row is not None:
            await save_row(change, row, replace(row, looked_utc=change.now))
        if is_echo:
            await count(change, channel.channel_id, echoes=1)

    return write


def _noting(channel: StoredChannel, rows: Sequence[StoredVariant], edited: dict[str, Edited]) -> Any:
    """The change that audits edits of some variants, and has them put right."""

    async def write(change: Change) -> None:
        found = list((await change.get_many(VARIANTS, [row.row_id for row in rows])).values())
        for row in found:
            fields = sorted(edited[row.row_id].items())
            changes = [FieldChange(field=name, before=before, after=after) for name, (before, after) in fields]
            await record(
                change, channel, "shop.edited", cause="shop_edit", outcome="recorded", row=row, changes=changes
            )
        if channel.config.drift_repair:
            again = [row for row in found if row.included]
            await note(change, channel, again, Reason(cause="shop_edit", forced=True))

    return write
