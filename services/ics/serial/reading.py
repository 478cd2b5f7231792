"""What calls show of units and lots: pages of them with what of a lot is on hand, and the whole life of one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from chassis.page import Page, Paged, PageRequest, items_of
from chassis.unit import View
from chassis.values import PAGE_ITEMS_MAX
from services.ics.comment.store import comments_on
from services.ics.filters import split
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.holder import HOLDER_KINDS
from services.ics.ledger.store import ENTRIES, ITEMS, lot_ref, variant_key
from services.ics.reads import CHUNKS_MAX, together
from services.ics.serial.domain import SerialStatus, SerialUnit, lot_seen
from services.ics.serial.life import (
    COMMENTS_MAX,
    DOCUMENTS_MAX,
    HISTORY_MAX,
    SerialLife,
    days_in_stock,
    documents_of,
    in_order,
    milestones,
    place_of_unit,
    places_of_lot,
)
from services.ics.serial.store import SERIALS
from services.ics.words import BUCKETS, Bucket, HolderType

_ITEMS_LIMIT = 1000

LOOKUP_LEADS = (("serial_no",), ("lot_code",), ("gtin_key",))
LIST_LEADS = (("lot_code",), ("variant_id",), ("logical_guid",), ())

LotCounts = dict[str, dict[Bucket, int]]
"""Facility -> units of a lot in each bucket."""


async def seen(view: View, unit: SerialUnit) -> SerialUnit:
    """The unit or lot as answers show it."""
    return (await all_seen(view, [unit]))[0]


async def all_seen(view: View, units: Sequence[SerialUnit]) -> list[SerialUnit]:
    """Units and lots as answers show them: a lot with what is on hand of it. Index: spots of the items."""
    variants = list(dict.fromkeys(unit.variant_id for unit in units if unit.kind == "batch"))
    found = await together(_items_of(view, variant) for variant in variants)
    items = dict(zip(variants, found, strict=True))
    return [lot_seen(unit, _on_hand(items[unit.variant_id], unit)) if unit.kind == "batch" else unit for unit in units]


async def _items_of(view: View, variant_id: str) -> list[Item]:
    return await view.find(ITEMS, {"spots": variant_key(variant_id)}, limit=_ITEMS_LIMIT)


def _on_hand(items: Iterable[Item], lot: SerialUnit) -> int:
    return sum(cell.on_hand for item in items for cell in item.cells if cell.lot_code == lot.lot_code)


async def page_of(
    view: View, wanted: Mapping[str, Any], leads: Sequence[tuple[str, ...]], status: SerialStatus | None, page: Paged
) -> Page[SerialUnit]:
    """Units and lots, newest first. Index: the first of the leads that the filters cover.

    A lot's status follows from what is on hand of it and is not stored: what is asked for by status is read wider and
    sifted. A page ends early, with a token, once enough has been looked at.
    """
    where, rest = split(wanted, leads)
    lots_too = status in {"in_stock", "registered"} and wanted.get("kind") != "serial"
    if status is not None and not lots_too:
        # No lot is ever anything else.
        rest |= {"kind": "serial", "status": status} if wanted.get("kind") is None else {"status": status}
    if not lots_too:
        found = await view.page(SERIALS, where, page=page, rest=rest)
        return replace(found, items=await all_seen(view, found.items))
    return await _sifted(view, where, rest, status, page)


async def _sifted(
    view: View, where: Mapping[str, Any], rest: Mapping[str, Any], status: SerialStatus | None, page: Paged
) -> Page[SerialUnit]:
    size, token = items_of(page), page.next_token
    found: list[SerialUnit] = []
    for chunk in range(CHUNKS_MAX):
        limit = PAGE_ITEMS_MAX if chunk else size
        part = await view.page(SERIALS, where, page=PageRequest(limit=limit, next_token=token), rest=rest)
        for place, unit in enumerate(await all_seen(view, part.items), 1):
            if unit.status == status:
                found.append(unit)
            if len(found) == size:
                if place < part.count:
                    last = PageRequest(limit=place, next_token=token)
                    part = await view.page(SERIALS, where, page=last, rest=rest)
                return Page(items=found, count=size, next_token=part.next_token)
        token = part.next_token
        if token is None:
            break
    return Page(items=found, count=len(found), next_token=token)


async def life_of(view: View, unit: SerialUnit) -> SerialLife:
    """The life of a unit or lot as `seen`, from its entries, comments on it and the documents that say more."""
    first, last, comments = await together(
        [_entries(view, unit, "entry_id"), _entries(view, unit, "-entry_id"), _comments(view, unit)]
    )
    oldest, newest = in_order(first), in_order(last)
    known = in_order({entry.entry_id: entry for entry in [*oldest, *newest]}.values())
    reached = milestones(unit, known)
    source, order = await together(
        [_document(view, reached.came_in, "receive"), _document(view, reached.shipped, "commit")]
    )
    return SerialLife(
        registered_utc=unit.created_utc,
        received_utc=reached.came_in.recorded_utc if reached.came_in is not None else None,
        source_ref=source.source_ref if source is not None else None,
        accepted_utc=reached.accepted.recorded_utc if reached.accepted is not None else None,
        shipped_utc=reached.shipped.recorded_utc if reached.shipped is not None else None,
        order_ref=order.order_ref if order is not None else None,
        days_in_stock=days_in_stock(reached, view.now),
        places=places_of_lot(await _lot_counts(view, unit))
        if unit.kind == "batch"
        else place_of_unit(newest[-1] if newest else None),
        documents=documents_of(known)[:DOCUMENTS_MAX],
        history=newest,
        comments=comments,
    )


async def _comments(view: View, unit: SerialUnit) -> list[Any]:
    return await comments_on(view, "serial", unit.serial_id, COMMENTS_MAX)


async def _entries(view: View, unit: SerialUnit, order: str) -> list[StockCardEntry]:
    """The first or last entries that named a unit, or moved units of a lot. Index: serials, or refs."""
    if unit.kind == "batch":
        where: dict[str, Any] = {"refs": lot_ref(unit.variant_id, unit.lot_code or "")}
        return await view.find(ENTRIES, where, order=(order,), limit=HISTORY_MAX)
    where = {"named": True, "serials": unit.serial_no}
    rest = {"variant_id": unit.variant_id}
    return await view.find(ENTRIES, where, order=(order,), limit=HISTORY_MAX, rest=rest)


async def _document(view: View, entry: StockCardEntry | None, kind: HolderType) -> Any:
    """The receipt or commit that an entry was written for; None for one that was written for something else."""
    if entry is None or entry.document_type != kind:
        return None
    return await view.get(HOLDER_KINDS[kind].entity, entry.document_id)


async def _lot_counts(view: View, lot: SerialUnit) -> LotCounts:
    """Units of a lot in each facility and bucket; those on their way are the shipments' to tell."""
    counts: LotCounts = {}
    for item in await _items_of(view, lot.variant_id):
        cells = [cell for cell in item.cells if cell.lot_code == lot.lot_code]
        counts[item.logical_guid] = {bucket: sum(cell.bucket(bucket) for cell in cells) for bucket in BUCKETS}
    coming = HOLDER_KINDS["shipment"]
    if coming.find is not None:
        for facility, units in counts.items():
            for record in await coming.find(view, facility, lot.variant_id):
                parts = coming.parts(record, lot.variant_id).items()
                units["in_transit"] += sum(many for part, many in parts if part.spot.lot_code == lot.lot_code)
    return counts
