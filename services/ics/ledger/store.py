"""Storage of items, entries, bin units and promises, and the queries for them. Each query names the index it uses."""

from collections.abc import Iterable, Sequence

from msgspec import field

from chassis.entity import HUB, Document, Entity, LongList, Record, Value, edge, index
from chassis.finder import found_by
from chassis.record_history import RecordedBy, WrittenOnce
from chassis.unit import Range, View, Where
from chassis.work.queue import WorkQueue
from services.ics.keyed import keys_index
from services.ics.ledger.audit_run import LedgerAudit
from services.ics.ledger.balance import ITEM_ID, Item, item_id_of, new_item
from services.ics.ledger.entry import StockCardEntry, changed_totals, number_in
from services.ics.ledger.holder import HeldPosition
from services.ics.ledger.lookup import (
    EVERYTHING,
    bin_key,
    crosses,
    entry_lookups,
    first_item,
    first_seq,
    item_key,
    item_lookups,
    second_item,
    second_seq,
    stocked_buckets,
    variant_key,
    zone_key,
)
from services.ics.words import DOCUMENT_KINDS, HOLDER_KINDS, DocumentType, HolderType

_FIND_LIMIT = 1000
NEVER_EXPIRES = "~"
"""How `due` begins for a promise that holds units and never expires. Sorts after every time."""

ITEMS = Entity(
    "balance",
    Item,
    collection="balances",
    id="item_id",
    shard_key=("item_id",),
    keys=("ORG#{orgcode}", "ITEM#{logical_guid}#{variant_id}"),
    indexes=[
        # One index for all lookups: an item is written by every movement, and every index makes that slower.
        index("spots", "logical_guid", "variant_id"),
    ],
    id_pattern=ITEM_ID,
    finders={
        "orgcode": found_by(spots=EVERYTHING),
        "variant_id": found_by(spots="v:{value}"),
        "logical_guid": found_by(spots="f:{value}", logical_guid="{value}"),
        "cells.zone_id": found_by(spots="z:{value}"),
        "cells.bin_id": found_by(spots="b:{value}"),
    },
    edges=[
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("lies_in", to="zone", by="cells.zone_id", cardinality="many", at=""),
        edge("lies_in_bin", to="bin", by="cells.bin_id", cardinality="many", at=""),
    ],
    derived={"spots": item_lookups, "stocked": stocked_buckets},
    long_list=LongList("cells", same=lambda before, after: before.key == after.key, derived={"spots": ("coming",)}),
    history=False,
    history_from=RecordedBy("entry", by="item_key", value="{logical_guid}/{variant_id}", changed=changed_totals),
    label="{variant_id} @ {logical_guid}",
)

ENTRIES = Entity(
    "entry",
    StockCardEntry,
    collection="entries",
    id="entry_id",
    shard_key=("orgcode", "item"),
    keys=("ORG#{orgcode}", "ENTRY#{entry_id}"),
    indexes=[
        index("item", "item_seq"),
        # A partial index begins with its condition, so that every engine uses it for ranges.
        # Only entries between facilities have a second item.
        index("crosses", "other_item", "other_seq", where={"crosses": True}),
        # One index for all other lookups.
        index("refs", "entry_id"),
    ],
    edges=[
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("out_of", to="facility", by="from_account.logical_guid", service=HUB),
        edge("into", to="facility", by="to_account.logical_guid", service=HUB),
        edge(
            "from_balance", to="balance", by="{orgcode}/{from_account.logical_guid}/{variant_id}", back="from_balance"
        ),
        edge("to_balance", to="balance", by="{orgcode}/{to_account.logical_guid}/{variant_id}", back="to_balance"),
        edge("written_for", to="document", by="document_id", among=DOCUMENT_KINDS),
        edge("from_holder", to="holder", by="from_account.held_by_id", among=HOLDER_KINDS),
        edge("to_holder", to="holder", by="to_account.held_by_id", among=HOLDER_KINDS),
        edge("beside", to="entry", by="operation_id", cardinality="many"),
    ],
    finders={
        "orgcode": found_by(refs=EVERYTHING),
        "variant_id": found_by(refs="v:{value}"),
        "item_key": found_by(refs="i:{value}"),
        **{
            field: found_by(refs="{value}", rest={field: "{value}"})
            for field in ("operation_id", "document_id", "from_account.held_by_id", "to_account.held_by_id")
        },
        **{
            f"{side}_account.logical_guid": found_by(refs="f:{value}", rest={f"{side}_account.logical_guid": "{value}"})
            for side in ("from", "to")
        },
        **{
            f"{side}_balance": found_by(
                ITEM_ID,
                rest={f"{side}_account.logical_guid": "{logical_guid}"},
                refs="i:{logical_guid}/{variant_id}",
            )
            for side in ("from", "to")
        },
    },
    derived={
        "item": first_item,
        "item_seq": first_seq,
        "other_item": second_item,
        "other_seq": second_seq,
        "crosses": crosses,
        "refs": entry_lookups,
    },
    history=False,
    history_from=WrittenOnce(at="recorded_utc", by="recorded_by", reason="reason"),
    operation="operation_id",
    label="{kind} {quantity} {variant_id}",
)


class ItemToFill(Value):
    """An item with waiting holders, and the document that brought the units for them."""

    logical_guid: str
    variant_id: str
    document_type: DocumentType
    document_id: str


