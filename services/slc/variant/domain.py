"""Variants of a channel: whether they are sold there, how far they are in step, and which Shopify variant they are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field
from msgspec.structs import replace

from chassis.clock import Utc as Moment
from chassis.clock import to_millis
from chassis.entity import Document
from chassis.values import Guid, Id, Name, Qty0, Sku, Utc
from services.slc.words import Gid, Part, Rev, RevId, SyncError, SyncState

Baseline = Annotated[int, Meta(ge=-1_000_000_000, le=1_000_000_000)]
WriteKind = Literal["set", "activate"]


class Level(Part):
    """The quantities of a variant at one location."""

    location_id: Gid
    baseline: Baseline | None = None
    unseen: Qty0
    oversold: Qty0
    awaiting: Qty0
    target: Qty0
    since_utc: Utc | None = None
    written_utc: Utc | None = None


class StoredLevel(Level):
    """A level with what only the stack knows of it.

    unseen_utc    when units were found missing in the shop last; a catch-up that began 30 s later explains them or not
    stale_tries   how often a write was refused in a row because the shop's quantity had moved
    stale_rounds  how often the shop's quantity was taken over after such refusals, without a write that was done since
    """

    unseen_utc: Utc | None = None
    stale_tries: int = 0
    stale_rounds: int = 0


class IncludedVariant(Part):
    """A variant on the inclusion list, as callers see it."""

    channel_id: Id
    variant_id: Guid
    style_id: Guid | None = None
    sku: Sku | None = None
    sync_state: SyncState
    shopify_product_id: Gid | None = None
    shopify_variant_id: Gid | None = None
    inventory_item_id: Gid | None = None
    synced_rev: Rev | None = None
    synced_rev_id: RevId | None = None
    levels: Annotated[list[Level], Meta(max_length=50)]
    oversold: Qty0
    last_synced_utc: Utc | None = None
    last_error: SyncError | None = None
    added_utc: Utc
    added_by: Name


class StoredVariant(Document, omit_defaults=True):
    """One variant of one channel: its place on the inclusion list, its map, pushed snapshot and levels.

    It stays when it is taken off the list (`included` False), so that its map holds for a later return.

    added_rank  minus `added_utc` in milliseconds: newest first in ascending order
    sku_key     the SKU without regard to case
    pushed      field -> the value last written
    answered    field -> the value that Shopify answered for it, in the form it stores
    seen        facility -> number and available units of the latest event of ICS
    looked_utc  when its product was looked at last because the shop said that it was changed
    """

    row_id: str
    channel_id: Id
    variant_id: Guid
    orgcode: str = ""
    included: bool
    added_utc: Utc
    added_by: Name
    added_rank: int
    sync_state: SyncState
    style_id: Guid | None = None
    sku: Sku | None = None
    sku_key: str | None = None
    shopify_product_id: Gid | None = None
    shopify_variant_id: Gid | None = None
    inventory_item_id: Gid | None = None
    synced_rev: Rev | None = None
    synced_rev_id: RevId | None = None
    pushed: dict[str, Any] = field(default_factory=dict)
    answered: dict[str, Any] = field(default_factory=dict)
    levels: list[StoredLevel] = field(default_factory=list)
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    last_synced_utc: Utc | None = None
    last_attempt_utc: Utc | None = None
    last_error: SyncError | None = None
    looked_utc: Utc | None = None

    def level_at(self, location_id: str) -> StoredLevel | None:
        """The level at a location, if there is one."""
        return next((level for level in self.levels if level.location_id == location_id), None)


class StyleMap(Document, omit_defaults=True):
    """Which product of the shop is a style, and what was written to it.

    pushed, answered  as those of `StoredVariant`, for the fields of the product
    tags              tags that were written; only these are ever removed
    adopted           whether the product was there before the channel
    """

    row_id: str
    channel_id: Id
    style_id: Guid
    orgcode: str = ""
    shopify_product_id: Gid
    pushed: dict[str, Any] = field(default_factory=dict)
    answered: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    adopted: bool = False


class WrittenLevel(Part):
    """One level of an open write: the quantity written, and the one it is compared with (None: the first).

    unseen  the units that had left unseen when it was decided
    """

    variant_id: Guid
    location_id: Gid
    inventory_item_id: Gid
    quantity: int
    compared: int | None = None
    unseen: int = 0


class OpenWrite(Document, omit_defaults=True):
    """A call that sets or activates levels, stored before it is sent and kept until its outcome is stored.

    key        its idempotency key at Shopify
    variables  JSON of the variables it is sent with
    tries      how often it was sent; next_utc: when it is sent again
    """

    key: str
    channel_id: Id
    orgcode: str = ""
    kind: WriteKind
    variables: str
    levels: list[WrittenLevel]
    stored_utc: Utc
    next_utc: Utc
    tries: int = 0


def row_id_of(channel_id: str, key: str) -> str:
    """The id of the row of a variant, or of a style."""
    return f"{channel_id}/{key}"


def lease_of(row: StoredVariant) -> str:
    """Under which lease the content of a variant is synced: that of its style, or its own while that is not known."""
    return row.style_id or row.variant_id


def new_variant(channel_id: str, variant_id: str, now: Moment, actor: str) -> StoredVariant:
    """A variant that comes on the list for the first time."""
    return StoredVariant(
        row_id=row_id_of(channel_id, variant_id),
        channel_id=channel_id,
        variant_id=variant_id,
        included=True,
        added_utc=now,
        added_by=actor,
        added_rank=-to_millis(now),
        sync_state="pending",
    )


def returned(row: StoredVariant, now: Moment, actor: str) -> StoredVariant:
    """A variant that was on the list before and comes back."""
    return replace(
        row,
        included=True,
        added_utc=now,
        added_by=actor,
        added_rank=-to_millis(now),
        sync_state="pending",
        last_error=None,
    )


def variant_answer(row: StoredVariant) -> IncludedVariant:
    """A variant as callers see it."""
    names = set(IncludedVariant.__struct_fields__) - {"levels", "oversold"}
    return IncludedVariant(
        **{name: getattr(row, name) for name in names},
        levels=[_level(level) for level in row.levels],
        oversold=sum(level.oversold for level in row.levels),
    )


def _level(level: StoredLevel) -> Level:
    return Level(**{name: getattr(level, name) for name in Level.__struct_fields__})


def forgotten(row: StoredVariant) -> StoredVariant:
    """The variant without anything of Shopify: map, snapshot and baselines. Units of orders are kept."""
    levels = [
        StoredLevel(
            location_id=level.location_id,
            unseen=0,
            oversold=level.oversold,
            awaiting=level.awaiting,
            target=level.target,
        )
        for level in row.levels
        if level.oversold or level.awaiting
    ]
    return replace(
        row,
        shopify_product_id=None,
        shopify_variant_id=None,
        inventory_item_id=None,
        synced_rev=None,
        synced_rev_id=None,
        pushed={},
        answered={},
        levels=levels,
    )


def is_mapped(row: StoredVariant) -> bool:
    """Whether anything of Shopify is known of it."""
    return bool(row.shopify_product_id or row.shopify_variant_id or row.pushed or row.levels)


def has_unseen(row: StoredVariant) -> bool:
    """Whether units left the shop at one of its locations without a known order."""
    return any(level.unseen for level in row.levels)


def moved(pairs: Iterable[tuple[StoredVariant | None, StoredVariant]]) -> tuple[int, int, Counter[SyncState]]:
    """How changes of rows (before, after) move the tally: included variants, mapped ones, variants in each state."""
    included, mapped, states = 0, 0, Counter[SyncState]()
    for before, after in pairs:
        for row, sign in ((before, -1), (after, 1)):
            if row is None:
                continue
            mapped += sign * is_mapped(row)
            if row.included:
                included += sign
                states[row.sync_state] += sign
    return included, mapped, states


def twice(variant_ids: Sequence[str]) -> str | None:
    """A variant that is named twice, if any."""
    return next((each for each, number in Counter(variant_ids).items() if number > 1), None)


def text_of(variables: Any) -> str:
    """The variables of a call as they are stored."""
    return msgspec.json.encode(variables).decode()
