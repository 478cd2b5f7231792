"""Packs: ordered deliveries, each version immutable once it is ready."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import Document, Record, Stamped
from chassis.errors import InvalidState
from chassis.values import Code, Count, Id, Name
from chassis.values import Utc as UtcText
from services.pmc.pack.problems import PROBLEMS_MAX, PackProblem, Problems
from services.pmc.words import CHANNELS_MAX, Part, Rev, Sha256

PackState = Literal["awaiting_upload", "validating", "ready", "rejected", "expired"]

INLINE_BYTES_MAX = 8 * 1024 * 1024
"""Largest document, in bytes, that is validated within the call."""

UPLOAD_SECONDS = 24 * 3600
"""How long a version waits for its upload."""

LINK_SECONDS = 3600
"""How long the signed link for an upload holds."""


class PackCounts(Part):
    """What a pack version holds; items count withdrawn ones, too."""

    channels: Count
    styles: Count
    variants: Count
    items: Count


class Pack(Stamped, omit_defaults=True):
    """A pack version as callers see it."""

    pack_id: Id
    pack_rev: Rev
    name: Name | None = None
    origin: Literal["inline", "upload"]
    state: PackState
    content_type: Name
    content_sha256: Sha256
    size_bytes: Count
    channels: Annotated[list[Code], Meta(max_length=CHANNELS_MAX)]
    counts: PackCounts | None = None
    problem_count: Count
    problems: Annotated[list[PackProblem], Meta(max_length=PROBLEMS_MAX)]
    upload_expires_utc: UtcText | None = None
    ready_utc: UtcText | None = None


class ItemRange(Part):
    """The item numbers of a channel, or of a style in a channel: `count` of them from `first` on."""

    first: int
    count: int


class PackVersion(Pack):
    """A pack version as it is stored.

    store_id          where its styles and items lie
    ranges            channel -> the numbers of its items
    content_encoding  of an upload: how the object is packed
    """

    orgcode: str = ""
    version_id: str
    store_id: str
    ranges: Mapping[str, ItemRange]
    content_encoding: str | None = None


class PackSeries(Record, omit_defaults=True):
    """The versions of one pack, counted."""

    pack_id: str
    newest_rev: int
    newest_ready_rev: int | None = None


class PackHeaderDocument(Document):
    """The header of a version, as JSON text."""

    store_id: str
    orgcode: str = ""
    text: str


class PackDraft(Document):
    """A store whose rows are being written ahead of the version that will name it."""

    store_id: str
    orgcode: str = ""
    begun_utc: Utc


class StyleRow(Document):
    """A style of a pack version, and where its items are in each channel that offers one of its variants."""

    style_key: str
    orgcode: str = ""
    store_id: str
    pack_id: str
    pack_rev: int
    style_id: str
    variants: int
    ranges: Mapping[str, ItemRange]


class StyleBody(Document):
    """A style with its variants, as JSON text."""

    style_key: str
    orgcode: str = ""
    store_id: str
    text: str


class ItemRow(Document):
    """One variant in one channel of a pack version. Numbers ascend by channel, style and variant, from 1."""

    item_key: str
    orgcode: str = ""
    store_id: str
    pack_id: str
    pack_rev: int
    n: int
    channel_code: str
    style_id: str
    variant_id: str


class ItemRef(Part):
    """Which variant in which channel."""

    style_id: str
    variant_id: str
    channel_code: str
    sku: str


def version_id_of(pack_id: str, pack_rev: int) -> str:
    """The id of a pack version."""
    return f"{pack_id}/{pack_rev}"


def to_answer(version: PackVersion) -> Pack:
    """The version as callers see it."""
    return Pack(**{name: getattr(version, name) for name in Pack.__struct_fields__})


def ready(
    version: PackVersion, ranges: Mapping[str, ItemRange], counts: PackCounts, name: str | None, now: Utc
) -> PackVersion:
    """The version, validated."""
    return replace(
        version,
        state="ready",
        channels=sorted(ranges),
        ranges=ranges,
        counts=counts,
        name=version.name or name,
        ready_utc=now,
    )


def rejected(version: PackVersion, problems: Problems) -> PackVersion:
    """The version, refused with its problems."""
    return replace(version, state="rejected", problem_count=problems.count, problems=problems.kept)


def check_completable(version: PackVersion, now: Utc) -> None:
    """Raise `InvalidState` where an upload can no longer be completed."""
    expired = version.upload_expires_utc is not None and version.upload_expires_utc <= now
    if version.state == "expired" or (version.state == "awaiting_upload" and expired):
        raise InvalidState("the upload has expired", state="expired")
