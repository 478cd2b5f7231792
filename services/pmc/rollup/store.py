"""Storage of roll-ups and totals, and their change within the transaction that changes products."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from chassis.entity import Entity, edge, index
from chassis.page import PageRequest
from chassis.unit import Change, View
from services.pmc.rollup.domain import (
    ORG_WIDE,
    ChannelSums,
    Deltas,
    Dimension,
    OrgSums,
    Rollup,
    RollupKey,
    rank,
)
from services.pmc.words import AskedState

RANKS: Mapping[AskedState, str] = {"both": "rank", "online": "online_rank", "offline": "offline_rank"}
"""The stored field that sorts roll-ups by the number of their products in a state, the largest first."""

ROLLUPS = Entity(
    "rollup",
    Rollup,
    collection="pmc_rollups",
    id="rollup_id",
    shard_key=("orgcode", "channel_guid", "dimension"),
    keys=("ORG#{orgcode}", "ROLLUP#{channel_guid}#{dimension}#{value}"),
    id_pattern="{orgcode}/{channel_guid}/{dimension}/{value}",
    indexes=[
        index("channel_guid", "dimension", "value", name="by_value"),
        index("rollup_id"),
        *(index("channel_guid", "dimension", field) for field in RANKS.values()),
    ],
    derived={
        "rank": lambda rollup: rank(rollup.online + rollup.offline, rollup.value),
        "online_rank": lambda rollup: rank(rollup.online, rollup.value),
        "offline_rank": lambda rollup: rank(rollup.offline, rollup.value),
    },
    edges=[edge("in", to="profile", by="channel_guid", at="channel_guid")],
    history=False,
    label="{dimension} {value} {label}",
)
CHANNEL_SUMS = Entity(
    "channel_sums",
    ChannelSums,
    collection="pmc_channel_sums",
    id="sums_id",
    shard_key=("orgcode",),
    history=False,
    technical=True,
)
ORG_SUMS = Entity(
    "org_sums", OrgSums, collection="pmc_org_sums", id="sums_id", shard_key=("orgcode",), history=False, technical=True
)


def rollup_id(orgcode: str, key: RollupKey) -> str:
    """The id of a roll-up."""
    return f"{orgcode}/{key.channel_guid}/{key.dimension}/{key.value}"


def sums_id(orgcode: str, channel_guid: str) -> str:
    """The id of a channel's totals."""
    return f"{orgcode}/{channel_guid}"


async def tally_of(view: View, channel_guid: str) -> ChannelSums:
    """A channel's totals; zeros where it has no products. Index: id."""
    found = await view.get(CHANNEL_SUMS, sums_id(view.call.orgcode, channel_guid))
    return found or ChannelSums(
        sums_id=sums_id(view.call.orgcode, channel_guid), channel_guid=channel_guid, channel_code=""
    )


async def tallies_of(view: View, channel_guids: Iterable[str]) -> dict[str, ChannelSums]:
    """The totals of channels that have any, by channel_guid. Index: id."""
    found = await view.get_many(CHANNEL_SUMS, [sums_id(view.call.orgcode, guid) for guid in channel_guids])
    return {each.channel_guid: each for each in found.values()}


async def rollups_of(view: View, channel_guid: str, dimension: Dimension, values: Iterable[str]) -> list[Rollup]:
    """The roll-ups there are of these values in a channel, or over all with `ORG_WIDE`. Index: id."""
    keys = [RollupKey(channel_guid=channel_guid, dimension=dimension, value=value) for value in values]
    found = await view.get_many(ROLLUPS, [rollup_id(view.call.orgcode, key) for key in keys])
    return list(found.values())


async def largest_rollups(
    view: View, channel_guid: str, dimension: Dimension, state: AskedState, limit: int
) -> tuple[list[Rollup], bool]:
    """The values that most products in a state have in a channel, or over all with `ORG_WIDE`, by their number, then by
    value; and whether there are more. Index: that of the state's rank."""
    where = {"channel_guid": channel_guid, "dimension": dimension}
    order = (RANKS[state],)
    page = await view.page(ROLLUPS, where, page=PageRequest(limit=limit), order=order)
    found = [each for each in page.items if _number(each, state)]
    if len(found) < limit or page.next_token is None:
        return found, False
    following = await view.page(ROLLUPS, where, page=PageRequest(limit=1, next_token=page.next_token), order=order)
    return found, any(_number(each, state) for each in following.items)


