"""Counting products by value: roll-ups of a channel, or of all channels together."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from chassis.entity import Value
from chassis.unit import View
from services.pmc.profile.domain import PublishProfile
from services.pmc.profile.store import all_profiles
from services.pmc.rollup.domain import ORG_WIDE, OVER_ALL, ChannelSums, Dimension, GroupDimension, Rollup
from services.pmc.rollup.store import largest_rollups, rollups_of, tallies_of
from services.pmc.words import AskedState


class Counts(Value):
    """Products online and offline, and the label of what they have in common."""

    online: int = 0
    offline: int = 0
    label: str | None = None


async def counts_of_values(
    view: View, dimension: GroupDimension, channel: PublishProfile | None, values: Sequence[str]
) -> Mapping[str, Counts]:
    """The products of a channel, or with `channel` None of all, by those of the values that any has."""
    match dimension:
        case "channel" | "online_state":
            return await _by_channel_or_state(view, dimension, channel)
        case _:
            return _counts(await rollups_of(view, _place(dimension, channel), dimension, values))


async def largest_counts(
    view: View, dimension: GroupDimension, channel: PublishProfile | None, state: AskedState, limit: int
) -> tuple[Mapping[str, Counts], bool]:
    """The values that most products in a state have, and whether there are more than `limit`: of one channel, or with
    `channel` None of all."""
    match dimension:
        case "channel" | "online_state":
            # Few: all are read, and the caller's order decides.
            return await _by_channel_or_state(view, dimension, channel), False
        case _:
            found, more = await largest_rollups(view, _place(dimension, channel), dimension, state, limit)
            return _counts(found), more


def _place(dimension: Dimension, channel: PublishProfile | None) -> str:
    """Whose roll-ups answer."""
    assert channel is not None or dimension in OVER_ALL, dimension
    return ORG_WIDE if channel is None else channel.channel_guid


def _counts(rollups: Iterable[Rollup]) -> dict[str, Counts]:
    return {each.value: Counts(online=each.online, offline=each.offline, label=each.label) for each in rollups}


async def _by_channel_or_state(
    view: View, dimension: Literal["channel", "online_state"], channel: PublishProfile | None
) -> dict[str, Counts]:
    channels: Sequence[PublishProfile] = [channel] if channel is not None else await all_profiles(view)
    tallies = await tallies_of(view, [each.channel_guid for each in channels])
    return _by_channel(channels, tallies) if dimension == "channel" else _by_state(tallies)


def _by_channel(channels: Sequence[PublishProfile], tallies: Mapping[str, ChannelSums]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for channel in channels:
        tally = tallies.get(channel.channel_guid)
        online = tally.online if tally else 0
        offline = tally.products - tally.online if tally else 0
        found[channel.channel_code] = Counts(online=online, offline=offline, label=channel.name)
    return found


def _by_state(tallies: Mapping[str, ChannelSums]) -> dict[str, Counts]:
    online = sum(each.online for each in tallies.values())
    products = sum(each.products for each in tallies.values())
    return {"online": Counts(online=online), "offline": Counts(offline=products - online)}
