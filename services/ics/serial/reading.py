"""Reads units and lots for answers: pages of them with the lots' units on hand, and the life of one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from chassis.page import Page, Paged
from chassis.unit import View, one_of
from services.ics.comment.store import comments_on
from services.ics.filters import split
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.holder import HOLDER_KINDS
from services.ics.ledger.lookup import lot_ref, serial_ref
from services.ics.ledger.store import ENTRIES, items_of_variant
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
from services.ics.serial.store import LOT_PLACE, SERIALS
from services.ics.words import BUCKETS, Bucket, HolderType

LOOKUP_LEADS = (("serial_no",), ("lot_code",), ("gtin_key",))
LIST_LEADS = (("lot_code",), ("variant_id",), ("place",), ())
LOT_STATUSES: tuple[SerialStatus, ...] = ("in_stock", "registered")
"""The statuses that a lot can have."""

LotCounts = dict[str, dict[Bucket, int]]
"""Facility -> units of a lot in each bucket."""


async def seen(view: View, unit: SerialUnit) -> SerialUnit:
    """The unit or lot as answers show it: a lot with its units on hand and its status."""
    return (await all_seen(view, [unit]))[0]


async def all_seen(view: View, units: Sequence[SerialUnit]) -> list[SerialUnit]:
    """Units and lots as answers show them: each lot with its units on hand and its status."""
    items = await _items_of_lots(view, units)
    return [lot_seen(unit, _on_hand(items, unit)) if unit.kind == "batch" else unit for unit in units]


async def _items_of_lots(view: View, units: Iterable[SerialUnit]) -> dict[str, list[Item]]:
    """The items (one for each facility) of the variants of these lots, by variant. Single units are ignored."""
    variants = list(dict.fromkeys(unit.variant_id for unit in units if unit.kind == "batch"))
    found = await view.together(items_of_variant(view, variant) for variant in variants)
    return dict(zip(variants, found, strict=True))


def _on_hand(items: Mapping[str, list[Item]], lot: SerialUnit) -> int:
    return sum(each.on_hand for item in items[lot.variant_id] for each in item.cells if each.lot_code == lot.lot_code)


def _is_in(items: Mapping[str, list[Item]], lot: SerialUnit, facility: str) -> bool:
    """Whether any unit of the lot is in the facility or in transit to it."""
    assert lot.lot_code is not None, lot.serial_id
    here = next((item for item in items[lot.variant_id] if item.logical_guid == facility), None)
    return here is not None and (lot.lot_code in here.lot_codes or here.coming_of(lot.lot_code) > 0)


async def page_of(
    view: View,
    wanted: Mapping[str, Any],
    leads: Sequence[tuple[str, ...]],
    page: Paged,
    *,
    status: SerialStatus | None = None,
    facility: str | None = None,
) -> Page[SerialUnit]:
    """Units and lots, newest first. Index: the first of the leads that the filters cover.

    The status and the facilities of a lot follow from the ledger and are not stored in its record. For these filters,
    lots are read without them and checked one by one.
    """
    kind = wanted.get("kind")
    if status is not None and status not in LOT_STATUSES and kind is None:
        kind = "serial"
    stored: dict[str, Any] = {"kind": kind, "place": _places(kind, facility)}
    if kind == "serial" or status not in LOT_STATUSES:
        stored["status"] = status
    where, rest = split({**wanted, **stored}, leads)
    if kind == "serial" or (facility is None and status not in LOT_STATUSES):
        found = await view.page(SERIALS, where, page=page, rest=rest)
        return replace(found, items=await all_seen(view, found.items))

    async def show(units: Sequence[SerialUnit]) -> list[SerialUnit | None]:
        items = await _items_of_lots(view, units)
        shown: list[SerialUnit | None] = []
        for unit in units:
            seen_now = lot_seen(unit, _on_hand(items, unit)) if unit.kind == "batch" else unit
            here = facility is None or unit.kind == "serial" or _is_in(items, unit, facility)
            shown.append(seen_now if here and status in {None, seen_now.status} else None)
        return shown

    return await view.filtered_page(SERIALS, where, page=page, show=show, asked=[status, facility], rest=rest)


def _places(kind: str | None, facility: str | None) -> Any:
    """The stored values of `place` that match a facility filter for this kind; None for no filter."""
    if facility is None:
        return None
    match kind:
        case "serial":
            return facility
        case "batch":
            return LOT_PLACE
        case _:
            return one_of([facility, LOT_PLACE])


async def life_of(view: View, unit: SerialUnit) -> SerialLife:
    """The life of a unit or lot (as returned by `seen`), from its entries, comments, receipt and commit."""
    first, last, comments = await view.together(
        [_entries(view, unit, "entry_id"), _entries(view, unit, "-entry_id"), _comments(view, unit)]
    )
    oldest, newest = in_order(first), in_order(last)
    known = in_order({entry.entry_id: entry for entry in [*oldest, *newest]}.values())
    reached = milestones(unit, known)
    source, order = await view.together(
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
    """The first or last entries of a unit or lot, in `order`. Index: refs."""
    if unit.kind == "batch":
        where: dict[str, Any] = {"refs": lot_ref(unit.variant_id, unit.lot_code or "")}
        return await view.find(ENTRIES, where, order=(order,), limit=HISTORY_MAX)
    where = {"refs": serial_ref(unit.serial_no or "")}
    rest = {"variant_id": unit.variant_id}
    return await view.find(ENTRIES, where, order=(order,), limit=HISTORY_MAX, rest=rest)


async def _document(view: View, entry: StockCardEntry | None, kind: HolderType) -> Any:
    """The entry's document if it is a receipt or commit (`kind`), else None."""
    if entry is None or entry.document_type != kind:
        return None
    return await view.get(HOLDER_KINDS[kind].entity, entry.document_id)


async def _lot_counts(view: View, lot: SerialUnit) -> LotCounts:
    """Units of a lot by facility and bucket. Units in transit are counted from the shipments that hold them."""
    counts: LotCounts = {}
    for item in await items_of_variant(view, lot.variant_id):
        positions = [position for position in item.cells if position.lot_code == lot.lot_code]
        counts[item.logical_guid] = {bucket: sum(each.bucket(bucket) for each in positions) for bucket in BUCKETS}
    coming = HOLDER_KINDS["shipment"]
    if coming.find is not None:
        for facility, units in counts.items():
            for record in await coming.find(view, facility, lot.variant_id):
                parts = coming.parts(record, lot.variant_id).items()
                units["in_transit"] += sum(many for part, many in parts if part.key.lot_code == lot.lot_code)
    return counts
