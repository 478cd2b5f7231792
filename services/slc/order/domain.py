"""Order records: what SLC keeps of one Shopify order, and what was posted to ICS for it. Nothing about the customer."""

from typing import Annotated, Literal

from msgspec import Meta, field

from chassis.entity import Document, Value
from chassis.values import Count, Guid, Id, Name, Qty, Qty0, Sku, Utc
from services.slc.words import Gid, Part, SyncError, number_of

OrderStateWord = Literal["booked", "partial", "oversold", "ignored", "failed"]
PostingKind = Literal["commit", "ship", "release", "return"]
PostingState = Literal["open", "confirmed", "refused"]


class OrderPosting(Part):
    """One change in ICS for one line at one location, as callers see it."""

    n: Count
    kind: PostingKind
    quantity: Qty
    logical_guid: Guid
    location_id: Gid
    state: PostingState
    document_type: Name | None = None
    document_id: Id | None = None
    stored_utc: Utc
    error: SyncError | None = None


class OrderLine(Part):
    """A line of an order, as callers see it."""

    line_id: Gid
    shopify_variant_id: Gid | None = None
    variant_id: Guid | None = None
    sku: Sku | None = None
    quantity: Qty0
    held: Qty0
    awaiting: Qty0
    committed: Qty0
    returned: Qty0
    oversold: Qty0
    fulfilled: Qty0
    postings: Annotated[list[OrderPosting], Meta(max_length=256)] | None = None


class LinePlace(Value):
    """Units of a line at one location that no posting tells: refused by ICS, or waiting for payment."""

    location_id: Gid
    oversold: Qty0 = 0
    awaiting: Qty0 = 0


class StoredLine(OrderLine):
    """A line with what only the stack keeps of it.

    places       units without a posting, by location
    ignored      whether it is not booked: no map, or placed before the first activation
    next_n       the number of the next posting
    noted        refund lines without restock that were audited
    """

    places: list[LinePlace] = field(default_factory=list)
    ignored: bool = False
    next_n: Count = 1
    noted: list[Gid] = field(default_factory=list)


class ChannelOrder(Part):
    """An order, as callers see it."""

    channel_id: Id
    shopify_order_id: Gid
    order_name: Name
    state: OrderStateWord
    financial_status: Name | None = None
    created_utc: Utc
    cancelled_utc: Utc | None = None
    recorded_utc: Utc
    reconciled_utc: Utc
    lines: Annotated[list[OrderLine], Meta(max_length=500)]
    last_error: SyncError | None = None


class StoredOrder(Document, omit_defaults=True):
    """An order record.

    recorded_rank       minus `recorded_utc` in milliseconds: newest first in ascending order
    seen_updated        when the shop last changed the order, as of the latest reconcile
    before_activation   whether it is booked although it was placed before the first activation
    """

    row_id: str
    orgcode: str = ""
    channel_id: Id
    shopify_order_id: Gid
    order_name: Name
    state: OrderStateWord
    financial_status: Name | None = None
    created_utc: Utc
    cancelled_utc: Utc | None = None
    recorded_utc: Utc
    recorded_rank: int
    reconciled_utc: Utc
    lines: list[StoredLine]
    last_error: SyncError | None = None
    seen_updated: str = ""
    before_activation: bool = False


class Posting(Document, omit_defaults=True):
    """A change in ICS for one line at one location: stored as an intention, then confirmed or refused.

    commit_id, commit_revision  the commit that it made, releases or ships, and its revision as of ICS' answer
    refund_line_id              the refund line that it receives back
    happened_utc                when the shop moved the units: the order's or the refund's time
    moves                       units by which the baseline moves once ICS has answered
    from_oversold               whether it commits units that ICS refused before
    releasable                  of a refused release: units that ICS could release
    """

    row_id: str
    orgcode: str = ""
    channel_id: Id
    shopify_order_id: Gid
    line_id: Gid
    variant_id: Guid
    n: Count
    kind: PostingKind
    quantity: Qty
    logical_guid: Guid
    location_id: Gid
    state: PostingState
    document_type: Name | None = None
    document_id: Id | None = None
    commit_id: Id | None = None
    commit_revision: Count | None = None
    source_ref: Gid | None = None
    refund_line_id: Gid | None = None
    happened_utc: Utc
    moves: Count = 0
    from_oversold: bool = False
    releasable: Count | None = None
    stored_utc: Utc
    error: SyncError | None = None


def order_row_id(channel_id: str, order_id: str) -> str:
    """The id of the record of an order."""
    return f"{channel_id}/{order_id}"


def posting_row_id(channel_id: str, order_id: str, line_id: str, n: int) -> str:
    """The id of a posting."""
    return f"{channel_id}/{order_id}/{line_id}/{n:06d}"


def posting_key(posting: Posting) -> str:
    """The idempotency key under which ICS makes a posting, however often it is asked to."""
    order, line = number_of(posting.shopify_order_id), number_of(posting.line_id)
    return f"slc:{posting.channel_id}:{order}:{line}:{posting.n}"


def order_answer(order: StoredOrder, postings: list[Posting] | None) -> ChannelOrder:
    """An order as callers see it; its postings where they are given."""
    same = set(ChannelOrder.__struct_fields__) - {"lines"}
    return ChannelOrder(
        **{name: getattr(order, name) for name in same},
        lines=[_line_answer(line, postings) for line in order.lines],
    )


def _line_answer(line: StoredLine, postings: list[Posting] | None) -> OrderLine:
    same = set(OrderLine.__struct_fields__) - {"postings"}
    own = None if postings is None else [_shown(each) for each in postings if each.line_id == line.line_id][:256]
    return OrderLine(**{name: getattr(line, name) for name in same}, postings=own)


def _shown(posting: Posting) -> OrderPosting:
    return OrderPosting(**{name: getattr(posting, name) for name in OrderPosting.__struct_fields__})
