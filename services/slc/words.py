"""Vocabulary shared by all features of SLC: field types, roles, Shopify's ids, and the error of a sync."""

import re
from typing import Annotated, Literal

from msgspec import Meta

from chassis.entity import Value
from chassis.errors import invalid_field
from chassis.values import Count, Name, Text, Utc

VIEW = ("slc_view", "slc_manage")
MANAGE = ("slc_manage",)

ROLES = {"slc_view": "reads", "slc_manage": "reads and writes"}

VARIANTS_MAX = 1_000_000
"""Variants on one channel's inclusion list."""

BATCH_VARIANTS_MAX = 500
"""Variants that one call names."""

DELIVERIES_MAX = 5
"""How often a message is delivered without an answer, because its worker died, before it is a dead letter."""

FACILITIES_MAX = 50
"""Facilities bound to one channel."""

SyncField = Literal[
    "title",
    "caption",
    "handle",
    "tags",
    "options",
    "price",
    "inventory",
    "cost",
    "barcode",
    "sku",
    "weight",
    "metafields",
    "vendor",
    "product_type",
    "media",
    "seo",
    "status",
]
ChannelType = Literal["standard", "custom"]
ChannelState = Literal["inactive", "active", "paused"]
SyncState = Literal["pending", "queued", "synced", "waiting", "failed", "quarantined"]
Cause = Literal["product", "stock", "forced", "included", "config", "drift", "order", "shop_edit", "removed"]

ShopDomain = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9-]*\.myshopify\.com$", max_length=255)]
Gid = Annotated[str, Meta(pattern=r"^gid://shopify/[A-Za-z]+/[0-9]+$", max_length=128)]
AskedGid = Annotated[str, Meta(pattern=r"^(gid://shopify/[A-Za-z]+/)?[0-9]{1,20}$")] | Annotated[int, Meta(ge=1)]
"""An id of Shopify as callers give it: whole, or its number alone; `gid_of` makes it whole."""

SecretText = Annotated[str, Meta(min_length=8, max_length=4096, pattern=r"^[\x20-\x7e]+$")]
Rev = Annotated[int, Meta(ge=1)]
RevId = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Confirmation = Annotated[str, Meta(max_length=512)]

SyncErrorCode = Literal[
    "transient",
    "auth",
    "shop_unavailable",
    "refused",
    "no_match",
    "ambiguous_match",
    "no_product",
    "stale_quantity",
    "poison",
    "internal",
]

_GID = re.compile(r"gid://shopify/([A-Za-z]+)/([0-9]+)")


class Part(Value, omit_defaults=True):
    """A part of records and answers. A field without a value is left out, wherever it is stored or answered."""


class SyncError(Part):
    """Why a variant, an order or a posting could not be brought in step."""

    code: SyncErrorCode
    message: Text
    at_utc: Utc
    attempts: Count
    candidates: Annotated[list[Gid], Meta(max_length=10)] | None = None


class ErasedCollection(Value):
    """How many records of a collection matched, and how many were deleted."""

    collection: Name
    matched: Count
    deleted: Count


def gid_of(kind: str, given: str | int, field: str) -> str:
    """The whole id of a thing of Shopify. Raises `Invalid`, naming the field, for an id of another kind."""
    text = str(given)
    match = _GID.fullmatch(text)
    if match is None:
        return f"gid://shopify/{kind}/{int(text)}"
    if match.group(1) != kind:
        raise invalid_field(field, f"must be the id of a Shopify {kind}")
    return text


def number_of(gid: str) -> str:
    """The number at the end of an id of Shopify."""
    return gid.rpartition("/")[2]


def clipped(message: str) -> str:
    """A message of another system as it is stored: 512 characters at most, never empty."""
    return message.replace("\x00", "")[:512] or "no message was given"
