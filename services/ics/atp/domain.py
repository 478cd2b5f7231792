"""What can be promised of a variant in a facility, from terms read at one moment. Pure arithmetic; see `promisable`."""

from collections.abc import Iterable, Mapping

from chassis.entity import Value
from chassis.values import Count, Date, Guid
from services.ics.ledger.balance import Item
from services.ics.ledger.lot import Lot, is_sellable
from services.ics.policy.domain import PolicyValues


class AtpFacility(Value):
    """One facility's terms and what they come to. `available` is below 0 where more is promised than there is."""

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
    """A variant over several facilities: the sums of their own numbers, so none covers another's shortage."""

    variant_id: Guid
    atp: Count
    promisable: Count
    facilities: list[AtpFacility]


class Terms(Value):
    """What the ledger says of an item: units available, those in unsellable lots, those held by overdue promises.

    `overdue` counts sellable lots only; `inbound` is what is due in time; `seq` is the last entry these numbers count.
    """

    available: int = 0
    overdue: int = 0
    unsellable: int = 0
    inbound: int = 0
    seq: int = 0


def unsellable_units(item: Item, lots: Mapping[str, Lot], today: Date) -> int:
    """Available units of an item that lie there in lots which may not be sold."""
    return sum(cell.available for cell in item.cells if not is_sellable(lots, cell.lot_code, today))


def terms_of(item: Item | None, lots: Mapping[str, Lot], today: Date, overdue: int = 0, inbound: int = 0) -> Terms:
    """What the ledger says of an item; all zeros where the facility never saw the variant."""
    if item is None:
        return Terms()
    return Terms(
        available=item.available,
        overdue=overdue,
        unsellable=unsellable_units(item, lots, today),
        inbound=inbound,
        seq=item.seq,
    )


def base(terms: Terms, safety_stock: int, held_back: int) -> int:
    """What is free of every claim; below 0 where claims outweigh the units."""
    return terms.available + terms.overdue - terms.unsellable - safety_stock - held_back


def promisable(terms: Terms, policy: PolicyValues, held_back: int) -> int:
    """How many units a promise may ask for now: what is free, and as far beyond it as the policy lets promises go."""
    return max(0, base(terms, policy.safety_stock, held_back) + policy.backorder_limit)


def atp(terms: Terms, policy: PolicyValues, held_back: int) -> int:
    """How many units are available to promise: what is free and what comes in on time."""
    return max(0, base(terms, policy.safety_stock, held_back) + terms.inbound)


def facility_atp(logical_guid: str, terms: Terms, policy: PolicyValues, held_back: int) -> AtpFacility:
    """A facility's terms and what they come to."""
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
    """A variant's numbers over facilities."""
    each = list(facilities)
    return AtpItem(
        variant_id=variant_id,
        atp=sum(facility.atp for facility in each),
        promisable=sum(facility.promisable for facility in each),
        facilities=each,
    )
