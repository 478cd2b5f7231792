"""Storage of consignments."""

from collections.abc import Mapping
from typing import Any

from chassis.entity import HUB, Entity, edge, index
from chassis.finder import found_by
from chassis.page import Page, Paged
from chassis.unit import SnapshotReader, View
from chassis.values import Money
from services.ics.consignment.domain import ConsignmentRecord, Owed, changed_in_passing
from services.ics.keyed import KEYS, KeyedFilters, keyed_page, keys_index
from services.ics.ledger.balance import ITEM_ID
from services.ics.ledger.holder import HolderKind, parts_of, register

FILTERS = KeyedFilters(
    {
        "co": ("consignor_ref", "owing"),
        "c": ("consignor_ref",),
        "fv": ("logical_guid", "variant_id"),
        "v": ("variant_id",),
        "o": ("owing",),
        "f": ("logical_guid",),
        "s": ("status",),
        "": (),
    }
)

CONSIGNMENTS = Entity(
    "consignment",
    ConsignmentRecord,
    collection="consignments",
    id="consignment_id",
    shard_key=("orgcode", "consignment_id"),
    keys=("ORG#{orgcode}", "CONSIGNMENT#{consignment_id}"),
    indexes=[
        index("consignment_id"),
        index("variant_id", "consignment_id"),
        index("logical_guid", "consignment_id"),
        index("logical_guid", "variant_id", "consignment_id"),
        index("on_floor", "logical_guid", "variant_id", "consignment_id"),
        keys_index("consignment_id"),
    ],
    edges=[
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("in_balance", to="balance", by=ITEM_ID, back="balance"),
    ],
    finders={"balance": found_by(ITEM_ID, logical_guid="{logical_guid}", variant_id="{variant_id}")},
    derived={"on_floor": lambda kept: kept.on_hand > 0, KEYS: FILTERS.keys_of},
    label="{consignor_ref} {quantity} {variant_id}",
)


async def consignments_of(view: View, logical_guid: str, variant_id: str) -> list[ConsignmentRecord]:
    """Consignments with units of an item on hand, oldest first. Index: on_floor, logical_guid, variant_id."""
    where = {"on_floor": True, "logical_guid": logical_guid, "variant_id": variant_id}
    return await view.find_all(CONSIGNMENTS, where, order=("consignment_id",))


async def list_consignments(view: View, wanted: Mapping[str, Any], page: Paged) -> Page[ConsignmentRecord]:
    """A page of consignments, newest first. Index: keys."""
    return await keyed_page(view, CONSIGNMENTS, FILTERS, wanted, page)


_OWED_FIELDS = ("consignor_ref", "logical_guid", "variant_id", "status", "consumed", "settled", "unit_cost")


async def owed_in(reader: SnapshotReader, wanted: Mapping[str, Any]) -> Owed:
    """What is owed for all consignments that match the filters. Reads only those with units owed for. Index: keys."""
    owed = Owed()
    if wanted["owing"] is False:
        return owed
    asked = {name: value for name, value in wanted.items() if value is not None and name != "owing"}
    key = FILTERS.choose({"consignor_ref": wanted["consignor_ref"], "owing": True}).key
    async for part in reader.parts(CONSIGNMENTS, {KEYS: key}, fields=_OWED_FIELDS):
        for kept in part:
            if all(kept[name] == value for name, value in asked.items()):
                owed.add(kept["consignor_ref"], Money(**kept["unit_cost"]), kept["consumed"] - kept["settled"])
    return owed


register(
    HolderKind(
        type="consignment",
        entity=CONSIGNMENTS,
        parts=lambda kept, _: parts_of(kept.positions),
        keep=changed_in_passing,
        find=consignments_of,
    )
)
