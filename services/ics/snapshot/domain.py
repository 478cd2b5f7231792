"""Snapshots: every balance at one moment, and how its rows are stored and shown. Pure.

Rows are packed in parts, in the order in which they are shown; the rows of an item are never split over two parts. A
directory summarises each part, so that a page reads only the parts it shows.
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
"""The external accounts, in the order of their rows."""


class Snapshot(Record):
    """The ledger at `taken_utc`, of one facility or all (None), of some variants or all (empty list).

    `row_count` counts stock rows at position level, `on_hand` their units; both are 0 until the snapshot is ready.
    """

    snapshot_id: Id
    name: Name | None
    logical_guid: Guid | None
    variant_ids: VariantIds = field(default_factory=list)
    taken_utc: Utc
    status: SnapshotStatus = "building"
    row_count: Qty0 = 0
    # The units of all variants together may exceed the limit of a single quantity.
    on_hand: Count = 0


class SnapshotRow(Value):
    """The balance of one account (position level), or the sum of a bucket of an item (bucket level), in units."""

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
    """A stock row in its packed form. The facility is that of the part."""

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
    """The balance of a variant in an external account; within a stock part, the share of one item."""

    variant_id: str
    external: External
    quantity: int


class Cut(NamedTuple):
    """An item to be read as of its entry `seq`."""

    variant_id: str
    seq: int


class Filled(NamedTuple):
    """The rows of an item or a part, and its shares of the external accounts."""

    rows: list[Row]
    outside: list[Outside]


class Entry(Value, array_like=True):
    """The directory's summary of a part: its first and last variant, its buckets, rows and units on hand."""

    number: int
    logical_guid: str | None
    first: str
    last: str
    buckets: list[Bucket]
    row_count: int
    on_hand: int


class SnapshotPart(Document):
    """A run of items of one facility, in order; or rows of external accounts (no facility).

    `cuts` has the items still to be read, `rows` and `outside` the data of the others. `entry` is the part's directory
    entry; it is None if the part has no rows to show or items still to be read.
    """

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
    """The parts of a ready snapshot, in the order in which they are shown."""

    snapshot_id: str
    orgcode: str
    entries: list[Entry]


class SnapshotBuild(Document):
    """A snapshot that is being built: its start, its number of parts, and how often building it failed."""

    snapshot_id: str
    orgcode: str
    begun_utc: Utc
    parts: int = 0
    failures: int = 0


def part_id(snapshot_id: str, number: int) -> str:
    """The id of a part. It follows from the snapshot and the number, so a repeated build overwrites the same parts."""
    return f"{snapshot_id}/{number:06d}"


# The database driver returns numbers above 2**31 as its own subclass of `int`.
_PACKER = msgspec.msgpack.Encoder(enc_hook=int)


def pack(values: Sequence[Any]) -> bytes:
    """Rows, shares or cuts in their stored form."""
    return zlib.compress(_PACKER.encode(values), 1) if values else b""


_ROWS = msgspec.msgpack.Decoder(list[Row])
_OUTSIDE = msgspec.msgpack.Decoder(list[Outside])
_CUTS = msgspec.msgpack.Decoder(list[Cut])


def rows_of(part: SnapshotPart) -> list[Row]:
    """A part's stock rows."""
    return _ROWS.decode(zlib.decompress(part.rows)) if part.rows else []


def shares_of(outside: bytes) -> list[Outside]:
    """A part's shares of external accounts; for a part without facility, its rows."""
    return _OUTSIDE.decode(zlib.decompress(outside)) if outside else []


def cuts_of(part: SnapshotPart) -> list[Cut]:
    """The items of a part that are still to be read."""
    return _CUTS.decode(zlib.decompress(part.cuts)) if part.cuts else []


def filled_up(part: SnapshotPart, read: Filled) -> SnapshotPart:
    """The part, completed with the data of its remaining items."""
    assert part.logical_guid is not None, part.part_id
    rows = sorted([*rows_of(part), *read.rows], key=lambda row: row.variant_id)
    outside = sorted([*shares_of(part.outside), *read.outside], key=lambda share: share.variant_id)
    entry = described(part.number, part.logical_guid, rows)
    return replace(part, cuts=None, rows=pack(rows), outside=pack(outside), entry=entry)


def described(number: int, logical_guid: str | None, rows: Sequence[Row]) -> Entry | None:
    """The directory entry of a part with these stock rows; None without rows, since such a part is never shown."""
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
    """Rows at bucket level: the units of each bucket added up; place, lot, stage and holder are None."""
    found: list[Row] = []
    for row in rows:
        last = found[-1] if found else None
        if last is not None and (last.variant_id, last.bucket) == (row.variant_id, row.bucket):
            found[-1] = last._replace(quantity=last.quantity + row.quantity)
        else:
            found.append(Row(row.variant_id, row.bucket, None, None, None, None, None, None, row.quantity, row.seq))
    return [row for row in found if row.quantity]


class SnapshotFilter(Value):
    """Which rows of a snapshot to show, and at which level."""

    level: Level = "bucket"
    include_external: bool = False
    logical_guid: str | None = None
    variant_id: str | None = None
    bucket: Bucket | None = None

    def shows(self, entry: Entry) -> bool:
        """Whether a part can have matching rows."""
        if self.variant_id is not None and not entry.first <= self.variant_id <= entry.last:
            return False
        if entry.logical_guid is None:
            return self.include_external and self.logical_guid is None and self.bucket is None
        return self.logical_guid in {None, entry.logical_guid} and (self.bucket is None or self.bucket in entry.buckets)

    def pick(self, part: SnapshotPart) -> list[SnapshotRow]:
        """The matching rows of a part, in order."""
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
    """Raises `InvalidState` if the snapshot is still building or has failed."""
    if snapshot.status != "ready":
        raise InvalidState(f"the snapshot is {snapshot.status}", status=snapshot.status)


def ready(snapshot: Snapshot, entries: Iterable[Entry]) -> Snapshot:
    """The snapshot with the status `ready` and its totals. Call it when all rows are stored."""
    stock = [entry for entry in entries if entry.logical_guid is not None]
    return replace(
        snapshot,
        status="ready",
        row_count=sum(entry.row_count for entry in stock),
        on_hand=sum(entry.on_hand for entry in stock),
    )
