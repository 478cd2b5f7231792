"""Counting products by value: roll-ups of the channels asked for, summed when they are read."""

from collections.abc import Iterable, Mapping, Sequence

from chassis.entity import Value
from chassis.unit import View
from services.pmc.profile.domain import PublishProfile
from services.pmc.rollup.domain import ORG_WIDE, ChannelSums, GroupDimension, Rollup
from services.pmc.rollup.store import largest_rollups, rollups_in, rollups_of, tallies_of
from services.pmc.words import AskedState


class Counts(Value):
    """Products online and offline, and the label of what they have in common."""

    online: int = 0
    offline: int = 0
    label: str | None = None

    def plus(self, online: int, offline: int, label: str | None) -> "Counts":
        """The sum with further products."""
        return Counts(online=self.online + online, offline=self.offline + offline, label=self.label or label)


async def counts_by_value(
    view: View, dimension: GroupDimension, channels: Sequence[PublishProfile], values: Sequence[str] | None
) -> Mapping[str, Counts]:
    """The products of these channels by value: of the values asked for, or of all there are."""
    guids = [each.channel_guid for each in channels]
    if dimension == "channel":
        return _by_channel(channels, await tallies_of(view, guids))
    if dimension == "online_state":
        return _by_state(await tallies_of(view, guids))
    if values is not None:
        return _summed(await rollups_of(view, guids, dimension, values))
    return _summed([each for guid in guids for each in await rollups_in(view, guid, dimension)])


async def largest_counts(
    view: View,
    dimension: GroupDimension,
    channels: Sequence[PublishProfile],
    channel: PublishProfile | None,
    state: AskedState,
    limit: int,
) -> tuple[Mapping[str, Counts], bool]:
    """The values that most products in a state have, largest first, and whether there are more: of one channel, or with
    `channel` None of all `channels`."""
    if dimension in {"channel", "online_state"} or (dimension != "style" and channel is None):
        # Few, or counted by channel alone: all are read, and the caller's order decides.
        return await counts_by_value(view, dimension, channels, None), False
    guid = ORG_WIDE if channel is None else channel.channel_guid
    found, more = await largest_rollups(view, guid, dimension, state, limit)  # type: ignore[arg-type]
    return _summed(found), more


def _summed(rollups: Iterable[Rollup]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for each in rollups:
        found[each.value] = found.get(each.value, Counts()).plus(each.online, each.offline, each.label)
    return found


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