def _number(rollup: Rollup, state: AskedState) -> int:
    """How many products a roll-up counts in a state."""
    return rollup.online + rollup.offline if state == "both" else int(getattr(rollup, state))


async def org_sums(view: View) -> OrgSums:
    """The org's own totals; zeros before anything was counted. Index: id."""
    found = await view.get(ORG_SUMS, view.call.orgcode)
    return found or OrgSums(sums_id=view.call.orgcode)


def prefetch_sums(change: Change, deltas: Deltas) -> None:
    """Prefetch everything `apply` will read."""
    orgcode = change.call.orgcode
    change.prefetch(ROLLUPS, [rollup_id(orgcode, key) for key in deltas.rollups])
    change.prefetch(CHANNEL_SUMS, [sums_id(orgcode, guid) for guid in deltas.sums])
    change.prefetch(ORG_SUMS, [orgcode])


async def apply(change: Change, deltas: Deltas) -> None:
    """Bring roll-ups and totals up to date with a change of products, in its transaction."""
    prefetch_sums(change, deltas)
    made: dict[str, int] = {}
    styles = 0
    orgcode = change.call.orgcode
    known = await change.get_many(ROLLUPS, [rollup_id(orgcode, key) for key in deltas.rollups])
    for key, online, offline in deltas.changed_rollups():
        before = known.get(rollup_id(orgcode, key))
        label = deltas.labels.get(key, before.label if before else None)
        if before is None:
            made[key.channel_guid] = made.get(key.channel_guid, 0) + 1
        after = _moved(before, key, rollup_id(orgcode, key), online, offline, label)
        if key.channel_guid == ORG_WIDE and key.dimension == "style":
            styles += _is_counted(after) - _is_counted(before)
        await (change.insert if before is None else change.update)(ROLLUPS, after)
    sums = {guid: dict(numbers) for guid, numbers in deltas.sums.items()}
    for guid, number in made.items():
        if guid != ORG_WIDE:
            sums.setdefault(guid, {})["rollups"] = number
    await _add_to_channels(change, sums, deltas.codes)
    if styles or made.get(ORG_WIDE):
        await add_to_org(change, styles=styles, rollups=made.get(ORG_WIDE, 0))


async def add_to_org(change: Change, *, last_run_id: str | None = None, **numbers: int) -> None:
    """Add to the org's own totals."""
    before = await change.get(ORG_SUMS, change.call.orgcode)
    sums = before or OrgSums(sums_id=change.call.orgcode)
    changes: dict[str, Any] = {name: getattr(sums, name) + number for name, number in numbers.items()}
    if last_run_id is not None:
        changes["last_run_id"] = last_run_id
    await (change.insert if before is None else change.update)(ORG_SUMS, replace(sums, **changes))


async def _add_to_channels(change: Change, sums: Mapping[str, Mapping[str, int]], codes: Mapping[str, str]) -> None:
    ids = {guid: sums_id(change.call.orgcode, guid) for guid in sums}
    known = await change.get_many(CHANNEL_SUMS, ids.values())
    for guid, numbers in sums.items():
        before = known.get(ids[guid])
        total = before or ChannelSums(sums_id=ids[guid], channel_guid=guid, channel_code=codes[guid])
        changed = {name: getattr(total, name) + number for name, number in numbers.items()}
        total = replace(total, moves=total.moves + 1, **changed)
        await (change.insert if before is None else change.update)(CHANNEL_SUMS, total)


def _moved(
    before: Rollup | None, key: RollupKey, identity: str, online: int, offline: int, label: str | None
) -> Rollup:
    rollup = before or Rollup(
        rollup_id=identity, channel_guid=key.channel_guid, dimension=key.dimension, value=key.value
    )
    counts = rollup.online + online, rollup.offline + offline
    if key.channel_guid == ORG_WIDE:
        # Products of before a dimension was counted over all channels are missing until the next audit.
        counts = max(0, counts[0]), max(0, counts[1])
    assert min(counts) >= 0, (rollup, counts)
    return replace(rollup, online=counts[0], offline=counts[1], label=label, moves=rollup.moves + 1)


def _is_counted(rollup: Rollup | None) -> int:
    return int(rollup is not None and rollup.online + rollup.offline > 0)


async def channel_rollups(view: View, channel_guid: str) -> list[Rollup]:
    """All roll-ups of a channel. Index: by_value."""
    return await view.find_all(ROLLUPS, {"channel_guid": channel_guid}, order=("dimension", "value"))
