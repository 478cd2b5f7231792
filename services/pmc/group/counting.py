"""Counting products by value: roll-ups of the channels asked for, summed when they are read."""

from collections.abc import Mapping, Sequence

from chassis.entity import Value
from chassis.unit import View
from services.pmc.profile.domain import PublishProfile
from services.pmc.rollup.domain import ChannelSums, GroupDimension, Rollup
from services.pmc.rollup.store import ROLLUPS, rollups_of, tallies_of


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
    if dimension in {"channel", "online_state"}:
        tallies = await tallies_of(view, [each.channel_guid for each in channels])
        return _by_channel(channels, tallies) if dimension == "channel" else _by_state(tallies)
    guids = [each.channel_guid for each in channels]
    if values is not None:
        rollups = await rollups_of(view, guids, dimension, values)  # type: ignore[arg-type]
    else:
        rollups = await _all_rollups(view, guids, dimension)
    found: dict[str, Counts] = {}
    for each in rollups:
        found[each.value] = found.get(each.value, Counts()).plus(each.online, each.offline, each.label)
    return found


async def _all_rollups(view: View, channel_guids: Sequence[str], dimension: str) -> list[Rollup]:
    """All roll-ups of a dimension in these channels. Index: by_value."""
    rollups: list[Rollup] = []
    for guid in channel_guids:
        where = {"channel_guid": guid, "dimension": dimension}
        rollups += await view.find_all(ROLLUPS, where, order=("value",))
    return rollups


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
