"""Storage of transfers and their shipments."""

from collections.abc import Mapping
from typing import Any

from chassis.clock import Utc
from chassis.entity import HUB, Entity, edge, index, unique
from chassis.finder import found_by
from chassis.page import Page, Paged
from chassis.unit import Change, View, between
from services.ics.filters import split
from services.ics.ledger.holder import HolderKind, register
from services.ics.transfer.domain import TransferRecord, arrived
from services.ics.transfer.shipment import Shipment, lost_in_passing, parts_of_shipment, restated


def _variants(transfer: TransferRecord) -> list[str]:
    return sorted({line.variant_id for line in transfer.lines})


def _coming(shipment: Shipment) -> list[str]:
    return sorted({line.variant_id for line in shipment.lines if line.outstanding})


TRANSFERS = Entity(
    "transfer",
    TransferRecord,
    collection="transfers",
    id="transfer_id",
    shard_key=("orgcode",),
    keys=("ORG#{orgcode}", "TRANSFER#{transfer_id}"),
    indexes=[
        unique("code", name="code", refusal="the code is taken in the org", where={"coded": True}),
        index("transfer_id"),
        index("code", "transfer_id", name="by_code"),
        index("variants", "transfer_id"),
        index("from_logical_guid", "to_logical_guid", "transfer_id"),
        index("from_logical_guid", "status", "transfer_id"),
        index("from_logical_guid", "transfer_id"),
        index("to_logical_guid", "status", "transfer_id"),
        index("to_logical_guid", "transfer_id"),
        index("status", "transfer_id"),
        # For reports, which select transfers by their creation time.
        index("created_utc"),
        index("variants", "created_utc"),
        index("from_logical_guid", "created_utc"),
        index("to_logical_guid", "created_utc"),
    ],
    edges=[
        edge("from", to="facility", by="from_logical_guid", service=HUB),
        edge("to", to="facility", by="to_logical_guid", service=HUB),
        edge("moves", to="variant", by="lines.variant_id", service=HUB, cardinality="many"),
    ],
    finders={"lines.variant_id": found_by(variants="{value}")},
    derived={"variants": _variants, "coded": lambda transfer: transfer.code is not None},
    label="{code} {from_logical_guid} to {to_logical_guid}",
)

SHIPMENTS = Entity(
    "shipment",
    Shipment,
    collection="shipments",
    id="shipment_id",
    shard_key=("orgcode", "transfer_id"),
    keys=("ORG#{orgcode}", "SHIPMENT#{shipment_id}"),
    indexes=[
        index("shipment_id"),
        index("transfer_id", "shipment_id"),
        index("from_logical_guid", "status", "shipment_id"),
        index("from_logical_guid", "shipment_id"),
        index("to_logical_guid", "status", "shipment_id"),
        index("to_logical_guid", "shipment_id"),
        index("status", "shipment_id"),
        index("to_logical_guid", "coming", "shipment_id"),
        index("lines.variant_id", "shipment_id", name="variants"),
    ],
    edges=[
        edge("of", to="transfer", by="transfer_id"),
        edge("from", to="facility", by="from_logical_guid", service=HUB),
        edge("to", to="facility", by="to_logical_guid", service=HUB),
        edge("moves", to="variant", by="lines.variant_id", service=HUB, cardinality="many"),
    ],
    derived={"coming": _coming},
    label="{tracking_ref} {from_logical_guid} to {to_logical_guid} {shipped_utc}",
)

_TRANSFER_LEADS = (
    ("code",),
    ("variants",),
    ("from_logical_guid", "to_logical_guid"),
    ("from_logical_guid", "status"),
    ("to_logical_guid", "status"),
    ("from_logical_guid",),
    ("to_logical_guid",),
    ("status",),
    (),
)
_SHIPMENT_LEADS = (("transfer_id",), *_TRANSFER_LEADS[3:])


async def list_transfers(view: View, wanted: Mapping[str, Any], page: Paged) -> Page[TransferRecord]:
    """Transfers, newest first. Index: the first of `_TRANSFER_LEADS` that the filters cover."""
    where, rest = split(wanted, _TRANSFER_LEADS)
    return await view.page(TRANSFERS, where, page=page, rest=rest)


async def list_shipments(view: View, wanted: Mapping[str, Any], page: Paged) -> Page[Shipment]:
    """Shipments, newest first. Index: the first of `_SHIPMENT_LEADS` that the filters cover."""
    where, rest = split(wanted, _SHIPMENT_LEADS)
    return await view.page(SHIPMENTS, where, page=page, rest=rest)


_REPORT_LEADS = (("variants",), ("from_logical_guid",), ("to_logical_guid",), ())


async def transfers_created(
    view: View, wanted: Mapping[str, str | None], since: Utc, until: Utc, limit: int
) -> list[TransferRecord]:
    """Transfers created in [since, until), oldest first; at most `limit` + 1, so that the caller can detect more.

    Index: created_utc after the first of `_REPORT_LEADS` that the filters cover.
    """
    where, rest = split(wanted, _REPORT_LEADS)
    where["created_utc"] = between(at_least=since, below=until)
    return await view.find_all(TRANSFERS, where, order=("created_utc",), rest=rest, at_most=limit + 1)


async def shipments_coming(view: View, logical_guid: str, variant_id: str) -> list[Shipment]:
    """Shipments with units of an item in transit to its facility, oldest first. Index: to_logical_guid, coming."""
    where = {"to_logical_guid": logical_guid, "coming": variant_id}
    return await view.find_all(SHIPMENTS, where, order=("shipment_id",))


async def _follow(change: Change, before: Shipment, after: Shipment) -> Shipment:
    """Update the transfer of a shipment that lost units, because its lines add up those of its shipments."""
    after = restated(after, change.now)
    transfer = await change.load(TRANSFERS, after.transfer_id)
    shipment_id, received = after.shipment_id, after.received_utc
    transfer = arrived(transfer, shipment_id, before.lines, after.lines, received_utc=received)
    await change.update(TRANSFERS, transfer)
    return after


register(
    HolderKind(
        type="shipment",
        entity=SHIPMENTS,
        parts=parts_of_shipment,
        keep=lost_in_passing,
        find=shipments_coming,
        follow=_follow,
        arrives=lambda shipment: shipment.expected_date,
    )
)
