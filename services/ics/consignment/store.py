"""Storage of consignments."""

from chassis.entity import HUB, Entity, edge, index
from chassis.finder import found_by
from chassis.unit import View
from services.ics.consignment.domain import ConsignmentRecord, changed_in_passing
from services.ics.ledger.balance import ITEM_ID
from services.ics.ledger.holder import HolderKind, parts_of, register

CONSIGNMENTS = Entity(
    "consignment",
    ConsignmentRecord,
    collection="consignments",
    id="consignment_id",
    keys=("ORG#{orgcode}", "CONSIGNMENT#{consignment_id}"),
    indexes=[
        index("consignment_id"),
        index("variant_id", "consignment_id"),
        index("logical_guid", "variant_id", "consignment_id"),
        index("on_floor", "logical_guid", "variant_id", "consignment_id"),
    ],
    edges=[
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("in_balance", to="balance", by=ITEM_ID, back="balance"),
    ],
    finders={"balance": found_by(ITEM_ID, logical_guid="{logical_guid}", variant_id="{variant_id}")},
    derived={"on_floor": lambda kept: kept.on_hand > 0},
    label="{consignor_ref} {quantity} {variant_id}",
)


async def consignments_of(view: View, logical_guid: str, variant_id: str) -> list[ConsignmentRecord]:
    """Consignments with units of an item on hand, oldest first. Index: on_floor, logical_guid, variant_id."""
    where = {"on_floor": True, "logical_guid": logical_guid, "variant_id": variant_id}
    return await view.find_all(CONSIGNMENTS, where, order=("consignment_id",))


register(
    HolderKind(
        type="consignment",
        entity=CONSIGNMENTS,
        parts=lambda kept, _: parts_of(kept.positions),
        keep=changed_in_passing,
        find=consignments_of,
    )
)
