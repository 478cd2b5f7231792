"""Recounting roll-ups: what the stored products of a channel come to, and how the stored roll-ups differ from it.

Shares no code with the posting of roll-ups, so that a mistake there shows here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chassis.entity import Value
from services.pmc.rollup.domain import ChannelSums, Deltas, Dimension, Rollup, RollupKey

PRODUCT_FIELDS = (
    "style_id",
    "online_state",
    "publishable",
    "pointers.fallback.rev",
    "indexed.vendor",
    "indexed.category",
    "indexed.department",
    "indexed.division",
)
"""What a recount reads of a product."""

CORRECTED_AT_ONCE = 200
"""Roll-ups that one transaction corrects."""

TOTALS = ("products", "online", "publishable", "pinned")

_NAMED: Mapping[Dimension, str] = {
    "vendor": "vendor_id",
    "category": "node_id",
    "department": "node_id",
    "division": "node_id",
}


class Difference(Value):
    """What has to be added to a stored roll-up to make it right. `label` is set if the roll-up is missing."""

    key: RollupKey
    online: int
    offline: int
    label: str | None
    stored_online: int = 0
    stored_offline: int = 0


class Recount:
    """The products of one channel, counted as they are read."""

    def __init__(self, channel_guid: str) -> None:
        self._channel_guid = channel_guid
        self._counts: dict[RollupKey, list[int]] = {}
        self._labels: dict[RollupKey, str | None] = {}
        self.totals = dict.fromkeys(TOTALS, 0)

    def add(self, document: Mapping[str, Any]) -> None:
        """Count a stored product, read with `PRODUCT_FIELDS`."""
        online = document["online_state"] == "online"
        self.totals["products"] += 1
        self.totals["online"] += online
        self.totals["publishable"] += document["publishable"]
        self.totals["pinned"] += document.get("pointers", {}).get("fallback") is not None
        self._count("style", document["style_id"], None, online=online)
        for dimension, identity in _NAMED.items():
            reference = document["indexed"].get(dimension)
            if reference is not None:
                self._count(dimension, reference[identity], reference["name"], online=online)

    def _count(self, dimension: Dimension, value: str, label: str | None, *, online: bool) -> None:
        key = RollupKey(channel_guid=self._channel_guid, dimension=dimension, value=value)
        self._counts.setdefault(key, [0, 0])[0 if online else 1] += 1
        self._labels[key] = label

    def differences(self, stored: Iterable[Rollup]) -> list[Difference]:
        """The roll-ups that differ, with what is missing in each."""
        known = {
            RollupKey(channel_guid=each.channel_guid, dimension=each.dimension, value=each.value): each
            for each in stored
        }
        found: list[Difference] = []
        for key in sorted(known.keys() | self._counts.keys(), key=lambda each: (each.dimension, each.value)):
            online, offline = self._counts.get(key, (0, 0))
            rollup = known.get(key)
            if rollup is not None:
                online, offline = online - rollup.online, offline - rollup.offline
            if online or offline:
                label = self._labels[key] if rollup is None else None
                found.append(
                    Difference(
                        key=key,
                        online=online,
                        offline=offline,
                        label=label,
                        stored_online=0 if rollup is None else rollup.online,
                        stored_offline=0 if rollup is None else rollup.offline,
                    )
                )
        return found

    def missing_totals(self, stored: ChannelSums) -> dict[str, int]:
        """What has to be added to each total of the channel that differs."""
        missing = {name: self.totals[name] - int(getattr(stored, name)) for name in TOTALS}
        return {name: number for name, number in missing.items() if number}


def corrections(
    sums: ChannelSums, differences: Sequence[Difference], missing_totals: Mapping[str, int]
) -> Iterator[Deltas]:
    """The changes that correct a channel, each small enough for one transaction.

    They are added to what is stored by then: a product that changes meanwhile moves the stored counts by itself, and
    what was missing from them stays missing.
    """
    if missing_totals:
        deltas = Deltas()
        for name, number in missing_totals.items():
            deltas.add_total(sums.channel_guid, sums.channel_code, name, number)
        yield deltas
    for start in range(0, len(differences), CORRECTED_AT_ONCE):
        deltas = Deltas()
        for each in differences[start : start + CORRECTED_AT_ONCE]:
            deltas.add_rollup(each.key, each.online, each.offline, each.label)
        yield deltas
