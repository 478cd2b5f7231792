"""Storage of single units and lots."""

from collections.abc import Iterable
from typing import Any

from chassis.entity import HUB, Entity, edge, index, unique
from chassis.unit import Change, View, between
from chassis.values import Date
from services.ics.ledger.lot import Lot
from services.ics.serial.domain import SerialUnit, as_lot, gtin14, lot_key, new_lot, number_of
from services.ics.words import HOLDER_KINDS

LOT_PLACE = "*"
"""Value of `place` for lots. Their units can be in several facilities; the ledger has their places."""


def _place(unit: SerialUnit) -> str | None:
    return LOT_PLACE if unit.kind == "batch" else unit.logical_guid


NO_EXPIRY = "~"
"""Value of `lot_expiry` for lots without an expiry date. Sorts after every date."""
AFTER_ALL = "~~"
"""Sorts after every `lot_expiry`."""

LotMark = tuple[str, str, str, str]
"""Where a lot stands in the list of lots: `lot_expiry`, variant, lot code, id."""


def lot_expiry(unit: SerialUnit) -> str | None:
    """The key that lots are sorted by: their expiry date, or `NO_EXPIRY`; None for single units."""
    return (unit.expiry_date or NO_EXPIRY) if unit.kind == "batch" else None


def lot_mark(lot: SerialUnit) -> LotMark:
    """Where a lot stands in the list of lots."""
    return lot_expiry(lot) or NO_EXPIRY, lot.variant_id, lot.lot_code or "", lot.serial_id


SERIALS = Entity(
    "serial",
    SerialUnit,
    collection="serials",
    id="serial_id",
    keys=("ORG#{orgcode}", "SERIAL#{serial_id}"),
    indexes=[
        unique("variant_id", "kind", "number", name="number", refusal="the number is known for this variant"),
        index("serial_id"),
        index("serial_no"),
        index("lot_code"),
        index("gtin_key"),
        index("variant_id"),
        index("logical_guid"),
        index("place"),
        index("held_by_id", "serial_no"),
        index("zone_id"),
        index("bin_id"),
        index("last_entry_id"),
        # Lots by expiry. A partial index begins with its condition, see the ledger's entries.
        index("lots", "lot_expiry", "variant_id", "lot_code", where={"lots": True}),
        index("lots", "variant_id", "lot_expiry", "lot_code", where={"lots": True}),
        index("lots", "lot_code", "lot_expiry", "variant_id", where={"lots": True}),
    ],
    edges=[
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("lies_in", to="zone", by="zone_id"),
        edge("lies_in_bin", to="bin", by="bin_id"),
        edge("held_by", to="holder", by="held_by_id", among=HOLDER_KINDS),
        edge("moved_by", to="entry", by="last_entry_id"),
    ],
    label="{serial_no} {lot_code} {variant_id}",
    derived={
        "number": number_of,
        "gtin_key": lambda unit: gtin14(unit.gtin) if unit.gtin else None,
        "place": _place,
        "lots": lambda unit: unit.kind == "batch",
        "lot_expiry": lot_expiry,
    },
)


async def lots_of(view: View, variant_id: str, lot_codes: Iterable[str]) -> dict[str, SerialUnit]:
    """The records of these lots of a variant, by lot code; unknown lots are left out. Index: number."""
    found = await view.lookup_many(SERIALS, "number", [lot_key(variant_id, code) for code in lot_codes])
    return {key[2]: lot for key, lot in found.items()}


async def ledger_lots(view: View, items: Iterable[tuple[str, Iterable[str]]]) -> dict[str, dict[str, Lot]]:
    """The ledger's data of the lots in several (variant, lot codes), read in one round trip. Index: number.

    Returns variant -> lot code -> lot; unknown lots are left out.
    """
    asked = [lot_key(variant_id, code) for variant_id, codes in items for code in codes]
    found = await view.lookup_many(SERIALS, "number", asked) if asked else {}
    lots: dict[str, dict[str, Lot]] = {}
    for (variant_id, _, code), batch in found.items():
        lots.setdefault(variant_id, {})[code] = as_lot(batch)
    return lots


async def find_lots(
    view: View,
    low: str,
    high: str,
    variant_id: str | None,
    lot_code: str | None,
    *,
    after: LotMark | None,
    limit: int,
) -> list[SerialUnit]:
    """Lots with `lot_expiry` in [low, high), by it, variant and code, behind a mark. Index: lots and lot_expiry, with
    lot_code or variant_id in front where they are given."""
    where: dict[str, Any] = {"lots": True, "lot_expiry": between(at_least=low, below=high)}
    rest: dict[str, Any] = {}
    if lot_code is not None:
        where["lot_code"] = lot_code
        rest = {} if variant_id is None else {"variant_id": variant_id}
        order: tuple[str, ...] = ("lot_expiry", "variant_id")
    elif variant_id is not None:
        where["variant_id"] = variant_id
        order = ("lot_expiry", "lot_code")
    else:
        order = ("lot_expiry", "variant_id", "lot_code")
    marks = dict(zip(("lot_expiry", "variant_id", "lot_code"), after, strict=False)) if after is not None else {}
    behind = [*(marks[field] for field in order), after[3]] if after is not None else None
    return await view.find(SERIALS, where, order=order, limit=limit, after=behind, rest=rest)


async def units_held_by(view: View, holder_id: str, limit: int) -> list[SerialUnit]:
    """Up to `limit` single units that a holder holds, by serial number. Index: held_by_id, serial_no."""
    return await view.find(SERIALS, {"held_by_id": holder_id}, order=("serial_no",), limit=limit)


async def know_lot(
    change: Change, variant_id: str, lot_code: str, expiry_date: Date | None, manufacture_date: Date | None = None
) -> tuple[SerialUnit, bool]:
    """The lot of incoming units, registered if it was unknown.

    The second value says whether it was registered now; the caller then emits `ics.serial.registered`.
    """
    known = (await lots_of(change, variant_id, [lot_code])).get(lot_code)
    if known is not None:
        return known, False
    lot = new_lot(change.new_id(), variant_id, lot_code, expiry_date, manufacture_date)
    return await change.insert(SERIALS, lot), True
