"""Storage of channels, of what is known of them beside their revision, and of their tallies."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from chassis.entity import HUB, ONE_SHARD, Entity, edge, index, unique
from chassis.errors import Conflict
from chassis.page import Page, Paged
from chassis.unit import Change, View, one_of
from services.slc.channel.domain import NO_CREDENTIALS, Channel, ChannelStatus, StoredChannel, TallySlot, tally_of
from services.slc.slots import SLOT, SLOTS
from services.slc.words import ChannelState, ChannelType, SyncState

CHANNELS_FOUND_MAX = 1000

CHANNELS = Entity(
    "channel",
    StoredChannel,
    collection="slc_channels",
    id="channel_id",
    shard_key=ONE_SHARD,
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}"),
    lookups={1: ("SHOP#{shop_domain}", "CHANNEL#{channel_id}")},
    label="{channel_code} {shop_domain}",
    indexes=[
        index("channel_id", name="org"),
        unique("channel_code", name="channel_code", refusal="the channel_code is taken"),
        unique("shop_domain", name="shop_domain", refusal="the shop has a channel already"),
        unique(
            "shop_domain",
            name="live",
            every_org=True,
            where={"live": True},
            refusal="the shop is synced by another channel",
        ),
        index("state", "channel_id", name="state"),
        index("type", "channel_id", name="type"),
        index("state", "type", "channel_id", name="state_type"),
        index("shop_domain", name="shop", every_org=True),
        index("state", "channel_id", name="states", every_org=True),
        index("config.pmc_channel_code", name="pmc_channel"),
        index("channel_code", "channel_id", name="code"),
        index("facilities.logical_guid", "channel_id", name="facility"),
    ],
    edges=[
        edge("sells-as", to="channel_code", by="channel_code", service=HUB),
        edge("uses", to="profile", by="config.pmc_channel_code", service="pmc", at="channel_code"),
        edge("ships-from", to="facility", by="facilities.logical_guid", service=HUB, cardinality="many"),
        edge("includes", to="channel_variant", by="channel_id", cardinality="many"),
    ],
    derived={"live": lambda channel: channel.is_open},
)
CHANNEL_STATUS = Entity(
    "channel_status",
    ChannelStatus,
    collection="slc_channel_status",
    id="channel_id",
    shard_key=("orgcode", "channel_id"),
    indexes=[index("channel_id", name="org")],
    history=False,
    technical=True,
)
TALLIES = Entity(
    "variant_tally",
    TallySlot,
    collection="slc_variant_tallies",
    id="slot_id",
    shard_key=("orgcode", "channel_id"),
    indexes=[index("channel_id", name="channel")],
    history=False,
    technical=True,
)


def slot_ids(channel_id: str) -> list[str]:
    """The ids of a channel's tally slots."""
    return [f"{channel_id}/{slot}" for slot in range(SLOTS)]


async def status_of(view: View, channel_id: str) -> ChannelStatus:
    """What is known of a channel beside its revision. Index: id."""
    found = await view.get(CHANNEL_STATUS, channel_id)
    assert found is not None, channel_id
    return found


async def channel_answer(view: View, channel: StoredChannel) -> Channel:
    """A channel as callers see it. Index: id."""
    return (await channel_answers(view, [channel]))[0]


async def channel_answers(view: View, channels: Sequence[StoredChannel]) -> list[Channel]:
    """Channels as callers see them. Index: id."""
    ids = [each.channel_id for each in channels]
    view.prefetch(TALLIES, [slot for channel_id in ids for slot in slot_ids(channel_id)])
    status = await view.get_many(CHANNEL_STATUS, ids)
    slots = await view.get_many(TALLIES, [slot for channel_id in ids for slot in slot_ids(channel_id)])
    return [_answer(each, status[each.channel_id], slots) for each in channels]


