"""Reads the holders whose units a call may move, and no others.

Holders lose units in turn, the oldest or the newest first. A promise stores under which keys it is found by what it
holds where (`holds`), so a call that moves some units reads the first promises that hold them, however many others hold
units of the item.
"""

from collections import Counter
from collections.abc import Awaitable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from chassis.unit import Change, one_of
from services.ics.ledger.balance import PositionKey
from services.ics.ledger.holder import (
    BUCKET_OF,
    HEAVY_HOLDERS,
    HELD_STATES,
    HOLDER_KINDS,
    HOLDERS_MAX,
    HeldState,
    HolderKind,
    Holding,
    hold_key,
    parts_of,
)
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting
from services.ics.ledger.promises import holders_at, promises_of
from services.ics.ledger.store import PROMISES, Promise
from services.ics.words import Bucket

KEYS_MAX = 500
"""Most positions that one query names; as many as a call may touch. Beyond, all promises of the item are read."""


def take_up(posting: Posting, item: OpenItem, promise: Promise) -> Holding:
    """Add a promise of the item to the posting as a holder."""
    return posting.hold(item, promise.kind, promise.promise_id, parts_of(promise.positions))


async def take_up_holder(change: Change, posting: Posting, item: OpenItem, holder_id: str, bucket: Bucket) -> None:
    """Add one holder with units of the item in this bucket to the posting, if it has any."""
    await _take_up_named(change, posting, item, [holder_id])
    await _take_up_records(change, posting, item, {bucket})


async def take_up_holders(
    change: Change,
    posting: Posting,
    item: OpenItem,
    buckets: Collection[Bucket],
    keys: Collection[PositionKey],
    units: int,
    *,
    holder_ids: Iterable[str] = (),
    newest_first: bool = False,
    all_staged: bool = False,
) -> None:
    """Add to the posting the holders that lose units if at most `units` of these buckets move from these positions:
    reserved ones, then committed ones by stage, within each of the first holders.

    holder_ids    holders to add besides, of the units that the call names
    newest_first  holders lose units from the newest on, not from the oldest
    all_staged    of picked and packed units all holders are added
    """
    losses = list(_losses(item, [state for state in HELD_STATES if state.bucket in buckets], keys, units, all_staged))
    if any(loss.units > HEAVY_HOLDERS for loss in losses):
        # Before they are read: each may have a single unit.
        change.own_transaction()

    def reads() -> Iterator[Awaitable[None]]:
        yield _take_up_named(change, posting, item, set(holder_ids))
        for loss in losses:
            yield _take_up_first(change, posting, item, loss, newest_first)
        yield _take_up_records(change, posting, item, buckets)

    await change.together(reads())


class _Loss(NamedTuple):
    """At most `units` of a state that holders may lose, and how many of them can leave each position."""

    state: HeldState
    units: int
    may_leave: dict[PositionKey, int]


def _losses(
    item: OpenItem, states: Sequence[HeldState], keys: Iterable[PositionKey], units: int, all_staged: bool
) -> Iterator[_Loss]:
    """What holders may lose, state by state, as the item counts it: what one has too little of, the next one loses."""
    positions = {key: item.position(key) for key in keys}
    shelf = {key: position.shelf for key, position in positions.items()}
    for state in states:
        may_leave: dict[PositionKey, int] = {}
        for key, position in positions.items():
            there = int(getattr(position, state.field))
            if state.on_shelf:
                there = min(there, shelf[key])
                shelf[key] -= there
            if there > 0:
                may_leave[key] = there
        there = sum(may_leave.values())
        lost = there if all_staged and not state.on_shelf else min(units, there)
        units -= min(units, there)
        if lost:
            yield _Loss(state, lost, may_leave)


async def _take_up_named(change: Change, posting: Posting, item: OpenItem, ids: Collection[str]) -> None:
    """Add those of the promises with these ids that hold units of the item."""
    known = await change.get_many(PROMISES, ids) if ids else {}
    for promise in known.values():
        if (promise.logical_guid, promise.variant_id) == (item.logical_guid, item.variant_id):
            take_up(posting, item, promise)


async def _take_up_first(change: Change, posting: Posting, item: OpenItem, loss: _Loss, newest_first: bool) -> None:
    """Add the first promises that lose these units."""
    found = await _first_promises(change, item, loss, newest_first) if len(loss.may_leave) <= KEYS_MAX else []
    if _covered(found, loss) < loss.units:
        # Promises that an earlier release stored have no keys yet.
        found = await promises_of(change, item.logical_guid, item.variant_id)
        if len(found) > HEAVY_HOLDERS:
            change.own_transaction()
    for promise in found:
        if BUCKET_OF[promise.kind] == loss.state.bucket:
            take_up(posting, item, promise)


async def _first_promises(change: Change, item: OpenItem, loss: _Loss, newest_first: bool) -> list[Promise]:
    held = one_of(hold_key(loss.state, key) for key in loss.may_leave)
    limit = min(loss.units, HOLDERS_MAX)
    found: list[Promise] = []
    while _covered(found, loss) < loss.units:
        behind = found[-1].promise_id if found else None
        part = await holders_at(
            change, item.logical_guid, item.variant_id, held, limit, after=behind, newest_first=newest_first
        )
        found += part
        if len(part) < limit:
            break
    return found


def _covered(found: Sequence[Promise], loss: _Loss) -> int:
    """How many units of these promises may leave the positions."""
    held: Counter[PositionKey] = Counter()
    for promise in found:
        for part in promise.positions:
            if BUCKET_OF[promise.kind] == loss.state.bucket and part.stage == loss.state.stage:
                held[part.key] += part.quantity
    return sum(min(units, loss.may_leave.get(key, 0)) for key, units in held.items())


async def _take_up_records(change: Change, posting: Posting, item: OpenItem, buckets: Collection[Bucket]) -> None:
    """Add the holders of these buckets that are no promises: receipts, shipments, consignments."""
    for kind in HOLDER_KINDS.values():
        if kind.find is not None and BUCKET_OF[kind.type] in buckets:
            await _take_up_kind(change, posting, item, kind)


async def _take_up_kind(change: Change, posting: Posting, item: OpenItem, kind: HolderKind) -> None:
    assert kind.find is not None
    variant = item.variant_id
    records = await kind.find(change, item.logical_guid, variant)
    if len(records) > HEAVY_HOLDERS:
        change.own_transaction()
    for record in records:
        holding = posting.hold(item, kind.type, kind.entity.id_of(record), kind.parts(record, variant))
        holding.serials = kind.serials(record, variant) if kind.serials is not None else {}
