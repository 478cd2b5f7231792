"""Stock cards: entries by item, serial, operation, document, holder, variant, facility or time, as the filters name.

An item's cards come in the order of its numbers; all others by entry id. Entries between two facilities have a number
in each, so an item's cards are read as two streams: those it comes first in (nearly all), and those it comes second in.
"""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.endpoint import Request
from chassis.page import PageLimit
from chassis.unit import View, between
from chassis.values import Guid, Id, Lot, SerialNo, Token
from chassis.values import Utc as UtcField
from services.ics.ledger.entry import Account, StockCardEntry, number_in
from services.ics.ledger.store import ENTRIES, EVERYTHING, facility_key, item_key, variant_key
from services.ics.stock.fields import Seq
from services.ics.stock.walk import Stream, Walked, walk
from services.ics.words import Bucket, DocumentType, Kind

Order = Literal["newest", "oldest"]

_SIDE_FIELDS = ("logical_guid", "bucket", "zone_id", "bin_id", "lot_code", "held_by_id")
"""Filters that one and the same side of an entry must meet together."""


class StockCardListRequest(Request, frozen=True, kw_only=True):
    logical_guid: Guid | None = None
    variant_id: Guid | None = None
    bucket: Bucket | None = None
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    serial_no: SerialNo | None = None
    kind: Kind | None = None
    operation_id: Id | None = None
    document_type: DocumentType | None = None
    document_id: Id | None = None
    held_by_id: Id | None = None
    from_seq: Seq | None = None
    to_seq: Seq | None = None
    from_utc: UtcField | None = None
    to_utc: UtcField | None = None
    order: Order = "newest"
    limit: PageLimit | None = None
    next_token: Token | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        if self.logical_guid is not None and self.variant_id is not None:
            return ()
        asked = [name for name in ("from_seq", "to_seq") if getattr(self, name) is not None]
        return [(name, "needs logical_guid and variant_id") for name in asked]


async def cards(view: View, body: StockCardListRequest) -> Walked[StockCardEntry]:
    """A page of entries. Index: the item's number, serials, or refs."""
    side = {name: value for name in _SIDE_FIELDS if (value := getattr(body, name)) is not None}
    if body.logical_guid is not None and body.variant_id is not None:
        streams, down = _of_item(body, body.logical_guid, body.variant_id)
        facility = body.logical_guid

        def place(entry: StockCardEntry) -> int:
            return number_in(entry, facility)
    else:
        streams, down = _of_others(body), body.order == "newest"
        place = _entry_id

    def show(entry: StockCardEntry) -> StockCardEntry | None:
        return entry if _on_one_side(entry, side) else None

    sifts = bool(side.keys() - {"logical_guid"}) or body.serial_no is not None
    asked = replace(body, limit=None, next_token=None)
    return await walk(view, streams, body, show, asked=asked, place=place, down=down, sifts=sifts)


def _entry_id(entry: StockCardEntry) -> Any:
    return entry.entry_id


def _of_item(body: StockCardListRequest, facility: str, variant: str) -> tuple[list[Stream], bool]:
    down = body.order == "newest"
    key = item_key(facility, variant)
    rest = _rest(body, {"operation_id", "document_id", "serials"})
    numbers = _range(body.from_seq, body.to_seq)
    first: dict[str, Any] = {"item": key}
    second: dict[str, Any] = {"crosses": True, "other_item": key}
    if numbers is not None:
        first["item_seq"] = second["other_seq"] = numbers
    sign = "-" if down else ""
    return [
        Stream(ENTRIES, first, (f"{sign}item_seq",), rest),
        Stream(ENTRIES, second, (f"{sign}other_seq",), rest),
    ], down


def _of_others(body: StockCardListRequest) -> list[Stream]:
    rest = _rest(body, {"operation_id", "document_id"})
    if body.variant_id is not None:
        rest["variant_id"] = body.variant_id
    where: dict[str, Any] = {"refs": _ref(body)}
    if body.serial_no is not None:
        where = {"named": True, "serials": body.serial_no}
    order = "-entry_id" if body.order == "newest" else "entry_id"
    return [Stream(ENTRIES, where, (order,), rest)]


def _ref(body: StockCardListRequest) -> str:
    """The most telling of what entries are looked up by."""
    if (named := body.operation_id or body.document_id or body.held_by_id) is not None:
        return named
    if body.variant_id is not None:
        return variant_key(body.variant_id)
    return facility_key(body.logical_guid) if body.logical_guid is not None else EVERYTHING


def _rest(body: StockCardListRequest, exact: set[str]) -> dict[str, Any]:
    """Filters on the entry as a whole."""
    wanted = {
        "kind": body.kind,
        "document_type": body.document_type,
        "recorded_utc": _times(body.from_utc, body.to_utc),
        "operation_id": body.operation_id if "operation_id" in exact else None,
        "document_id": body.document_id if "document_id" in exact else None,
        "serials": body.serial_no if "serials" in exact else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _range(low: int | None, high: int | None) -> Any:
    return None if low is None and high is None else between(at_least=low, at_most=high)


def _times(since: Utc | None, until: Utc | None) -> Any:
    return None if since is None and until is None else between(at_least=since, below=until)


def _on_one_side(entry: StockCardEntry, side: dict[str, Any]) -> bool:
    return any(_meets(account, side) for account in (entry.from_account, entry.to_account)) if side else True


def _meets(account: Account, side: dict[str, Any]) -> bool:
    return all(getattr(account, name) == value for name, value in side.items())
