"""Stock card entries, and the accounts that each kind of entry may move units between.

An entry moves a quantity from one account to another; it is never changed or deleted. `LEGAL` is the table of section 3
of the contract: an entry outside it is a defect of this service, not a caller's mistake.
"""

from collections.abc import Iterable
from itertools import product
from typing import Literal

from chassis.clock import Utc
from chassis.entity import Document, Value
from chassis.record_history import Changed
from services.ics.ledger.balance import Item, PositionKey
from services.ics.words import Bucket, DocumentType, External, HolderType, Kind, Stage

ENTRIES_MAX = 500
"""Most entries in one answer; a call that makes more is refused."""


ENTRY_SERIALS_MAX = 500
"""Most serials that one entry names."""


class Account(Value):
    """One side of an entry. `seq` is the number of the entry in this side's item; None for an external account."""

    kind: Literal["stock", "external"]
    external: External | None = None
    logical_guid: str | None = None
    bucket: Bucket | None = None
    zone_id: str | None = None
    bin_id: str | None = None
    lot_code: str | None = None
    stage: Stage | None = None
    held_by_type: HolderType | None = None
    held_by_id: str | None = None
    seq: int | None = None

    @property
    def key(self) -> PositionKey:
        """The position within the item."""
        return PositionKey(self.zone_id, self.bin_id, self.lot_code)


class StockCardEntry(Document):
    """A movement of units of one variant. `from_balance` and `to_balance` are the bucket totals after the entry; None
    for an external account. `order_ref` is that of the promise it was written for; None for other entries."""

    orgcode: str
    entry_id: str
    operation_id: str
    kind: Kind
    variant_id: str
    quantity: int
    from_account: Account
    to_account: Account
    from_balance: int | None
    to_balance: int | None
    document_type: DocumentType
    document_id: str
    document_line: int | None
    channel_code: str | None
    order_ref: str | None = None
    serials: list[str]
    reason: str | None
    cccode: str | None
    recorded_utc: Utc
    recorded_by: str


class Operation(Value):
    """Fields shared by all entries of one call, or of one expired promise."""

    operation_id: str
    document_type: DocumentType
    document_id: str
    actor: str
    channel_code: str | None = None
    order_ref: str | None = None
    reason: str | None = None
    cccode: str | None = None


Form = tuple[str, Stage | None, HolderType | None]
"""The form of an account in `LEGAL`: bucket or external name, stage, holder type."""


def form_of(account: Account) -> Form:
    """The form of an account."""
    return account.external or account.bucket or "", account.stage, account.held_by_type


def form(name: str, stage: Stage | None = None, held_by: HolderType | None = None) -> Form:
    """A form, from its parts."""
    return name, stage, held_by


AVAILABLE, QUARANTINE, DAMAGED = form("available"), form("quarantine"), form("damaged")
INSPECTED = form("quarantine", held_by="receive")
RESERVED = form("reserved", held_by="reservation")
ALLOCATED = form("reserved", held_by="allocation")
OPEN, PICKED, PACKED = (form("committed", stage, "commit") for stage in ("open", "picked", "packed"))
CONSIGNED = form("consignment", held_by="consignment")
COMING = form("in_transit", held_by="shipment")

SELLABLE_OR_NOT = (AVAILABLE, QUARANTINE, DAMAGED)
PROMISED = (RESERVED, ALLOCATED, OPEN)
ON_HAND_FORMS = (AVAILABLE, QUARANTINE, INSPECTED, DAMAGED, CONSIGNED, RESERVED, ALLOCATED, OPEN, PICKED, PACKED)

Pairs = frozenset[tuple[Form, Form]]


def _pairs(sources: Iterable[Form], targets: Iterable[Form]) -> Pairs:
    return frozenset(product(sources, targets))


def _same(forms: Iterable[Form]) -> Pairs:
    return frozenset((each, each) for each in forms)


_OUTSIDE = [form(name) for name in ("adjustment", "scrap", "supplier")]
_BOOKED = form("adjustment")

LEGAL: dict[Kind, Pairs] = {
    "receive": _pairs([form("supplier"), form("customer")], [INSPECTED, AVAILABLE]),
    "qc": _pairs([INSPECTED], SELLABLE_OR_NOT),
    "putaway": _same(ON_HAND_FORMS),
    "replenish": _same([AVAILABLE]),
    "reserve": _pairs([AVAILABLE], [RESERVED]),
    "allocate": _pairs([AVAILABLE, RESERVED], [ALLOCATED]),
    "commit": _pairs([AVAILABLE, RESERVED, ALLOCATED], [OPEN]),
    "release": _pairs([RESERVED, ALLOCATED, OPEN, PICKED, PACKED], [AVAILABLE]),
    "expire": _pairs([RESERVED, ALLOCATED], [AVAILABLE]),
    "repin": _pairs(PROMISED, [AVAILABLE]) | _pairs([AVAILABLE], PROMISED),
    "pick": _pairs([OPEN], [PICKED]),
    "pack": _pairs([PICKED], [PACKED]),
    "ship": _pairs([OPEN, PICKED, PACKED], [form("customer")]),
    "adjust": _pairs([*ON_HAND_FORMS, COMING], _OUTSIDE) | _pairs([_BOOKED, form("supplier")], SELLABLE_OR_NOT),
    "assign": _same(ON_HAND_FORMS),
    "transition": _pairs(SELLABLE_OR_NOT, SELLABLE_OR_NOT) - _same(SELLABLE_OR_NOT),
    "transfer_ship": _pairs([AVAILABLE], [COMING]),
    "transfer_receive": _pairs([COMING], [AVAILABLE, DAMAGED, _BOOKED]),
    "consign_receive": _pairs([form("consignor")], [CONSIGNED]),
    "consign_consume": _pairs([CONSIGNED], [AVAILABLE]),
    "consign_return": _pairs([CONSIGNED], [form("consignor")]),
    "count": _pairs(ON_HAND_FORMS, [_BOOKED]) | _pairs([_BOOKED], [AVAILABLE]),
}
"""Kind of entry -> the (source, target) forms it may move units between."""


def changed_totals(item: Item, entry: StockCardEntry) -> list[Changed]:
    """The buckets of an item whose totals an entry changed, with the totals before and after it."""
    source, target = entry.from_account, entry.to_account
    if (source.logical_guid, source.bucket) == (target.logical_guid, target.bucket):
        return []
    sides = ((source, entry.from_balance, entry.quantity), (target, entry.to_balance, -entry.quantity))
    return [
        (side.bucket, total + moved, total)
        for side, total, moved in sides
        if side.logical_guid == item.logical_guid and side.bucket is not None and total is not None
    ]


def number_in(entry: StockCardEntry, facility: str) -> int:
    """The number of the entry in the item of a facility, which must be one of its sides."""
    for account in (entry.from_account, entry.to_account):
        if account.logical_guid == facility and account.seq is not None:
            return account.seq
    raise AssertionError(entry)
