"""Terms shared by all features of ICS: buckets, holders, kinds of entries, roles, and the error for missing stock.

Every feature imports this module, so it imports no other module of ICS. A term of one feature (a zone's purpose, a
policy's tracking) is defined in that feature's `domain.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeVar, get_args

from msgspec import UNSET, UnsetType

from chassis.entity import Document, Entity, Value
from chassis.errors import InvalidState, NotFound
from chassis.unit import Change
from chassis.values import Guid, Qty

Bucket = Literal["available", "quarantine", "damaged", "consignment", "reserved", "committed", "in_transit"]
"""The state of units of a variant in a facility, in account order. All but `in_transit` count as on hand."""

Stage = Literal["open", "picked", "packed"]
"""How far committed units have been processed for shipping."""

HolderType = Literal["receive", "reservation", "allocation", "commit", "shipment", "consignment"]
"""The types of documents that can hold units."""

External = Literal["supplier", "customer", "adjustment", "scrap", "consignor"]
"""Accounts outside every facility, as source or destination of goods. Their balances may be negative."""

Kind = Literal[
    "receive",
    "qc",
    "putaway",
    "replenish",
    "reserve",
    "allocate",
    "commit",
    "release",
    "expire",
    "repin",
    "pick",
    "pack",
    "ship",
    "adjust",
    "transition",
    "assign",
    "transfer_ship",
    "transfer_receive",
    "consign_receive",
    "consign_consume",
    "consign_return",
    "count",
]
"""The reason why a ledger entry moved units."""

DocumentType = Literal[
    "receive",
    "putaway",
    "replenishment",
    "reservation",
    "allocation",
    "commit",
    "adjustment",
    "transition",
    "shipment",
    "consignment",
    "count",
    "serial",
]
"""The type of the document for which a ledger entry was written."""

Openness = Literal["active", "inactive"]
"""Whether a zone or bin accepts units."""

SubjectType = Literal[
    "zone",
    "bin",
    "variant",
    "receive",
    "reservation",
    "allocation",
    "commit",
    "adjustment",
    "transfer",
    "shipment",
    "count",
    "count_plan",
    "consignment",
    "rule",
    "serial",
    "holdback",
    "snapshot",
    "other",
]
"""The types of objects that a comment or an inbox item can refer to."""

Source = Literal["ics", "scm", "pcm", "crm", "ppm", "influencer", "accounting"]
"""The domain of the business that a comment or an inbox item belongs to."""

_KIND_OF = {"rule": "replenishment_rule", "replenishment": "replenishment_rule"}
_NO_RECORDS = {"variant", "other", "putaway"}


def _kinds(words: Iterable[str]) -> tuple[str, ...]:
    """The kinds of records that these words stand for, without those of which this service has no records."""
    return tuple(_KIND_OF.get(word, word) for word in words if word not in _NO_RECORDS)


HOLDER_KINDS = _kinds(get_args(HolderType))
"""The kinds of records that can hold units."""

DOCUMENT_KINDS = _kinds(get_args(DocumentType))
"""The kinds of records for which an entry can be written."""

SUBJECT_KINDS = _kinds(get_args(SubjectType))
"""The kinds of records that a comment or an inbox item can refer to."""

BUCKETS: tuple[Bucket, ...] = get_args(Bucket)
STAGES: tuple[Stage, ...] = get_args(Stage)
UNHELD_BUCKETS: tuple[Bucket, ...] = ("available", "quarantine", "damaged")
"""Buckets whose units can be without a holder. Transitions and positive adjustments use only these."""

ROLES = {
    "ics_view": "Read stock, its history and everything kept beside it.",
    "ics_operator": "Work the floor: receive, inspect, put away, promise, pick, pack, ship, count and adjust.",
    "ics_planner": "Set policies, holdbacks, replenishment rules and transfers; ask for suggestions.",
    "ics_adjust": "Adjust stock and move it between available, quarantine and damaged.",
    "ics_count": "Plan, take, approve and reject counts; take snapshots.",
    "ics_transfer_approve": "Approve or reject transfers between facilities.",
    "ics_cost_admin": "See what consigned goods cost and settle for them.",
}
"""Every role of ICS, and what a caller with that role may do."""

READ = tuple(ROLES)
OPERATOR = ("ics_operator",)
PLANNER = ("ics_planner", "ics_operator")
COUNT = ("ics_count", "ics_operator")
ADJUST = ("ics_adjust", "ics_operator")
TRANSFER_APPROVE = ("ics_transfer_approve",)
SURVEY = ("ics_count", "ics_planner", "ics_operator")
COST = ("ics_cost_admin",)


class Shortage(Value):
    """Missing units in one bucket: how many were requested, and how many are available."""

    logical_guid: Guid
    variant_id: Guid
    bucket: Bucket
    requested: Qty
    available: int


class InsufficientStock(InvalidState):
    """There are fewer units than the call needs. `shortages` lists them by variant, facility and bucket."""

    reason = "insufficient_stock"

    def __init__(self, message: str, shortages: Sequence[Shortage]) -> None:
        super().__init__(message, shortages=list(shortages))


@contextmanager
def of_line(line_no: int) -> Iterator[None]:
    """Adds the line to the details of an `InvalidState` that a line of the call causes."""
    try:
        yield
    except InvalidState as refused:
        refused.details.setdefault("line_no", line_no)
        raise


R = TypeVar("R", bound=Document)


async def load_here(
    change: Change, entity: Entity[R], record_id: str, expected_revision: int | UnsetType | None = UNSET
) -> R:
    """The record, loaded for a call in its facility.

    Raises `NotFound` if the record is absent or belongs to another facility. The revision is checked only after that,
    so that a caller in another facility learns nothing of the record.
    """
    record = await change.load(entity, record_id)
    if getattr(record, "logical_guid", None) != change.call.logical_guid:
        raise NotFound("no such object in this facility")
    return await change.load(entity, record_id, expected_revision)