def _answer(channel: StoredChannel, status: ChannelStatus, slots: Mapping[str, TallySlot]) -> Channel:
    own = [slots[slot] for slot in slot_ids(channel.channel_id) if slot in slots]
    return Channel(
        channel_id=channel.channel_id,
        channel_code=channel.channel_code,
        name=channel.name,
        type=channel.type,
        state=channel.state,
        pause=channel.pause,
        shop_domain=channel.shop_domain,
        config=channel.config,
        facilities=channel.facilities,
        credentials=status.credentials,
        variants=tally_of(own),
        webhooks=status.webhooks,
        api_version=status.api_version,
        last_drift=status.last_drift,
        activated_utc=channel.activated_utc,
        revision=channel.revision,
        created_utc=channel.created_utc,
        created_by=channel.created_by,
        updated_utc=channel.updated_utc,
        updated_by=channel.updated_by,
    )


async def insert_channel(change: Change, channel: StoredChannel, api_version: str) -> StoredChannel:
    """Store a new channel. Raises `Conflict`, naming field and channel, if its code or shop is taken in the org.

    Index: channel_code, shop_domain.
    """
    for field in ("channel_code", "shop_domain"):
        known = await change.lookup(CHANNELS, field, getattr(channel, field))
        if known is not None:
            what = "the channel_code is taken" if field == "channel_code" else "the shop has a channel already"
            raise Conflict(what, field=field, channel_id=known.channel_id)
    stored = await change.insert(CHANNELS, channel)
    status = ChannelStatus(channel_id=stored.channel_id, credentials=NO_CREDENTIALS, api_version=api_version)
    await change.insert(CHANNEL_STATUS, status)
    return stored


async def list_channels(
    view: View, state: ChannelState | None, kind: ChannelType | None, page: Paged
) -> Page[StoredChannel]:
    """The channels of the org, newest first. Index: org, state, type or state_type."""
    where = {name: value for name, value in (("state", state), ("type", kind)) if value is not None}
    return await view.page(CHANNELS, where, page=page)


async def channels_of_shop(view: View, shop_domain: str) -> list[StoredChannel]:
    """The channels of a shop in all orgs. Index: shop."""
    return await view.every_org().find(CHANNELS, {"shop_domain": shop_domain}, limit=CHANNELS_FOUND_MAX)


async def open_channels(view: View, states: Sequence[ChannelState] = ("active", "paused")) -> list[StoredChannel]:
    """Channels of all orgs in these states. Index: states."""
    found: list[StoredChannel] = []
    for state in states:
        found += await view.every_org().find_all(CHANNELS, {"state": state}, order=("channel_id",))
    return found


async def every_channel(view: View) -> list[StoredChannel]:
    """The channels of all orgs. Index: states."""
    return await open_channels(view, ("active", "paused", "inactive"))


async def org_channels(view: View, states: Iterable[ChannelState] | None = None) -> list[StoredChannel]:
    """The org's channels, of these states if any are named. Index: org, state."""
    where = {} if states is None else {"state": one_of(states)}
    return await view.find(CHANNELS, where, limit=CHANNELS_FOUND_MAX)


async def has_open_channel(view: View) -> bool:
    """Whether the org has an active or paused channel. Index: state."""
    return bool(await view.find(CHANNELS, {"state": one_of(("active", "paused"))}, limit=1))


async def mapped_in(view: View, channel_id: str) -> int:
    """How many variants of a channel are mapped. Index: id."""
    slots = await view.get_many(TALLIES, slot_ids(channel_id))
    return max(0, sum(slot.mapped for slot in slots.values()))


async def move_tally(
    change: Change,
    channel_id: str,
    *,
    included: int = 0,
    mapped: int = 0,
    states: Mapping[SyncState, int] | None = None,
) -> None:
    """Add to a channel's tally, in this process' slot. Index: id."""
    states = {state: number for state, number in (states or {}).items() if number}
    if not included and not mapped and not states:
        return
    slot_id = f"{channel_id}/{SLOT}"
    known = await change.get(TALLIES, slot_id)
    slot = known or TallySlot(slot_id=slot_id, channel_id=channel_id)
    moved = {state: getattr(slot, state) + number for state, number in states.items()}
    slot = replace(slot, included=slot.included + included, mapped=slot.mapped + mapped, **moved)
    await (change.insert if known is None else change.update)(TALLIES, slot)
