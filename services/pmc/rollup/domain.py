"""Roll-ups: how many products of a channel are online and offline, by the values of their indexed content.

What counts products is per channel, and totals of the org are summed when they are read. Styles and vendors, which are
asked for without a channel, are counted over all channels as well: a sum of channels would have to read all values.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from chassis.entity import Document, Value
from chassis.values import Code, Count, Guid
from services.pmc.words import Part

Dimension = Literal["style", "vendor", "category", "department", "division"]
GroupDimension = Literal["style", "vendor", "channel", "category", "department", "division", "online_state"]

ORG_WIDE = ""
"""Stands for the channel in roll-ups over all channels."""

OVER_ALL: frozenset[Dimension] = frozenset({"style", "vendor"})
"""The dimensions that are counted over all channels, too."""

COUNT_MAX = 9_999_999_999


class Rollup(Document):
    """The products of one channel that have one value. `moves` counts the changes in which a product came or went."""

    rollup_id: str
    orgcode: str = ""
    channel_guid: str
    dimension: Dimension
    value: str
    label: str | None = None
    online: int = 0
    offline: int = 0
    moves: Count = 0


def rank(count: int, value: str) -> str:
    """A text that sorts roll-ups by count, the largest first, then by value."""
    return f"{COUNT_MAX - count:010d}{value}"


class ChannelSums(Document):
    """Totals of one channel. `rollups` counts its roll-up documents, `moves` the changes of any total."""

    sums_id: str
    orgcode: str = ""
    channel_guid: Guid
    channel_code: Code
    products: Count = 0
    online: Count = 0
    publishable: Count = 0
    pinned: Count = 0
    revisions: Count = 0
    rollups: Count = 0
    moves: Count = 0


class OrgSums(Document):
    """Totals of an org that are no sums over channels. `rollups` counts its roll-up documents over all channels."""

    orgcode: str = ""
    sums_id: str
    styles: Count = 0
    rollups: Count = 0
    packs: Count = 0
    pack_versions: Count = 0
    runs_scheduled: int = 0
    runs_running: int = 0
    runs_finished: Count = 0
    last_run_id: str | None = None


class Counted(Value):
    """What of a product counts: its states, and the value and label of each dimension it has one in."""

    channel_guid: str
    channel_code: str
    online: bool
    publishable: bool
    pinned: bool
    values: Mapping[Dimension, tuple[str, str | None]]


class RollupKey(Part):
    """Names one roll-up of an org."""

    channel_guid: str
    dimension: Dimension
    value: str


class _Place(NamedTuple):
    """Where a product counts in one dimension."""

    value: str
    label: str | None
    online: bool


def _place(counted: Counted, dimension: Dimension) -> _Place | None:
    if dimension not in counted.values:
        return None
    value, label = counted.values[dimension]
    return _Place(value, label, counted.online)


class Deltas:
    """What a change does to roll-ups and totals, summed before it is written."""

    def __init__(self) -> None:
        self.rollups: dict[RollupKey, list[int]] = {}
        self.labels: dict[RollupKey, str | None] = {}
        self.sums: dict[str, dict[str, int]] = {}
        self.codes: dict[str, str] = {}

    def move(self, before: Counted | None, after: Counted) -> None:
        """A product is created (`before` None) or changed. What it counts in before and after stays untouched."""
        if before is None:
            self.add_total(after.channel_guid, after.channel_code, "products", 1)
        for name in ("online", "publishable", "pinned"):
            number = int(getattr(after, name)) - int(before is not None and getattr(before, name))
            if number:
                self.add_total(after.channel_guid, after.channel_code, name, number)
        for dimension in dict.fromkeys([*(before.values if before is not None else ()), *after.values]):
            old = None if before is None else _place(before, dimension)
            new = _place(after, dimension)
            if old != new:
                self._leave(after.channel_guid, dimension, old)
                self._enter(after.channel_guid, dimension, new)

    def add_revisions(self, channel_guid: str, channel_code: str, number: int) -> None:
        """`number` revisions are added, or pruned if negative."""
        self.add_total(channel_guid, channel_code, "revisions", number)

    def _leave(self, channel_guid: str, dimension: Dimension, place: _Place | None) -> None:
        if place is not None:
            for entry in self._entries(channel_guid, dimension, place.value):
                self.rollups[entry][0 if place.online else 1] -= 1

    def _enter(self, channel_guid: str, dimension: Dimension, place: _Place | None) -> None:
        if place is not None:
            for entry in self._entries(channel_guid, dimension, place.value):
                self.rollups[entry][0 if place.online else 1] += 1
                self.labels[entry] = place.label

    def _entries(self, channel_guid: str, dimension: Dimension, value: str) -> list[RollupKey]:
        """The keys of a value: in the channel, and over all channels where those are counted."""
        channels = (channel_guid, ORG_WIDE) if dimension in OVER_ALL else (channel_guid,)
        keys = [RollupKey(channel_guid=channel, dimension=dimension, value=value) for channel in channels]
        for key in keys:
            self.rollups.setdefault(key, [0, 0])
        return keys

    def add_total(self, channel_guid: str, channel_code: str, name: str, number: int) -> None:
        """Add to one of a channel's totals; `name` is a field of `ChannelSums`."""
        self.codes[channel_guid] = channel_code
        sums = self.sums.setdefault(channel_guid, {})
        sums[name] = sums.get(name, 0) + number

    def add_rollup(self, key: RollupKey, online: int, offline: int, label: str | None) -> None:
        """Add to a roll-up. A label is given if it is new."""
        entry = self.rollups.setdefault(key, [0, 0])
        entry[0] += online
        entry[1] += offline
        if label is not None:
            self.labels[key] = label

    def changed_rollups(self) -> Iterator[tuple[RollupKey, int, int]]:
        """The roll-ups that change: key, change of online, change of offline (both 0: products came and went, or the
        label is new)."""
        for key, (online, offline) in self.rollups.items():
            yield key, online, offline
