"""ICS's own words, shared by all its features: what stock can be, who may do what, and how a lack of it is told.

Everything stands on these, so this module imports nothing of ICS. What one feature alone says (a zone's purpose, a
policy's tracking) is in that feature's `domain.py`.
"""

from collections.abc import Sequence
from typing import Literal, TypeVar, get_args

from msgspec import UNSET, UnsetType

from chassis.entity import Document, Entity, Value
from chassis.errors import InvalidState, NotFound
from chassis.unit import Change
from chassis.values import Guid, Qty

Bucket = Literal["available", "quarantine", "damaged", "consignment", "reserved", "committed", "in_transit"]
"""What units of a variant in a facility are, in account order. All but `in_transit` are on hand."""

Stage = Literal["open", "picked", "packed"]
"""How far committed units are on their way out of the house."""

HolderType = Literal["receive", "reservation", "allocation", "commit", "shipment", "consignment"]
"""In whose name units can be held."""

External = Literal["supplier", "customer", "adjustment", "scrap", "consignor"]
"""Where goods come from and go to: accounts outside every facility, whose balance may have either sign."""

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
    "transfer_ship",
    "transfer_receive",
    "consign_receive",
    "consign_consume",
    "consign_return",
    "count",
]
"""Why an entry moved units."""

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
]
"""What an entry was written for."""

Openness = Literal["active", "inactive"]
"""Whether a place takes units in."""

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
"""What a comment or an inbox item can be about."""

Source = Literal["ics", "scm", "pcm", "crm", "ppm", "influencer", "accounting"]
"""The domain of the business that a comment or an inbox item belongs to."""

BUCKETS: tuple[Bucket, ...] = get_args(Bucket)
STAGES: tuple[Stage, ...] = get_args(Stage)
UNHELD_BUCKETS: tuple[Bucket, ...] = ("available", "quarantine", "damaged")
"""Buckets whose units may be held by no one: what a transition and a positive adjustment deal in."""

ROLES = {
    "ics_view": "Read stock, its history and everything kept beside it.",
    "ics_operator": "Work the floor: receive, inspect, put away, promise, pick, pack, ship, count and adjust.",
    "ics_planner": "Set policies, holdbacks, replenishment rules and transfers; ask for suggestions.",
    "ics_adjust": "Adjust stock and move it between available, quarantine and damaged.",
    "ics_count": "Plan, take, approve and reject counts; take snapshots.",
    "ics_transfer_approve": "Approve or reject transfers between facilities.",
    "ics_cost_admin": "See what consigned goods cost and settle for them.",
}
"""Every role word of ICS and what it lets one do."""

READ = tuple(ROLES)
OPERATOR = ("ics_operator",)
PLANNER = ("ics_planner", "ics_operator")
COUNT = ("ics_count", "ics_operator")
ADJUST = ("ics_adjust", "ics_operator")
TRANSFER_APPROVE = ("ics_transfer_approve",)
SURVEY = ("ics_count", "ics_planner", "ics_operator")
COST = ("ics_cost_admin",)


class Shortage(Value):
    """What was asked for and is not there, in units of one bucket."""

    logical_guid: Guid
    variant_id: Guid
    bucket: Bucket
    requested: Qty
    available: int


class InsufficientStock(InvalidState):
    """Fewer units than the call takes; `shortages` says of what, and how many there are."""

    reason = "insufficient_stock"

    def __init__(self, message: str, shortages: Sequence[Shortage]) -> None:
        super().__init__(message, shortages=list(shortages))


R = TypeVar("R", bound=Document)


async def load_here(
    change: Change, entity: Entity[R], record_id: str, expected_revision: int | UnsetType | None = UNSET
) -> R:
    """The record, for a call that acts in its facility: 404 when absent or elsewhere, before any word of revisions."""
    record = await change.load(entity, record_id)
    if getattr(record, "logical_guid", None) != change.call.logical_guid:
        raise NotFound("no such object in this facility")
    return await change.load(entity, record_id, expected_revision)
