"""Storage of single units and lots."""

from collections.abc import Iterable
from typing import Any

from chassis.entity import HUB, Entity, Record, edge, index, unique
from chassis.unit import View, between
from services.ics.ledger.audit_counters import Counted, Recounted, Units, register, register_recount
from services.ics.ledger.balance import Item, PositionKey
from services.ics.ledger.naming import SerialAccount
from services.ics.serial.audit import beyond_units, marks_of_item, marks_of_units, moves, places
from services.ics.serial.domain import SerialUnit, account_of, gtin14, lot_key, number_of
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


def spot_of(logical_guid: str, variant_id: str, key: PositionKey) -> str:
    """The value of `spot` for a position of an item."""
    # The lot comes last because it may contain any character.
    return f"{logical_guid}/{variant_id}/{key.zone_id or ''}/{key.bin_id or ''}/{key.lot_code or ''}"


def _spot(unit: SerialUnit) -> str | None:
    account = account_of(unit) if unit.kind == "serial" else None
    if account is None or account.state == "in_transit":
        return None
    return spot_of(account.logical_guid, unit.variant_id, account.key)


def _state(unit: SerialUnit) -> str | None:
    """What a single unit without a holder counts as at its position; units of a holder are found by `held_by_id`."""
    account = account_of(unit) if unit.kind == "serial" else None
    return account.state if account is not None and account.holder_id is None else None


SERIALS = Entity(
    "serial",
    SerialUnit,
    collection="serials",
    id="serial_id",
    shard_key=("orgcode", "variant_id"),
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
        index("held_by_id", "serial_id", name="holder"),
        index("zone_id"),
        index("bin_id"),
        index("last_entry_id"),
        # Lots by expiry. A partial index begins with its condition, see the ledger's entries.
        index("lots", "lot_expiry", "variant_id", "lot_code", where={"lots": True}),
        index("lots", "variant_id", "lot_expiry", "lot_code", where={"lots": True}),
        index("lots", "lot_code", "lot_expiry", "variant_id", where={"lots": True}),
        # The single units at a position, in the order in which they are taken.
        index("spot", "state", "serial_no"),
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
        "spot": _spot,
        "state": _state,
    },
)


class LotStamp(Record):
    """The state of a variant's lots. `stamp` is another text after every change of a date or block of one of them."""

    stamp_id: str
    stamp: str


LOT_STAMPS = Entity(
    "lot_stamp",
    LotStamp,
    collection="lot_stamps",
    id="stamp_id",
    shard_key=("stamp_id",),
    history=False,
    technical=True,
)
"""Of variants with items at many lots, see `ledger_lots.py`."""


async def lots_of(view: View, variant_id: str, lot_codes: Iterable[str]) -> dict[str, SerialUnit]:
    """The records of these lots of a variant, by lot code; unknown lots are left out. Index: number."""
    found = await view.lookup_many(SERIALS, "number", [lot_key(variant_id, code) for code in lot_codes])
    return {key[2]: lot for key, lot in found.items()}


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


async def units_held_by(view: View, holder_id: str, variant_id: str) -> list[SerialUnit]:
    """All single units of a variant that a holder holds off the shelf, by number. Index: held_by_id, serial_no."""
    found = await view.find_all(SERIALS, {"held_by_id": holder_id}, order=("serial_no",))
    return [unit for unit in found if unit.variant_id == variant_id and unit.status != "in_stock"]


async def units_in_turn(view: View, variant_id: str, account: SerialAccount, limit: int) -> list[SerialUnit]:
    """Up to `limit` single units in an account without a holder, by serial number. Index: spot, state, serial_no."""
    where = {"spot": spot_of(account.logical_guid, variant_id, account.key), "state": account.state}
    return await view.find(SERIALS, where, order=("serial_no",), limit=limit)


async def units_at(view: View, logical_guid: str, variant_id: str, key: PositionKey) -> list[SerialUnit]:
    """All single units on hand at a position, in whatever bucket. Index: spot, state, serial_no."""
    where = {"spot": spot_of(logical_guid, variant_id, key)}
    return await view.find_all(SERIALS, where, order=("state", "serial_no"))


async def units_of(view: View, item: Item) -> list[SerialUnit]:
    """The single units of an item; an item that no serial touched reads none. Index: variant_id."""
    if not item.serialised:
        return []
    rest = {"logical_guid": item.logical_guid, "kind": "serial"}
    return await view.find_all(SERIALS, {"variant_id": item.variant_id}, order=("serial_id",), rest=rest)


async def _places(view: View, item: Item) -> Units:
    return places(await units_of(view, item))


async def _marks(view: View, item: Item) -> Units:
    units = await units_of(view, item)
    return {**marks_of_units(units), **beyond_units(units, item)}


register(Counted("serial", moves, _places))
register_recount(Recounted("serials", _marks, marks_of_item))
