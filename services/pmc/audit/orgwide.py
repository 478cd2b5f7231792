"""Comparing an org's own totals: its styles over all channels, its packs and its runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.caller import Call
from chassis.entity import Entity, Value
from chassis.unit import SnapshotReader, Units
from services.pmc.audit.recount import CORRECTED_AT_ONCE, Difference
from services.pmc.pack.store import PACKS, SERIES
from services.pmc.rollup.domain import ORG_WIDE, Deltas, OrgSums, RollupKey
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
        channels, over_all = await _style_counts(reader)
        found = {
            "styles": sum(any(counts) for counts in channels.values()),
            "style_rollups": len(over_all),
            "packs": await _count(reader, SERIES),
            "pack_versions": await _count(reader, PACKS),
            **await _runs(reader),
        }
    differences = []
    for value in sorted(channels.keys() | over_all.keys()):
        (online, offline), (stored_online, stored_offline) = channels[value], over_all.get(value, (0, 0))
        if (online, offline) != (stored_online, stored_offline):
            key = RollupKey(channel_guid=ORG_WIDE, dimension="style", value=value)
            differences.append(
                Difference(
                    key=key,
                    online=online - stored_online,
                    offline=offline - stored_offline,
                    label=None,
                    stored_online=stored_online,
                    stored_offline=stored_offline,
                )
            )
    # Correcting these roll-ups corrects the number of styles with them.
    of_styles = {"styles", "style_rollups"} if differences else set()
    missing = {name: number - getattr(sums, name) for name, number in found.items() if name not in of_styles}
    return OrgAudit(
        sums=sums, differences=differences, missing_totals={name: each for name, each in missing.items() if each}
    )


async def _style_counts(reader: SnapshotReader) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    """Online and offline products by style: summed over the channels, and as stored over all channels."""
    summed: dict[str, tuple[int, int]] = {}
    stored: dict[str, tuple[int, int]] = {}
    fields = ("channel_guid", "dimension", "value", "online", "offline")
    async for documents in reader.parts(ROLLUPS, {}, fields=fields):
        for each in documents:
            if each["dimension"] != "style":
                continue
            counts = each["online"], each["offline"]
            if each["channel_guid"] == ORG_WIDE:
                stored[each["value"]] = counts
                summed.setdefault(each["value"], (0, 0))
            else:
                online, offline = summed.get(each["value"], (0, 0))
                summed[each["value"]] = online + counts[0], offline + counts[1]
    return summed, stored


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
