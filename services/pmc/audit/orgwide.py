"""Comparing an org's own totals: its styles and vendors over all channels, its packs and its runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.caller import Call
from chassis.entity import Entity, Value
from chassis.unit import SnapshotReader, Units
from services.pmc.audit.recount import CORRECTED_AT_ONCE, Difference
from services.pmc.pack.store import PACKS, SERIES
from services.pmc.rollup.domain import ORG_WIDE, OVER_ALL, Deltas, Dimension, OrgSums, RollupKey
from services.pmc.rollup.store import ROLLUPS, org_sums
from services.pmc.run.store import RUNS

ENDED = ("completed", "cancelled", "failed")


class OrgAudit(Value):
    """What has to be added to the roll-ups over all channels, and to the org's totals, to make them right."""

    sums: OrgSums
    differences: Sequence[Difference]
    missing_totals: Mapping[str, int]

    @property
    def mismatches(self) -> int:
        """Roll-ups and totals that differ."""
        return len(self.differences) + len(self.missing_totals)

    def corrections(self) -> list[Deltas]:
        """The changes that correct the roll-ups over all channels, each small enough for one transaction."""
        parts = []
        for start in range(0, len(self.differences), CORRECTED_AT_ONCE):
            deltas = Deltas()
            for each in self.differences[start : start + CORRECTED_AT_ONCE]:
                deltas.add_rollup(each.key, each.online, each.offline, each.label)
            parts.append(deltas)
        return parts


async def audit_org(units: Units, call: Call) -> OrgAudit:
    """The org's totals as of one moment, compared with its roll-ups, packs and runs. Index: by_value, id, org."""
    async with units.snapshot_reader(call) as reader:
        sums = await org_sums(reader)
        rollups = await _over_all(reader)
        found = {
            "styles": sum(each.dimension == "style" and any(each.summed) for each in rollups),
            "rollups": sum(each.stored is not None for each in rollups),
            "packs": await _count(reader, SERIES),
            "pack_versions": await _count(reader, PACKS),
            **await _runs(reader),
        }
    differences = [each.difference() for each in rollups if each.summed != (each.stored or (0, 0))]
    # Correcting these roll-ups corrects the number of styles and of roll-ups with them.
    counted_with = {"styles", "rollups"} if differences else set()
    missing = {name: number - getattr(sums, name) for name, number in found.items() if name not in counted_with}
    return OrgAudit(
        sums=sums, differences=differences, missing_totals={name: each for name, each in missing.items() if each}
    )


class _OverAll:
    """A value that counts over all channels: its products online and offline as channels have them, and as stored."""

    def __init__(self, dimension: Dimension, value: str) -> None:
        self.dimension: Dimension = dimension
        self.value = value
        self.label: str | None = None
        self.summed = (0, 0)
        self.stored: tuple[int, int] | None = None

    def add(self, online: int, offline: int, label: str | None) -> None:
        """Count what a channel has."""
        self.summed = self.summed[0] + online, self.summed[1] + offline
        self.label = self.label or label

    def difference(self) -> Difference:
        """What is missing in the stored roll-up."""
        stored_online, stored_offline = self.stored or (0, 0)
        return Difference(
            key=RollupKey(channel_guid=ORG_WIDE, dimension=self.dimension, value=self.value),
            online=self.summed[0] - stored_online,
            offline=self.summed[1] - stored_offline,
            label=self.label if self.stored is None else None,
            stored_online=stored_online,
            stored_offline=stored_offline,
        )


async def _over_all(reader: SnapshotReader) -> list[_OverAll]:
    """The values that count over all channels, by dimension and value."""
    found: dict[tuple[str, str], _OverAll] = {}
    fields = ("channel_guid", "dimension", "value", "online", "offline", "label")
    async for documents in reader.parts(ROLLUPS, {}, fields=fields):
        for each in documents:
            key = each["dimension"], each["value"]
            if each["dimension"] not in OVER_ALL:
                continue
            entry = found.setdefault(key, _OverAll(*key))
            if each["channel_guid"] == ORG_WIDE:
                entry.stored = each["online"], each["offline"]
            else:
                entry.add(each["online"], each["offline"], each.get("label"))
    return [found[key] for key in sorted(found)]


async def _count(reader: SnapshotReader, entity: Entity[Any]) -> int:
    return sum([len(documents) async for documents in reader.parts(entity, {}, fields=[entity.id])])


async def _runs(reader: SnapshotReader) -> dict[str, int]:
    states: Counter[str] = Counter()
    async for documents in reader.parts(RUNS, {}, fields=["status"]):
        states.update(each["status"] for each in documents)
    return {
        "runs_scheduled": states["scheduled"],
        "runs_running": states["running"],
        "runs_finished": sum(states[state] for state in ENDED),
    }
