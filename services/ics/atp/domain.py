"""Available to promise (ATP) of a variant in a facility, computed from one snapshot of its terms. Pure."""

from collections.abc import Iterable, Mapping

from chassis.entity import Value
from chassis.values import Count, Date, Guid
from services.ics.ledger.balance import Item, StockPosition
from services.ics.ledger.lot import Lot, unsellable_lots
from services.ics.policy.domain import PolicyValues


class AtpFacility(Value):
    """The terms of one facility and the resulting `atp` and `promisable`, in units.

    `available` is negative if more units are promised than exist (backorders).
    """

    logical_guid: Guid
    available: int
    overdue: Count
    unsellable: Count
    safety_stock: Count
    held_back: Count
    inbound: Count
    backorder_limit: Count
    atp: Count
    promisable: Count
    seq: Count


class AtpItem(Value):
    """A variant over several facilities. Each facility's result is at least 0 before it is summed, so the stock of one
    never offsets the shortage of another.
    """

    variant_id: Guid
    atp: Count
    promisable: Count
    facilities: list[AtpFacility]


class Terms(Value):
    """The ledger's numbers of an item, in units.

    available   may be negative
    overdue     held by overdue promises, sellable lots only
    unsellable  available in lots that may not be sold, and unsellable serials on the shelf in other lots
    inbound     expected by the requested date
    seq         number of the last entry included
    """

    available: int = 0
    overdue: int = 0
    unsellable: int = 0
    inbound: int = 0
    seq: int = 0


def unsellable_units(positions: Iterable[StockPosition], lots: Mapping[str, Lot], today: Date) -> int:
    """Units of an item that may not be sold on `today`: the available ones of unsellable lots, and of all others the
    unsellable serials on the shelf, promised or not, because a promise made before needs another unit instead."""
    unsellable = unsellable_lots(lots, today)
    return sum(
        position.available if position.lot_code in unsellable else position.unsellable_serials(today)
        for position in positions
        if position.blocked or position.dated or position.lot_code in unsellable
    )


def terms_of(item: Item | None, lots: Mapping[str, Lot], today: Date, overdue: int = 0, inbound: int = 0) -> Terms:
    """The terms of an item; all 0 if the facility has no item of the variant."""
    if item is None:
        return Terms()
    return Terms(
        available=item.available,
        overdue=overdue,
        unsellable=unsellable_units(item.cells, lots, today),
        inbound=inbound,
        seq=item.seq,
    )


def base(terms: Terms, safety_stock: int, held_back: int) -> int:
    """Units free of any claim; negative if claims exceed the units."""
    return terms.available + terms.overdue - terms.unsellable - safety_stock - held_back


def promisable(terms: Terms, policy: PolicyValues, held_back: int) -> int:
    """Units that a new promise may take now: the free units plus the policy's backorder limit, at least 0."""
    return max(0, base(terms, policy.safety_stock, held_back) + policy.backorder_limit)


def atp(terms: Terms, policy: PolicyValues, held_back: int) -> int:
    """Units available to promise: the free units plus the inbound ones, at least 0."""
    return max(0, base(terms, policy.safety_stock, held_back) + terms.inbound)


def facility_atp(logical_guid: str, terms: Terms, policy: PolicyValues, held_back: int) -> AtpFacility:
    """The answer for one facility: its terms and the resulting numbers."""
    return AtpFacility(
        logical_guid=logical_guid,
        available=terms.available,
        overdue=terms.overdue,
        unsellable=terms.unsellable,
        safety_stock=policy.safety_stock,
        held_back=held_back,
        inbound=terms.inbound,
        backorder_limit=policy.backorder_limit,
        atp=atp(terms, policy, held_back),
        promisable=promisable(terms, policy, held_back),
        seq=terms.seq,
    )


def item_atp(variant_id: str, facilities: Iterable[AtpFacility]) -> AtpItem:
    """The sums of a variant over its facilities."""
    each = list(facilities)
    return AtpItem(
        variant_id=variant_id,
        atp=sum(facility.atp for facility in each),
        promisable=sum(facility.promisable for facility in each),
        facilities=each,
    )
