"""Why a variant is not synced: what is known of it at this moment, and what the checks say of that."""

from collections.abc import Mapping
from typing import Literal

from chassis.entity import Value
from chassis.values import Text
from services.slc.channel.domain import ChannelStatus, StoredChannel
from services.slc.order.domain import Posting
from services.slc.shopify.states import LevelState, ShopFacts, VariantState
from services.slc.shopify.words import Gid
from services.slc.sync.content import Units, VariantListing
from services.slc.sync.plan import Member
from services.slc.variant.domain import OpenWrite, StoredVariant, StyleMap

CheckName = Literal[
    "included",
    "channel_active",
    "listing",
    "publishable",
    "match",
    "tracked",
    "stocked",
    "scopes",
    "currency",
    "open_write",
]

Matched = Literal["mapped", "found", "new_variant", "new_product", "none", "ambiguous"]


class ExplainCheck(Value):
    """One thing that may stand in the way of a sync. `ok` None: it could not be checked."""

    check: CheckName
    ok: bool | None
    message: Text


class Unknown(Value):
    """Something that could not be found out, and why."""

    why: str


class Stored(Value):
    """What is stored: of the variant (None: it was never on the list) and of its channel."""

    channel: StoredChannel
    status: ChannelStatus
    row: StoredVariant | None
    writes: list[OpenWrite]
    postings: list[Posting]


class Match(Value):
    """What the variant is at Shopify.

    outcome  mapped: its map holds · found: the search gives one · new_variant, new_product: it would be created ·
             none, ambiguous: the search gives no variant, or several
    row      the variant as if it were on the list, with the ids that its job would work with
    state    what the shop shows of it
    style    what is known of the style's product, of standard channels
    """

    outcome: Matched
    row: StoredVariant
    state: VariantState | None = None
    style: StyleMap | None = None
    candidates: tuple[Gid, ...] = ()


class Facts(Value):
    """Everything that an explanation is made of; what did not answer in time is `Unknown`.

    row        the variant as if it were on the list
    others     the other variants of its style, of standard channels
    locations  the active locations of the shop
    levels     what the shop shows of the item at the bound and written locations; empty where there is no item
    metafields what the shop shows of the metafields that the listing has, by `namespace.key`
    now        when it was read
    """

    stored: Stored
    row: StoredVariant
    now: str
    listing: VariantListing | Unknown
    others: list[Member] | Unknown
    shop: ShopFacts | Unknown
    locations: frozenset[Gid] | Unknown
    match: Match | Unknown
    levels: Mapping[Gid, LevelState] | Unknown
    metafields: Mapping[str, str] | Unknown
    units: Units | Unknown
