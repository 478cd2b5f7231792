"""Commits: firm promises of units, from the shelf to shipment. Pure.

Picked and packed are stages within the commit; only shipping removes units from it. Its counters are computed from
the units it holds, so they always match the ledger.
"""

from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.errors import InvalidState, invalid_field
from chassis.values import Code, Guid, Id, Name, Qty, Qty0, Text, Utc
from services.ics.ledger.balance import Landing
from services.ics.ledger.draw import ANYWHERE, HeldTake, Pin, draw_held
from services.ics.ledger.holder import Holding, parts_of
from services.ics.ledger.leg import Leg
from services.ics.ledger.lot import check_sellable
from services.ics.ledger.naming import Named
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting, insufficient
from services.ics.ledger.promise import pass_on, repin
from services.ics.remarks import Remarks
from services.ics.reservation.domain import draw_promise
from services.ics.reservation.expiring import P, Positions, spread
from services.ics.reservation.expiring import held_by as held_by_promise
from services.ics.reservation.expiring import restated as restated_promise
from services.ics.words import STAGES, Stage

Source = Literal["reservation", "allocation", "direct"]
Status = Literal["open", "picked", "packed", "shipped", "released", "lost"]

SHIPS_MAX = 500
"""Most shipments of one commit; each leaves a note."""


class ShipNote(Value):
    """One shipment of units of a commit."""

    operation_id: Id
    quantity: Qty
    carrier: Name | None
    tracking_ref: Text | None
    shipped_utc: Utc


class Commit(Record):
    """Units in fulfilment for an order. quantity = open + picked + packed + shipped + released + lost."""

    commit_id: Id
    source: Source
    reservation_id: Id | None = None
    allocation_id: Id | None = None
    logical_guid: Guid
    channel_code: Code
    variant_id: Guid
    order_ref: Text
    order_line_ref: Text | None
    due_utc: Utc | None
    quantity: Qty
    open: Qty0
    picked: Qty0 = 0
    packed: Qty0 = 0
    shipped: Qty0 = 0
    released: Qty0 = 0
    lost: Qty0 = 0
    status: Status = "open"
    positions: Positions
    ships: Annotated[list[ShipNote], Meta(max_length=SHIPS_MAX)] = field(default_factory=list)
    remarks: Remarks = field(default_factory=list)


class Order(Value):
    """The order that a commit fulfils; `due_utc` is when it is due, in UTC."""

    order_ref: str
    order_line_ref: str | None
    due_utc: Utc | None


def status_of(commit: Commit) -> Status:
    """The status of a commit: the first counter above 0, otherwise lost."""
    counters: tuple[tuple[Status, int], ...] = (
        ("open", commit.open),
        ("picked", commit.picked),
        ("packed", commit.packed),
        ("shipped", commit.shipped),
        ("released", commit.released),
    )
    return next((status for status, units in counters if units > 0), "lost")


def restated(commit: Commit, holding: Holding) -> Commit:
    """The commit with positions, stage counters and status recomputed from the units it holds."""
    held = replace(
        commit,
        open=holding.total(stage="open"),
        picked=holding.total(stage="picked"),
        packed=holding.total(stage="packed"),
        positions=spread(holding),
    )
    return replace(held, status=status_of(held))


def commit_direct(
    posting: Posting, holding: Holding, order: Order, quantity: int, *, channel_code: str, limit: int
) -> Commit:
    """Create a commit without an earlier promise. Raises `InsufficientStock` if `quantity` exceeds `limit`, the
    promisable units.
    """
    draw_promise(posting, "commit", quantity, holding, limit=limit)
    return _commit(holding, "direct", order, quantity, channel_code)


def commit_promised(posting: Posting, promise: P, holding: Holding, order: Order, quantity: int) -> tuple[Commit, P]:
    """Move `quantity` units of a promise to a new commit, at the same positions; return the commit and the changed
    promise.
    """
    giver = held_by_promise(posting, holding.item, promise)
    pass_on(posting, "commit", quantity, giver, holding)
    left = replace(promise, remaining=promise.remaining - quantity, committed=promise.committed + quantity)
    commit = _commit(holding, promise.kind, order, quantity, promise.channel_code)
    # An allocation passes on the reservation it came from, so that the whole chain is in each link.
    chain = {"reservation_id": getattr(promise, "reservation_id", None), f"{promise.kind}_id": promise.promise_id}
    commit = replace(commit, **chain)
    return commit, restated_promise(left, giver)


def _commit(holding: Holding, source: Source, order: Order, quantity: int, channel_code: str) -> Commit:
    return Commit(
        commit_id=holding.id,
        source=source,
        logical_guid=holding.item.logical_guid,
        channel_code=channel_code,
        variant_id=holding.item.variant_id,
        order_ref=order.order_ref,
        order_line_ref=order.order_line_ref,
        due_utc=order.due_utc,
        quantity=quantity,
        open=quantity,
        positions=spread(holding),
    )


def held_by(posting: Posting, item: OpenItem, commit: Commit) -> Holding:
    """The commit as a holder of units. The caller stores the commit itself."""
    return posting.own(item, "commit", commit.commit_id, parts_of(commit.positions))


def units_at(commit: Commit, stage: Stage) -> int:
    """Units of a commit at one stage."""
    return {"open": commit.open, "picked": commit.picked, "packed": commit.packed}[stage]


def check_stage(commit: Commit, stage: Stage, quantity: int) -> None:
    """Raise `InvalidState` if fewer than `quantity` units are at the stage."""
    there = units_at(commit, stage)
    if quantity > there:
        raise InvalidState(f"{there} units are {stage}", status=commit.status)


