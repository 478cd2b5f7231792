"""The common part of reservations and allocations: units promised until a time and held by the promise. Pure."""

from typing import Annotated, ClassVar, Literal, TypeVar

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.entity import Record
from chassis.errors import InvalidState
from chassis.values import Code, Guid, Qty, Qty0, Utc
from services.ics.ledger.holder import HeldPosition, Holding, parts_of
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting
from services.ics.ledger.promise import give_back
from services.ics.remarks import Remarks

POSITIONS_MAX = 500
"""Most positions of one promise."""

Positions = Annotated[list[HeldPosition], Meta(max_length=POSITIONS_MAX)]


class ExpiringPromise(Record):
    """Units promised until `expires_utc`. Its counters add up to `quantity`."""

    kind: ClassVar[Literal["reservation", "allocation"]]

    logical_guid: Guid
    channel_code: Code
    variant_id: Guid
    quantity: Qty
    remaining: Qty0
    committed: Qty0 = 0
    released: Qty0 = 0
    expired: Qty0 = 0
    lost: Qty0 = 0
    status: str = "active"
    expires_utc: Utc
    positions: Positions
    remarks: Remarks = field(default_factory=list)

    @property
    def for_order(self) -> str | None:
        """The reference of the order that the units are for; its entries carry it. None: none was given."""
        raise NotImplementedError

    @property
    def promise_id(self) -> str:
        """The id; the name of its field depends on the kind."""
        return str(getattr(self, f"{self.kind}_id"))


P = TypeVar("P", bound=ExpiringPromise)

_STATUSES = (
    ("active", "remaining"),
    ("committed", "committed"),
    ("allocated", "allocated"),
    ("expired", "expired"),
    ("released", "released"),
)
"""(status, counter): the first counter above 0 gives the status. Allocations have no `allocated`."""


def status_of(promise: ExpiringPromise) -> str:
    """The status that follows from the counters; lost if all are 0."""
    return next((status for status, counter in _STATUSES if getattr(promise, counter, 0) > 0), "lost")


def restated(promise: P, holding: Holding) -> P:
    """The promise with the positions of its holding, and the status that follows from its counters."""
    return replace(promise, positions=spread(holding), status=status_of(promise))


def spread(holding: Holding) -> list[HeldPosition]:
    """The positions of a promise. Raises `InvalidState` if there are more than `POSITIONS_MAX`."""
    positions = holding.positions()
    if len(positions) > POSITIONS_MAX:
        raise InvalidState(f"the units lie at more than {POSITIONS_MAX} positions", status="scattered")
    return positions


def expiry_of(item: OpenItem, expires_utc: Utc) -> None:
    """Lower the item's `lapse_utc` to the expiry of a new promise."""
    if item.lapse_utc is None or expires_utc < item.lapse_utc:
        item.lapse_utc = expires_utc


def held_by(posting: Posting, item: OpenItem, promise: ExpiringPromise) -> Holding:
    """Add the promise to the posting as a holder whose record the call stores itself."""
    return posting.own(item, promise.kind, promise.promise_id, parts_of(promise.positions))


def check_active(promise: ExpiringPromise, quantity: int | None) -> int:
    """The number of units to take: `quantity`, or all that remain. Raises `InvalidState` if none or fewer remain."""
    if promise.remaining == 0:
        raise InvalidState(f"the {promise.kind} is {promise.status}", status=promise.status)
    if quantity is not None and quantity > promise.remaining:
        raise InvalidState(f"{promise.remaining} units remain", status=promise.status)
    return quantity or promise.remaining


def check_usable(promise: ExpiringPromise, quantity: int | None, now: Utc) -> int:
    """The number of units to pass to another promise, as `check_active`. Raises `InvalidState` if the promise is
    overdue."""
    if promise.remaining > 0 and promise.expires_utc <= now:
        raise InvalidState(f"the {promise.kind} is overdue", status=promise.status, expires_utc=promise.expires_utc)
    return check_active(promise, quantity)


def release(posting: Posting, item: OpenItem, promise: P, quantity: int | None) -> tuple[P, int]:
    """Return units to available (`quantity` None: all that remain); returns the promise and the units."""
    units = check_active(promise, quantity)
    holding = held_by(posting, item, promise)
    give_back(posting, "release", units, holding)
    left = replace(promise, remaining=promise.remaining - units, released=promise.released + units)
    return restated(left, holding), units


def expired(promise: P, units: int) -> P:
    """The promise after it expired with this number of units left."""
    left = replace(promise, remaining=0, expired=promise.expired + units, positions=[])
    return replace(left, status=status_of(left))


def expire(posting: Posting, item: OpenItem, promise: P) -> P:
    """Expire the promise for a caller, and return it. Raises `InvalidState` before `expires_utc`."""
    check_active(promise, None)
    if promise.expires_utc > posting.now:
        raise InvalidState("expires_utc is still ahead", status=promise.status, expires_utc=promise.expires_utc)
    give_back(posting, "expire", promise.remaining, held_by(posting, item, promise))
    return expired(promise, promise.remaining)


def changed_in_passing(promise: P, holding: Holding) -> P:
    """The promise, updated after another operation moved or removed some of its units."""
    lost = holding.lost
    return restated(replace(promise, remaining=promise.remaining - lost, lost=promise.lost + lost), holding)
