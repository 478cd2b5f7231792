"""What one order has: its promises, parcels and entries at one moment, added up by variant. Pure."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

from msgspec import Meta
from msgspec.structs import replace

from chassis.entity import Value
from chassis.values import Count, Guid, Id, Name, Qty, Text, Utc
from services.ics.allocation.domain import Allocation
from services.ics.commit.domain import Commit
from services.ics.ledger.entry import StockCardEntry
from services.ics.reservation.domain import Reservation

LINES_MAX = 500
RESERVATIONS_MAX = 200
ALLOCATIONS_MAX = 500
COMMITS_MAX = 500
SHIPS_MAX = 1000
ENTRIES_MAX = 1000

T = TypeVar("T")


class OrderShip(Value):
    """One ship/record of an order."""

    commit_id: Id
    logical_guid: Guid
    variant_id: Guid
    operation_id: Id
    quantity: Qty
    carrier: Name | None
    tracking_ref: Text | None
    shipped_utc: Utc


class OrderLine(Value):
    """What an order has of one variant now, over all facilities.

    reserved  what remains of its allocations, and of the reservations whose demand_ref it is
    released  of its commits
    """

    variant_id: Guid
    reserved: Count = 0
    open: Count = 0
    picked: Count = 0
    packed: Count = 0
    shipped: Count = 0
    released: Count = 0


class OrderParts(Value):
    """All that is shown of an order. `more`: one of the lists was cut."""

    order_ref: Text
    lines: Annotated[list[OrderLine], Meta(max_length=LINES_MAX)]
    reservations: Annotated[list[Reservation], Meta(max_length=RESERVATIONS_MAX)]
    allocations: Annotated[list[Allocation], Meta(max_length=ALLOCATIONS_MAX)]
    commits: Annotated[list[Commit], Meta(max_length=COMMITS_MAX)]
    ships: Annotated[list[OrderShip], Meta(max_length=SHIPS_MAX)]
    entries: Annotated[list[StockCardEntry], Meta(max_length=ENTRIES_MAX)]
    more: bool


class Found(NamedTuple):
    """What was read of an order, oldest first, at most one more of each than is shown.

    reservations  those whose demand_ref it is, and those that its allocations and commits came from
    """

    reservations: Sequence[Reservation]
    allocations: Sequence[Allocation]
    commits: Sequence[Commit]
    entries: Sequence[StockCardEntry]


class OrderLines:
    """Adds up the promises of an order by variant."""

    def __init__(self) -> None:
        self._lines: dict[str, OrderLine] = {}

    def add(self, promises: Iterable[Any]) -> None:
        """Add reservations, allocations or commits."""
        for promise in promises:
            line = self._lines.get(promise.variant_id) or OrderLine(variant_id=promise.variant_id)
            if isinstance(promise, Commit):
                line = replace(
                    line,
                    open=line.open + promise.open,
                    picked=line.picked + promise.picked,
                    packed=line.packed + promise.packed,
                    shipped=line.shipped + promise.shipped,
                    released=line.released + promise.released,
                )
            else:
                line = replace(line, reserved=line.reserved + promise.remaining)
            self._lines[promise.variant_id] = line

    def lines(self) -> list[OrderLine]:
        """The lines by variant."""
        return [self._lines[variant_id] for variant_id in sorted(self._lines)]


def order_of(order_ref: str, found: Found, lines: Sequence[OrderLine]) -> OrderParts:
    """What is shown of the order, each list cut to its maximum."""
    cuts = _Cuts()
    commits = cuts.cut(found.commits, COMMITS_MAX)
    return OrderParts(
        order_ref=order_ref,
        lines=cuts.cut(lines, LINES_MAX),
        reservations=cuts.cut(found.reservations, RESERVATIONS_MAX),
        allocations=cuts.cut(found.allocations, ALLOCATIONS_MAX),
        commits=commits,
        ships=cuts.cut(_ships(commits), SHIPS_MAX),
        entries=cuts.cut(found.entries, ENTRIES_MAX),
        more=cuts.more,
    )


class _Cuts:
    """Cuts lists, and remembers whether any was too long."""

    def __init__(self) -> None:
        self.more = False

    def cut(self, found: Sequence[T], at_most: int) -> list[T]:
        self.more = self.more or len(found) > at_most
        return list(found[:at_most])


def _ships(commits: Iterable[Commit]) -> list[OrderShip]:
    """The shipments of these commits, oldest first."""
    found = [
        OrderShip(
            commit_id=commit.commit_id,
            logical_guid=commit.logical_guid,
            variant_id=commit.variant_id,
            operation_id=note.operation_id,
            quantity=note.quantity,
            carrier=note.carrier,
            tracking_ref=note.tracking_ref,
            shipped_utc=note.shipped_utc,
        )
        for commit in commits
        for note in commit.ships
    ]
    return sorted(found, key=lambda ship: (ship.shipped_utc, ship.operation_id))