AUDITS = Entity(
    "ledger_audit",
    LedgerAudit,
    collection="ledger_audits",
    id="audit_id",
    shard_key=("orgcode",),
    history=False,
    technical=True,
)
"""The last audit of each org; its id is the orgcode."""

FILLS = WorkQueue("ics", "fill", payload=ItemToFill)
"""Items with more waiting holders than the transaction of the call could fill."""


class BinUnits(Record):
    """The number of units, of all variants, in a bin with a capacity. Every movement at the bin updates it."""

    bin_id: str
    units: int = 0


BIN_UNITS = Entity(
    "bin_units", BinUnits, collection="bin_units", id="bin_id", shard_key=("orgcode",), history=False, technical=True
)


class Promise(Document):
    """The fields of a reservation, allocation or commit that the ledger reads; the three share a collection.

    due    its expiry time (for a commit, `NEVER_EXPIRES` and its id); None if it holds no units
    queue  sort key of promises with units at the shortfall position: commits first, then by id; None without such units
    holds  keys of what it holds where, see `hold_key`
    """

    promise_id: str
    orgcode: str
    kind: HolderType
    logical_guid: str
    variant_id: str
    positions: list[HeldPosition]
    due: str | None
    queue: str | None = None
    holds: list[str] = field(default_factory=list)


OF_ANY_ORG = index("kind", name="kind", every_org=True)
"""The index by which the operator's graph lists one kind of promise over all orgs."""

PROMISES = Entity(
    "promise",
    Promise,
    collection="promises",
    id="promise_id",
    shard_key=("orgcode", "logical_guid", "variant_id"),
    indexes=[
        index("logical_guid", "variant_id", "due"),
        # Not a partial index: not every engine uses one for a range.
        index("logical_guid", "variant_id", "queue"),
        index("logical_guid", "variant_id", "holds"),
        # For the overdue-sweep job, over all orgs.
        index("due", every_org=True),
        OF_ANY_ORG,
        keys_index("promise_id"),
    ],
    history=False,
    technical=True,
)


async def item_of(view: View, logical_guid: str, variant_id: str) -> Item:
    """The item; a new one without entries if there is none. By id."""
    orgcode = view.call.orgcode
    item = await view.get(ITEMS, item_id_of(orgcode, logical_guid, variant_id))
    return item if item is not None else new_item(orgcode, logical_guid, variant_id)


async def items_of_many(view: View, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Item]:
    """The items of these (facility, variant), in one round trip; new ones where there are none. By id."""
    orgcode = view.call.orgcode
    asked = {item_id_of(orgcode, *each): each for each in wanted}
    found = await view.get_many(ITEMS, asked)
    return {each: found.get(item_id) or new_item(orgcode, *each) for item_id, each in asked.items()}


async def entries_between(
    view: View,
    logical_guid: str,
    variant_id: str,
    numbers: Range,
    filters: Sequence[Where] = ({},),
    *,
    limit: int = _FIND_LIMIT,
) -> list[StockCardEntry]:
    """The entries of an item with numbers in a range and matching any of the filters, in order. The range must have at
    most `limit` numbers. Index: item, item_seq; crosses, other_item, other_seq."""
    key = item_key(logical_guid, variant_id)
    first: Where = {"item": key, "item_seq": numbers}
    second: Where = {"crosses": True, "other_item": key, "other_seq": numbers}
    asked = (view.find(ENTRIES, where, limit=limit, rest=rest) for where in (first, second) for rest in filters)
    found = {entry.entry_id: entry for part in await view.together(asked) for entry in part}
    return sorted(found.values(), key=lambda entry: number_in(entry, logical_guid))


async def items_of_variant(view: View, variant_id: str) -> list[Item]:
    """A variant's items, by facility. Index: spots."""
    return await view.find_all(ITEMS, {"spots": variant_key(variant_id)}, order=("logical_guid", "variant_id"))


async def facilities_with(view: View, variant_id: str, limit: int) -> list[str]:
    """The first `limit` facilities with an item of the variant, sorted by GUID. Index: spots."""
    where = {"spots": variant_key(variant_id)}
    found = await view.find(ITEMS, where, order=("logical_guid", "variant_id"), limit=limit)
    return [item.logical_guid for item in found]


async def units_in_zone(view: View, zone_id: str) -> int:
    """An estimate of the units in a zone and its bins: more than 0 exactly if there are any. A concurrent movement may
    still add some. Index: spots."""
    items = await view.find(ITEMS, {"spots": zone_key(zone_id)}, limit=_FIND_LIMIT)
    there = (position for item in items for position in item.cells if position.zone_id == zone_id)
    return sum(_count(position.on_hand) for position in there if not position.empty)


async def units_in_bin(view: View, bin_id: str) -> int:
    """An estimate of the units in a bin, as `units_in_zone`. Index: spots."""
    items = await view.find(ITEMS, {"spots": bin_key(bin_id)}, limit=_FIND_LIMIT)
    there = (position for item in items for position in item.cells if position.bin_id == bin_id)
    return sum(_count(position.on_hand) for position in there if not position.empty)


def _count(units: int) -> int:
    """The units of a position, at least 1: a shortfall may hide units that are there."""
    return max(1, units)
