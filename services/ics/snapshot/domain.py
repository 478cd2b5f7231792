"""Snapshots: every balance as it stood at one moment, and how its rows are kept and shown. Pure.

Rows lie packed in parts, in the order they are shown: those of an item never straddle two parts. A directory says what
each part has, so that a page reads only the parts it shows.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, field
from msgspec.structs import replace

from chassis.entity import Document, Record, Value
from chassis.errors import InvalidState
from chassis.values import Count, Guid, Id, Lot, Name, Qty0, Utc
from services.ics.stock.fields import Seq
from services.ics.words import BUCKETS, Bucket, External, HolderType, Stage

VARIANTS_MAX = 500

SnapshotStatus = Literal["building", "ready", "failed"]
Level = Literal["bucket", "position"]
VariantIds = Annotated[list[Guid], Meta(max_length=VARIANTS_MAX)]
EXTERNALS: tuple[External, ...] = ("adjustment", "consignor", "customer", "scrap", "supplier")
"""Accounts outside, in the order rows show them."""


class Snapshot(Record):
    """The ledger at `taken_utc`, of one facility or all, of some variants or all. `row_count` and `on_hand` count
    stock rows at position level, and are known once it is ready. Units of all variants together may be more than any
    one quantity can be."""

    snapshot_id: Id
    name: Name | None
    logical_guid: Guid | None
    variant_ids: VariantIds = field(default_factory=list)
    taken_utc: Utc
    status: SnapshotStatus = "building"
    row_count: Qty0 = 0
    on_hand: Count = 0


class SnapshotRow(Value):
    """The balance of one account, or of all of one bucket of an item together."""

    kind: Literal["stock", "external"]
    external: External | None = None
    logical_guid: Guid | None = None
    variant_id: Guid
    bucket: Bucket | None = None
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    stage: Stage | None = None
    held_by_type: HolderType | None = None
    held_by_id: Id | None = None
    quantity: int
    seq: Seq | None = None


class Row(NamedTuple):
    """A stock row as it is packed; its facility is its part's."""

    variant_id: str
    bucket: Bucket
    zone_id: str | None
    bin_id: str | None
    lot_code: str | None
    stage: Stage | None
    held_by_type: HolderType | None
    held_by_id: str | None
    quantity: int
    seq: int


class Outside(NamedTuple):
    """What a variant has in an account outside; within a stock part, the share of one item."""

    variant_id: str
    external: External
    quantity: int


class Cut(NamedTuple):
    """An item to be added up to its entry `seq`."""

    variant_id: str
    seq: int


class Filled(NamedTuple):
    """The rows of an item, or of a part, and its shares in the accounts outside."""

    rows: list[Row]
    outside: list[Outside]


class Entry(Value, array_like=True):
    """What the directory says of a part."""

    number: int
    logical_guid: str | None
    first: str
    last: str
    buckets: list[Bucket]
    row_count: int
    on_hand: int


class SnapshotPart(Document):
    """So many items of one facility, in order; or (no facility) accounts outside. `cuts` are items still to be read,
    `rows` and `outside` what the others have; `entry` is for the directory, None where there are no rows to be shown or
    items are still to be read."""

    part_id: str
    orgcode: str
    snapshot_id: str
    number: int
    logical_guid: str | None
    cuts: bytes | None = None
    rows: bytes = b""
    outside: bytes = b""
    entry: Entry | None = None


class Directory(Document):
    """The parts of a snapshot that is ready, in the order they are shown."""

    snapshot_id: str
    orgcode: str
    entries: list[Entry]


class SnapshotBuild(Document):
    """A snapshot being made: how many parts have been kept for it, and how often making it failed."""

    snapshot_id: str
    orgcode: str
    begun_utc: Utc
    parts: int = 0
    failures: int = 0


def part_id(snapshot_id: str, number: int) -> str:
    """The one id a part can have."""
    return f"{snapshot_id}/{number:06d}"


# Numbers past 2**31 come from the database as a kind of `int` of its own.
_PACKER = msgspec.msgpack.Encoder(enc_hook=int)


def pack(values: Sequence[Any]) -> bytes:
    """Rows, shares or cuts as they are kept."""
    return zlib.compress(_PACKER.encode(values), 1) if values else b""


_ROWS = msgspec.msgpack.Decoder(list[Row])
_OUTSIDE = msgspec.msgpack.Decoder(list[Outside])
_CUTS = msgspec.msgpack.Decoder(list[Cut])


