"""Lists lots by expiry date: what expires next, and how many units of it are where.

Lots are read in the order of the list, each with the items of its variant. A lot may have units in many facilities, so
a page may end within a lot. Dates are read in spans that grow with their distance from today, since a limited read of a
range can cost as much as the whole range.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from chassis.clock import Date, day_of, days_after
from chassis.endpoint import Endpoints, Listed, Request
from chassis.entity import Value
from chassis.page import Page, PageRequest, items_of, query_mark, token_for, token_within, wrong_token
from chassis.unit import View
from chassis.values import Count, Guid, Lot
from chassis.values import Date as DateField
from services.ics.ledger.balance import Buckets, Item, item_id_of
from services.ics.ledger.draw import Pin
from services.ics.ledger.lookup import variant_key
from services.ics.ledger.store import ITEMS
from services.ics.serial.domain import SerialUnit, as_lot
from services.ics.serial.store import AFTER_ALL, NO_EXPIRY, LotMark, find_lots, lot_mark
from services.ics.stock.fields import Seq
from services.ics.stock.reading import any_units, balance_at
from services.ics.words import READ

endpoints = Endpoints("ics", "/stock/lot")

CHUNK_LOTS_MAX = 64
CHUNKS_MAX = 8
"""Chunks of lots that one page reads; a page may end early, with a token, where many lots have no units."""
SPAN_DAYS = (-3600, -360, -90, -30, -7, 0, 7, 30, 90, 360, 1080, 3600)
"""Where spans of expiry dates end, in days from today."""


class LotBalance(Value):
    """One lot of one variant in one facility. `sellable`: neither blocked nor past its date, now."""

    logical_guid: Guid
    variant_id: Guid
    lot_code: Lot
    expiry_date: DateField | None
    manufacture_date: DateField | None
    blocked: bool
    sellable: bool
    buckets: Buckets
    on_hand: Count
    seq: Seq


class StockLotListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    variant_id: Guid | None = None
    lot_code: Lot | None = None
    expires_from: DateField | None = None
    expires_by: DateField | None = None
    sellable: bool | None = None


class StockLotListEnvelope(Listed[LotBalance]):
    """One page of lots."""


@endpoints.post("/list", roles=READ, snapshot=True)
async def ics_stock_lot_list(view: View, body: StockLotListRequest) -> StockLotListEnvelope:
    """List lots with units by expiry date: one item per lot, variant and facility."""
    return StockLotListEnvelope.of(await lots_page(view, body))


class LotPlace(NamedTuple):
    """Where a page goes on: behind a lot (None: at the start), and within the next one behind a facility."""

    behind: LotMark | None = None
    within: str | None = None
    facility: str = ""


async def lots_page(view: View, body: StockLotListRequest) -> Page[LotBalance]:
    """A page of lots. Index: lots by expiry, by variant and expiry, or by code; items by id, or by variant."""
    asked = [body.logical_guid, body.variant_id, body.lot_code, body.expires_from, body.expires_by, body.sellable]
    mark, size = query_mark(asked), items_of(body)
    found: list[LotBalance] = []
    async for place, balance in _walk(view, body, _place_in(token_within(mark, body.next_token)), size):
        if balance is None or len(found) == size:
            return Page(items=found, count=len(found), next_token=token_for(mark, _token(place)))
        found.append(balance)
    return Page(items=found, count=len(found), next_token=None)


async def _walk(
    view: View, body: StockLotListRequest, place: LotPlace, size: int
) -> AsyncIterator[tuple[LotPlace, LotBalance | None]]:
    """The lots from a place on, each with the place where a page that begins with it goes on; None once the call has
    read as many lots as it may."""
    today, limit, chunks = day_of(view.now), min(size + 1, CHUNK_LOTS_MAX), 0
    behind = place.behind
    for low, high in spans(today, body):
        more = behind is None or behind[0] < high
        while more:
            if chunks == CHUNKS_MAX:
                yield LotPlace(behind), None
                return
            after = behind if behind is not None and behind[0] >= low else None
            lots = await find_lots(view, low, high, body.variant_id, body.lot_code, after=after, limit=limit)
            items = await _items_of(view, body.logical_guid, lots)
            for lot in lots:
                shown = place.facility if lot.serial_id == place.within else ""
                for balance in _balances(lot, items.get(lot.variant_id, ()), today, body.sellable):
                    if balance.logical_guid > shown:
                        yield LotPlace(behind, lot.serial_id, shown), balance
                        shown = balance.logical_guid
                behind = lot_mark(lot)
            chunks += bool(lots)
            more = len(lots) == limit


def _balances(lot: SerialUnit, items: Iterable[Item], today: Date, sellable: bool | None) -> Iterator[LotBalance]:
    """A lot's balances, by facility, where it has units."""
    known = as_lot(lot)
    if sellable not in {None, known.sellable(today)}:
        return
    for item in items:
        balance = balance_at(item, Pin(lot_code=known.lot_code))
        if any_units(balance.buckets):
            yield LotBalance(
                logical_guid=item.logical_guid,
                variant_id=item.variant_id,
                lot_code=known.lot_code,
                expiry_date=lot.expiry_date,
                manufacture_date=lot.manufacture_date,
                blocked=lot.blocked,
                sellable=known.sellable(today),
                buckets=balance.buckets,
                on_hand=balance.on_hand,
                seq=item.seq,
            )


async def _items_of(view: View, logical_guid: str | None, lots: Sequence[SerialUnit]) -> dict[str, list[Item]]:
    """The items of the lots' variants, in one facility or (None) all, by variant and facility. By id; or index:
    spots."""
    variants = list(dict.fromkeys(lot.variant_id for lot in lots))
    if logical_guid is not None:
        ids = {variant: item_id_of(view.call.orgcode, logical_guid, variant) for variant in variants}
        items = await view.get_many(ITEMS, ids.values())
        return {variant: [items[item_id]] for variant, item_id in ids.items() if item_id in items}
    order = ("logical_guid", "variant_id")
    found = await view.together(view.find(ITEMS, {"spots": variant_key(each)}, order=order) for each in variants)
    return dict(zip(variants, found, strict=True))


def spans(today: Date, body: StockLotListRequest) -> Iterator[tuple[str, str]]:
    """The spans of expiry dates to read, each from a first date up to before another; last, the lots without a date.
    Lots of one variant or code are few, and read in one span."""
    low = body.expires_from or ""
    dated = body.expires_from is not None or body.expires_by is not None
    high = days_after(body.expires_by, 1) if body.expires_by is not None else NO_EXPIRY
    if body.variant_id is not None or body.lot_code is not None:
        yield low, high if dated else AFTER_ALL
        return
    for days in SPAN_DAYS:
        end = days_after(today, days)
        if low < end < high:
            yield low, end
            low = end
    if low < high:
        yield low, high
    if not dated:
        yield NO_EXPIRY, AFTER_ALL


def _token(place: LotPlace) -> str:
    body = msgspec.json.encode(place)
    return urlsafe_b64encode(sha256(body).digest()[:8] + body).decode().rstrip("=")


def _place_in(token: str | None) -> LotPlace:
    """The place in a token. Raises `Invalid` if it was altered; the checksum detects that, nothing in it is secret."""
    if token is None:
        return LotPlace()
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        place = msgspec.json.decode(raw[8:], type=LotPlace)
    except (ValueError, msgspec.MsgspecError) as cause:
        raise wrong_token() from cause
    if _token(place) != token:
        raise wrong_token()
    return place
