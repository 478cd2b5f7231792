"""Storage of receipts, and the queries for them. Each query names the index it uses."""

from collections.abc import Mapping
from typing import Any

from chassis.entity import HUB, Entity, edge, index, unique
from chassis.finder import found_by
from chassis.page import Page, Paged
from chassis.unit import View
from services.ics.filters import split
from services.ics.ledger.holder import HolderKind, register
from services.ics.receive.domain import ReceiveRecord, changed_in_passing, parts_of_receipt, serials_of_lines


def _variants(receipt: ReceiveRecord) -> list[str]:
    return sorted({line.variant_id for line in receipt.lines})


def _pending(receipt: ReceiveRecord) -> list[str]:
    return sorted({line.variant_id for line in receipt.lines if line.pending})


RECEIPTS = Entity(
    "receive",
    ReceiveRecord,
    collection="receipts",
    id="receive_id",
    shard_key=("orgcode", "logical_guid"),
    keys=("ORG#{orgcode}", "RECEIVE#{receive_id}"),
    indexes=[
        unique(
            "logical_guid",
            "code",
            name="code",
            refusal="the code is taken in this facility",
            where={"coded": True},
        ),
        index("receive_id"),
        index("logical_guid", "receive_id"),
        index("variants", "receive_id"),
        index("logical_guid", "variants", "receive_id"),
        index("source_ref", "receive_id"),
        index("operation_id", "receive_id"),
        index("logical_guid", "pending_variants", "receive_id"),
    ],
    finders={"lines.variant_id": found_by(variants="{value}")},
    edges=[
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("of", to="variant", by="lines.variant_id", service=HUB, cardinality="many"),
        edge("posted", to="entry", by="operation_id", cardinality="many"),
    ],
    derived={
        "variants": _variants,
        "pending_variants": _pending,
        "coded": lambda receipt: receipt.code is not None,
    },
    label="{code} {source_ref} at {logical_guid} {created_utc}",
    operation="operation_id",
)


_LEADS = (("source_ref",), ("logical_guid", "variants"), ("variants",), ("logical_guid",), ())


async def list_receipts(view: View, wanted: Mapping[str, Any], page: Paged) -> Page[ReceiveRecord]:
    """A page of receipts, newest first. Index: the first of `_LEADS` that the filters cover."""
    where, rest = split(wanted, _LEADS)
    return await view.page(RECEIPTS, where, page=page, rest=rest)


async def receipts_pending(view: View, logical_guid: str, variant_id: str) -> list[ReceiveRecord]:
    """Receipts with units of an item under inspection, oldest first. Index: logical_guid, pending_variants."""
    where = {"logical_guid": logical_guid, "pending_variants": variant_id}
    return await view.find_all(RECEIPTS, where, order=("receive_id",))


register(
    HolderKind(
        type="receive",
        entity=RECEIPTS,
        parts=parts_of_receipt,
        keep=changed_in_passing,
        serials=serials_of_lines,
        find=receipts_pending,
    )
)