def rows_of(part: SnapshotPart) -> list[Row]:
    """A part's stock rows."""
    return _ROWS.decode(zlib.decompress(part.rows)) if part.rows else []


def shares_of(outside: bytes) -> list[Outside]:
    """A part's shares in accounts outside; or, of a part without facility, its rows."""
    return _OUTSIDE.decode(zlib.decompress(outside)) if outside else []


def cuts_of(part: SnapshotPart) -> list[Cut]:
    """The items of a part that is still to be filled."""
    return _CUTS.decode(zlib.decompress(part.cuts)) if part.cuts else []


def filled_up(part: SnapshotPart, read: Filled) -> SnapshotPart:
    """A part with what its last items have, none of which is still to be read then."""
    assert part.logical_guid is not None, part.part_id
    rows = sorted([*rows_of(part), *read.rows], key=lambda row: row.variant_id)
    outside = sorted([*shares_of(part.outside), *read.outside], key=lambda share: share.variant_id)
    entry = described(part.number, part.logical_guid, rows)
    return replace(part, cuts=None, rows=pack(rows), outside=pack(outside), entry=entry)


def described(number: int, logical_guid: str | None, rows: Sequence[Row]) -> Entry | None:
    """What the directory says of a part with these stock rows; None of one without any, which is never shown."""
    if not rows:
        return None
    on_hand: Counter[Bucket] = Counter()
    for row in rows:
        on_hand[row.bucket] += row.quantity
    return Entry(
        number=number,
        logical_guid=logical_guid,
        first=rows[0].variant_id,
        last=rows[-1].variant_id,
        buckets=[bucket for bucket in BUCKETS if bucket in on_hand],
        row_count=len(rows),
        on_hand=on_hand.total() - on_hand["in_transit"],
    )


def added_up(rows: Iterable[Row]) -> list[Row]:
    """Rows at bucket level: place, lot, stage and holder are none, and units added up."""
    found: list[Row] = []
    for row in rows:
        last = found[-1] if found else None
        if last is not None and (last.variant_id, last.bucket) == (row.variant_id, row.bucket):
            found[-1] = last._replace(quantity=last.quantity + row.quantity)
        else:
            found.append(Row(row.variant_id, row.bucket, None, None, None, None, None, None, row.quantity, row.seq))
    return [row for row in found if row.quantity]


class SnapshotFilter(Value):
    """What of a snapshot is asked for."""

    level: Level = "bucket"
    include_external: bool = False
    logical_guid: str | None = None
    variant_id: str | None = None
    bucket: Bucket | None = None

    def shows(self, entry: Entry) -> bool:
        """Whether a part may have rows that are wanted."""
        if self.variant_id is not None and not entry.first <= self.variant_id <= entry.last:
            return False
        if entry.logical_guid is None:
            return self.include_external and self.logical_guid is None and self.bucket is None
        return self.logical_guid in {None, entry.logical_guid} and (self.bucket is None or self.bucket in entry.buckets)

    def pick(self, part: SnapshotPart) -> list[SnapshotRow]:
        """The rows of a part that are wanted, in order."""
        if part.logical_guid is None:
            return [
                SnapshotRow(kind="external", external=each.external, variant_id=each.variant_id, quantity=each.quantity)
                for each in shares_of(part.outside)
                if self.variant_id in {None, each.variant_id}
            ]
        rows = [
            row
            for row in rows_of(part)
            if self.variant_id in {None, row.variant_id} and self.bucket in {None, row.bucket}
        ]
        return [_shown(part.logical_guid, row) for row in (rows if self.level == "position" else added_up(rows))]


def _shown(logical_guid: str, row: Row) -> SnapshotRow:
    return SnapshotRow(kind="stock", logical_guid=logical_guid, **row._asdict())


def check_ready(snapshot: Snapshot) -> None:
    """Refuse to show what is not there yet, or never will be."""
    if snapshot.status != "ready":
        raise InvalidState(f"the snapshot is {snapshot.status}", status=snapshot.status)


def ready(snapshot: Snapshot, entries: Iterable[Entry]) -> Snapshot:
    """The snapshot once all its rows are kept."""
    stock = [entry for entry in entries if entry.logical_guid is not None]
    return replace(
        snapshot,
        status="ready",
        row_count=sum(entry.row_count for entry in stock),
        on_hand=sum(entry.on_hand for entry in stock),
    )
