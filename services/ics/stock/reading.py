"""Reads stock: one item with its positions, and lists of balances, of whole items or of one place or lot."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, assert_never

from msgspec import Meta

from chassis.entity import Value
from chassis.page import Page, Paged
from chassis.unit import View, one_of
from chassis.values import Guid, Id, Lot
from services.ics.ledger.balance import Balance, Buckets, Item, PositionKey, Stages, StockPosition, account_order
from services.ics.ledger.draw import Pin
from services.ics.ledger.first_promises import first_promises
from services.ics.ledger.holder import BUCKET_OF, HOLDER_KINDS
from services.ics.ledger.lookup import EVERYTHING, bin_key, lot_key, variant_key, zone_key
from services.ics.ledger.store import ITEMS
from services.ics.words import BUCKETS, STAGES, UNHELD_BUCKETS, Bucket, HolderType, Stage

POSITIONS_MAX = 1000

Positions = Literal["all", "places", "none"]
"""The positions that stock/get returns: all, one per holder; places, without holders; or none."""


class Position(Value):
    """Units of one bucket, place, lot, stage and holder."""

    bucket: Bucket
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    stage: Stage | None = None
    held_by_type: HolderType | None = None
    held_by_id: Id | None = None
    quantity: int


class Stock(Value):
    """One variant in one facility, with all its positions in account order."""

    logical_guid: Guid
    variant_id: Guid
    buckets: Buckets
    on_hand: int
    committed_stages: Stages
    positions: Annotated[list[Position], Meta(max_length=POSITIONS_MAX)]
    more_positions: bool
    seq: int


class Held(NamedTuple):
    """Identifies a `Position`: bucket, place and lot, stage, and holder."""

    bucket: Bucket
    key: PositionKey
    stage: Stage | None = None
    type: HolderType | None = None
    id: str | None = None


async def stock_of(view: View, item: Item, positions: Positions = "all") -> Stock:
    """The item with its positions. Only `all` reads more than the item itself."""
    by_key = item.positions
    match positions:
        case "all":
            found = _unheld(item.cells)
            for held, quantity in await _held(view, item):
                found[held] = found.get(held, 0) + quantity
        case "places":
            found = _by_place(item)
        case "none":
            found = {}
        case never:
            assert_never(never)
    ordered = sorted(found.items(), key=lambda each: _account_order(each[0], by_key))
    return Stock(
        logical_guid=item.logical_guid,
        variant_id=item.variant_id,
        buckets=item.buckets(),
        on_hand=item.on_hand,
        committed_stages=item.stages(),
        positions=[_position(held, quantity) for held, quantity in ordered[:POSITIONS_MAX]],
        more_positions=len(ordered) > POSITIONS_MAX,
        seq=item.seq,
    )


def _unheld(positions: Iterable[StockPosition]) -> dict[Held, int]:
    return {
        Held(bucket, position.key): getattr(position, bucket)
        for position in positions
        for bucket in UNHELD_BUCKETS
        if getattr(position, bucket)
    }


def _by_place(item: Item) -> dict[Held, int]:
    """Units by bucket, place, lot and stage, of all holders together."""
    found: dict[Held, int] = {}
    for position in item.cells:
        for bucket in BUCKETS:
            if bucket == "committed":
                staged = {Held(bucket, position.key, stage): getattr(position, stage) for stage in STAGES}
                found |= {held: units for held, units in staged.items() if units}
            elif units := position.bucket(bucket):
                found[Held(bucket, position.key)] = units
    # Units in transit have a lot and no place.
    coming = {Held("in_transit", PositionKey(lot_code=each.lot_code)): each.units for each in item.coming}
    rest = item.in_transit - sum(coming.values())
    return found | coming | ({Held("in_transit", PositionKey()): rest} if rest else {})


async def _held(view: View, item: Item) -> list[tuple[Held, int]]:
    """Units of the item by holder; kinds of holders without units are not read.

    At most `POSITIONS_MAX` + 1 promises are read: an item may have tens of thousands.
    """
    found: list[tuple[Held, int]] = []
    facility, variant = item.logical_guid, item.variant_id
    if item.reserved or item.committed:
        for promise in await first_promises(view, item, POSITIONS_MAX + 1):
            bucket = BUCKET_OF[promise.kind]
            found.extend(
                (Held(bucket, each.key, each.stage, promise.kind, promise.promise_id), each.quantity)
                for each in promise.positions
            )
    some = {
        "quarantine": any(position.inspection for position in item.cells),
        "consignment": item.consignment > 0,
        "in_transit": item.in_transit > 0,
    }
    for kind in HOLDER_KINDS.values():
        bucket = BUCKET_OF[kind.type]
        if kind.find is not None and some.get(bucket):
            for record in await kind.find(view, facility, variant):
                holder = kind.entity.id_of(record)
                for part, quantity in kind.parts(record, variant).items():
                    found.append((Held(bucket, part.key, part.stage, kind.type, holder), quantity))
    return found


def _account_order(held: Held, by_key: Mapping[PositionKey, StockPosition]) -> tuple[Any, ...]:
    position = by_key.get(held.key, StockPosition(lot_code=held.key.lot_code))
    stage = STAGES.index(held.stage) + 1 if held.stage else 0
    return BUCKETS.index(held.bucket), *account_order(position), stage, held.id or ""


def _position(held: Held, quantity: int) -> Position:
    return Position(
        bucket=held.bucket,
        zone_id=held.key.zone_id,
        bin_id=held.key.bin_id,
        lot_code=held.key.lot_code,
        stage=held.stage,
        held_by_type=held.type,
        held_by_id=held.id,
        quantity=quantity,
    )


class StockFilter(Value):
    """The filters of a stock list."""

    logical_guid: str | None
    variant_ids: list[str] | None
    bucket: Bucket | None
    include_zero: bool
    pin: Pin


async def stock_list(view: View, wanted: StockFilter, page: Paged) -> Page[Balance]:
    """A page of balances by facility and variant; with a place or lot, only of the units there. Index: spots."""
    pin = wanted.pin
    rest: dict[str, Any] = {}
    keys = [*([bin_key(pin.bin_id)] if pin.bin_id else []), *([zone_key(pin.zone_id)] if pin.zone_id else [])]
    keys += [lot_key(pin.lot_code)] if pin.lot_code else []
    lead: dict[str, Any] = {"spots": keys[0] if keys else EVERYTHING}
    variants = sorted(set(wanted.variant_ids or ()))
    if wanted.logical_guid is not None:
        # Several variants and the facility together would be sorted in memory.
        (rest if len(variants) > 1 and not keys else lead)["logical_guid"] = wanted.logical_guid
    if variants and keys:
        rest["variant_id"] = one_of(variants)
    elif variants:
        lead["spots"] = one_of(map(variant_key, variants))
    if wanted.bucket is not None:
        rest["stocked"] = wanted.bucket
    elif not wanted.include_zero:
        rest["stocked"] = one_of(BUCKETS)

    def balance_of(item: Item) -> Balance | None:
        balance = balance_at(item, pin) if keys else item.balance()
        empty = not getattr(balance.buckets, wanted.bucket) if wanted.bucket else not any_units(balance.buckets)
        return None if keys and empty else balance

    async def show(items: Sequence[Item]) -> list[Balance | None]:
        return [balance_of(item) for item in items]

    selective = bool(keys) and (len(keys) > 1 or wanted.bucket is not None)
    order = ("logical_guid", "variant_id")
    return await view.filtered_page(
        ITEMS, lead, page=page, show=show, asked=wanted, order=order, rest=rest, selective=selective
    )


def balance_at(item: Item, pin: Pin) -> Balance:
    """The balance of the units inside the pin. Units in transit have no place, so they match only a lot."""
    positions = [position for position in item.cells if pin.holds(position.key)]
    counts: dict[str, int] = {bucket: sum(position.bucket(bucket) for position in positions) for bucket in BUCKETS}
    if pin.lot_code is not None and pin.zone_id is None and pin.bin_id is None:
        counts["in_transit"] = item.coming_of(pin.lot_code)
    buckets = Buckets(**counts)
    return Balance(
        logical_guid=item.logical_guid,
        variant_id=item.variant_id,
        buckets=buckets,
        on_hand=buckets.on_hand,
        seq=item.seq,
    )


def any_units(buckets: Buckets) -> bool:
    """Whether any bucket is not 0."""
    return any(getattr(buckets, bucket) for bucket in BUCKETS)