def pick(
    posting: Posting, holding: Holding, commit: Commit, quantity: int, *, pin: Pin, target: Landing, named: Named
) -> Commit:
    """Move open units from the shelf to `target` and make them picked; return the changed commit.

    The pin is the scanned position: if the commit was promised other positions, they are exchanged for it. Raises
    `InvalidState` if too few units are open or a lot may not be sold, `InsufficientStock` if the shelf has too few.
    """
    item = holding.item
    check_stage(commit, "open", quantity)
    check_sellable(item.lots, pin.lot_code, posting.today)
    repin(posting, quantity, holding, pin, named)
    takes = _takes(item, holding, quantity, named, stage="open", pin=pin)
    _check_lots(posting, item, takes)
    for part, units, serials in takes:
        key = posting.land(item, target, part.key.lot_code)
        source = Leg(item, "committed", part.key, holding, "open")
        moved = posting.move("pick", units, source, Leg(item, "committed", key, holding, "picked"), serials=serials)
        posting.check_sellable(item, moved)
    return restated(commit, holding)


def pack(
    posting: Posting, holding: Holding, commit: Commit, quantity: int, *, target: Landing | None, named: Named
) -> Commit:
    """Pack picked units, moving them to `target` if given; return the changed commit. Raises `InvalidState` if too few
    units are picked.
    """
    item = holding.item
    check_stage(commit, "picked", quantity)
    for part, units, serials in _takes(item, holding, quantity, named, stage="picked"):
        key = posting.land(item, target, part.key.lot_code) if target is not None else part.key
        source = Leg(item, "committed", part.key, holding, "picked")
        posting.move("pack", units, source, Leg(item, "committed", key, holding, "packed"), serials=serials)
    return restated(commit, holding)


def ship(posting: Posting, holding: Holding, commit: Commit, note: ShipNote, *, stage: Stage, named: Named) -> Commit:
    """Ship units of a stage to the customer; return the changed commit.

    Raises `InvalidState` if too few units are at the stage, a lot may not be sold or the commit has too many shipments;
    `InsufficientStock` if the stage is open and the shelf has too few.
    """
    item = holding.item
    check_stage(commit, stage, note.quantity)
    if len(commit.ships) >= SHIPS_MAX:
        raise InvalidState(f"the commit has shipped {SHIPS_MAX} times", status=commit.status)
    if stage == "open":
        repin(posting, note.quantity, holding, ANYWHERE, named)
    takes = _takes(item, holding, note.quantity, named, stage=stage)
    _check_lots(posting, item, takes)
    for part, units, serials in takes:
        source = Leg(item, "committed", part.key, holding, stage)
        posting.check_sellable(item, posting.move("ship", units, source, "customer", serials=serials))
    left = replace(commit, shipped=commit.shipped + note.quantity, ships=[*commit.ships, note])
    return restated(left, holding)


def release(
    posting: Posting, holding: Holding, commit: Commit, quantity: int | None, *, stage: Stage | None, named: Named
) -> tuple[Commit, int]:
    """Make units of the commit available again at their positions; return the changed commit and the number of units.

    `quantity` None releases all. `stage` None takes open units first, then picked, then packed ones. Raises
    `InvalidState` if there are no units to release, or too few.
    """
    stages = STAGES if stage is None else (stage,)
    there = sum(units_at(commit, each) for each in stages)
    if there == 0 or (quantity is not None and quantity > there):
        raise InvalidState(f"{there} units can be released", status=commit.status, releasable=there)
    units = left = quantity or there
    if named.explicit and len(named.units) != units:
        raise invalid_field("serials", f"names {len(named.units)} serials for {units} units")
    for each in stages:
        left -= _release_stage(posting, holding, min(left, holding.total(stage=each)), each, named)
    if left:
        # Without named units every one of them is found.
        serial_no = named.units[0].serial_no
        raise InvalidState(
            "the commit holds fewer units where the serials lie", status="elsewhere", serial_no=serial_no
        )
    changed = replace(commit, released=commit.released + units)
    return restated(changed, holding), units


def _release_stage(posting: Posting, holding: Holding, quantity: int, stage: Stage, named: Named) -> int:
    """Release at most `quantity` units of a stage; returns how many."""
    item, left = holding.item, quantity
    while left:
        # One take at a time: released units may be used at once to cover units promised beyond stock, which changes the
        # positions of the next take.
        takes, _ = draw_held(item, holding, left, stage=stage, named=named)
        if not takes:
            break
        part, units, serials = takes[0]
        named.put_back(takes[1:])
        source = Leg(item, "committed", part.key, holding, stage)
        posting.move("release", units, source, Leg(item, "available", part.key), serials=serials)
        left -= units
    return quantity - left


def _takes(
    item: OpenItem, holding: Holding, quantity: int, named: Named, *, stage: Stage, pin: Pin = ANYWHERE
) -> list[HeldTake]:
    takes, lacking = draw_held(item, holding, quantity, pin, stage=stage, leaves_shelf=stage == "open", named=named)
    if lacking and stage != "open":
        serial_no = named.units[0].serial_no
        raise InvalidState(f"serial {serial_no} is not {stage}", status=stage, serial_no=serial_no)
    if lacking:
        raise insufficient(item, "committed", quantity, quantity - lacking, "the shelf has fewer units")
    return takes


def _check_lots(posting: Posting, item: OpenItem, takes: list[HeldTake]) -> None:
    for take in takes:
        check_sellable(item.lots, take.part.key.lot_code, posting.today)


def changed_in_passing(commit: Commit, holding: Holding) -> Commit:
    """The commit, updated after another operation moved or removed some of its units."""
    return restated(replace(commit, lost=commit.lost + holding.lost), holding)
