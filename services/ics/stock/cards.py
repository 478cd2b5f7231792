"""Lists stock card entries, filtered by item, serial, operation, document, order, holder, variant, facility or time.

The entries of one item are sorted by their numbers, which have no gaps, so a page is a range of numbers and any page is
read equally fast. Other lists are sorted by entry id.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.endpoint import Request
from chassis.page import Page, PageRequest, items_of, query_mark, token_for, token_within, wrong_token
from chassis.unit import View, between
from chassis.values import Guid, Id, Lot, SerialNo, Text
from chassis.values import Utc as UtcField
from services.ics.ledger.entry import Account, StockCardEntry, number_in
from services.ics.ledger.lookup import EVERYTHING, facility_key, order_key, serial_ref, variant_key
from services.ics.ledger.store import ENTRIES, entries_between, item_of
from services.ics.stock.fields import Seq
from services.ics.words import Bucket, DocumentType, Kind

Order = Literal["newest", "oldest"]

_SIDE_FIELDS = ("logical_guid", "bucket", "zone_id", "bin_id", "lot_code", "held_by_id")
"""Filters that must all match the same side of an entry."""

_RANGE_MAX = 1000
_CHUNKS_MAX = 8


class StockCardListRequest(Request, PageRequest):
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
    order_ref: Text | None = None
    held_by_id: Id | None = None
    from_seq: Seq | None = None
    to_seq: Seq | None = None
    from_utc: UtcField | None = None
    to_utc: UtcField | None = None
    order: Order = "newest"

    def problems(self) -> Sequence[tuple[str, str]]:
        if self.logical_guid is not None and self.variant_id is not None:
            return ()
        asked = [name for name in ("from_seq", "to_seq") if getattr(self, name) is not None]
        return [(name, "needs logical_guid and variant_id") for name in asked]


async def cards(view: View, body: StockCardListRequest) -> Page[StockCardEntry]:
    """A page of entries. Index: the item's numbers, serials, or refs."""
    asked = replace(body, limit=None, next_token=None)
    if body.logical_guid is not None and body.variant_id is not None:
        return await _of_item(view, body, query_mark(asked), body.logical_guid, body.variant_id)

    side = _side(body)

    async def show(entries: Sequence[StockCardEntry]) -> list[StockCardEntry | None]:
        return [entry if _on_one_side(entry, side) else None for entry in entries]

    selective = bool(side.keys() - {"logical_guid"}) or body.serial_no is not None
    where, rest = _of_others(body)
    order = ("-entry_id",) if body.order == "newest" else ("entry_id",)
    return await view.filtered_page(
        ENTRIES, where, page=body, show=show, asked=asked, order=order, rest=rest, selective=selective
    )


async def _of_item(
    view: View, body: StockCardListRequest, mark: str, facility: str, variant: str
) -> Page[StockCardEntry]:
    """A page of an item's entries. Reads range after range of numbers, doubling the length while too few match."""
    limit, down = items_of(body), body.order == "newest"
    low, high = await _bounds(view, body, mark, facility, variant)
    filters = _sides(_rest(body, serials=True), _side(body))
    items: list[StockCardEntry] = []
    length = limit
    for _ in range(_CHUNKS_MAX):
        if low > high:
            break
        first, last = (max(low, high - length + 1), high) if down else (low, min(high, low + length - 1))
        batch = await entries_between(view, facility, variant, between(at_least=first, at_most=last), filters)
        items += (batch[::-1] if down else batch)[: limit - len(items)]
        if len(items) == limit:
            first = last = number_in(items[-1], facility)
        low, high = (low, first - 1) if down else (last + 1, high)
        length = min(2 * length, _RANGE_MAX)
        if len(items) == limit:
            break
    token = token_for(mark, _checked(mark, high + 1 if down else low - 1)) if low <= high else None
    return Page(items=items, count=len(items), next_token=token)


async def _bounds(view: View, body: StockCardListRequest, mark: str, facility: str, variant: str) -> tuple[int, int]:
    """The first and last number still to read: the requested range, after the number in the page token."""
    behind = _behind(mark, token_within(mark, body.next_token))
    last = (await item_of(view, facility, variant)).seq
    low, high = max(1, body.from_seq or 1), last if body.to_seq is None else min(last, body.to_seq)
    if behind is None:
        return low, high
    return (low, min(high, behind - 1)) if body.order == "newest" else (max(low, behind + 1), high)


def _checked(mark: str, number: int) -> str:
    """A number with a checksum, as page tokens contain it. The checksum detects damaged tokens; nothing is secret."""
    digest = hashlib.sha256(f"{mark}/{number}".encode()).hexdigest()[:8]
    return f"{number}-{digest}"


def _behind(mark: str, inner: str | None) -> int | None:
    if inner is None:
        return None
    digits = inner.partition("-")[0]
    if not digits.isascii() or not digits.isdigit() or inner != _checked(mark, int(digits)):
        raise wrong_token()
    return int(digits)


def _of_others(body: StockCardListRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """The condition served by the index, and the remaining conditions."""
    rest = _rest(body, serials=False)
    if body.variant_id is not None:
        rest["variant_id"] = body.variant_id
    where: dict[str, Any] = {"refs": _ref(body)}
    if body.serial_no is not None:
        where = {"refs": serial_ref(body.serial_no)}
    return where, rest


def _ref(body: StockCardListRequest) -> str:
    """The most selective lookup value of the filters."""
    if (named := body.operation_id or body.document_id or body.held_by_id) is not None:
        return named
    if body.order_ref is not None:
        return order_key(body.order_ref)
    if body.variant_id is not None:
        return variant_key(body.variant_id)
    return facility_key(body.logical_guid) if body.logical_guid is not None else EVERYTHING


def _rest(body: StockCardListRequest, *, serials: bool) -> dict[str, Any]:
    """Filters on the entry as a whole."""
    wanted = {
        "kind": body.kind,
        "document_type": body.document_type,
        "recorded_utc": _times(body.from_utc, body.to_utc),
        "operation_id": body.operation_id,
        "document_id": body.document_id,
        "order_ref": body.order_ref,
        "serials": body.serial_no if serials else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _side(body: StockCardListRequest) -> dict[str, Any]:
    """Filters on one side of the entry."""
    return {name: value for name in _SIDE_FIELDS if (value := getattr(body, name)) is not None}


def _sides(rest: dict[str, Any], side: dict[str, Any]) -> list[dict[str, Any]]:
    """The database filters: one for each side that may match."""
    if not side.keys() - {"logical_guid"}:
        return [rest]
    return [
        {**rest, **{f"{account}.{name}": value for name, value in side.items()}}
        for account in ("from_account", "to_account")
    ]


def _times(since: Utc | None, until: Utc | None) -> Any:
    return None if since is None and until is None else between(at_least=since, below=until)


def _on_one_side(entry: StockCardEntry, side: dict[str, Any]) -> bool:
    return not side or any(_meets(account, side) for account in (entry.from_account, entry.to_account))


def _meets(account: Account, side: dict[str, Any]) -> bool:
    return all(getattr(account, name) == value for name, value in side.items())
