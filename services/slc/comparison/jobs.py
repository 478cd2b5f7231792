"""The daily comparison of every active channel with its shop."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from time import monotonic

from chassis.caller import Call
from chassis.entity import Value
from chassis.gate import Gate
from chassis.ids import new_id
from chassis.jobs.declaration import Jobs
from chassis.jobs.orgs import within
from chassis.unit import Change, Units, View
from chassis.values import Count, Id, Orgcode
from chassis.work.store import enqueue, is_under_way
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import open_channels
from services.slc.comparison.store import CHANNELS_TO_COMPARE, DriftAsked
from services.slc.drift.domain import StoredDrift, Trigger
from services.slc.drift.store import DRIFT_REPORTS

DRIFT_HOUR = 7

RUN_SECONDS_MAX = 120.0
"""How long the job waits for its reports. What takes longer goes on by itself; the answer then says how far it is."""

REPAIR_SECONDS_MAX = 20.0
"""How long it then waits for the repairs."""

POLL_SECONDS = 0.25

jobs = Jobs("slc")


class DriftParams(Value):
    """Which channels: all, those of an org, or one."""

    orgcode: Orgcode | None = None
    channel_id: Id | None = None


class DriftAnswer(Value):
    """What the reports say when the job ends: `channels` compared, the rest counted in variants."""

    channels: Count = 0
    checked: Count = 0
    in_sync: Count = 0
    drifted: Count = 0
    missing: Count = 0
    repaired: Count = 0
    errors: Count = 0


@jobs.daily(hour=DRIFT_HOUR, name="SlcDriftDetect", params=DriftParams)
async def drift_detect(units: Units, call: Call, params: DriftParams, gate: Gate) -> DriftAnswer:
    """Compare every synced variant of active channels with what its shop shows."""
    trigger: Trigger = "schedule" if params == DriftParams() and call.name.startswith("slc.job.") else "operator"

    async def read(view: View) -> list[StoredChannel]:
        return await open_channels(view, ("active",))

    chosen = [
        each
        for each in await units.view(call, read)
        if params.orgcode in {None, each.orgcode}
        and params.channel_id in {None, each.channel_id}
        and not gate.is_closed_for(each.orgcode)
    ]
    reports = {each.channel_id: new_id(call.started_utc) for each in chosen}
    for channel in chosen:
        await units.change(within(call, channel.orgcode), _asking(channel.channel_id, reports, trigger))
    watch = Watch(units, call, chosen, reports)
    await watch.finished(RUN_SECONDS_MAX)
    await watch.repaired(REPAIR_SECONDS_MAX)
    return await watch.answer()


def _asking(
    channel_id: str, reports: Mapping[str, str], trigger: Trigger
) -> Callable[[Change], Coroutine[None, None, None]]:
    async def write(change: Change) -> None:
        asked = DriftAsked(channel_id=channel_id, report_id=reports[channel_id], trigger=trigger)
        await enqueue(change, CHANNELS_TO_COMPARE, channel_id, asked)

    return write


class Watch:
    """Looks at reports that are under way."""

    def __init__(self, units: Units, call: Call, channels: Sequence[StoredChannel], reports: Mapping[str, str]) -> None:
        self._units = units
        self._call = call
        self._channels = channels
        self._reports = reports

    async def finished(self, seconds: float) -> None:
        """Wait until every report is finished, or its channel could not be compared."""
        left = list(self._channels)
        ends_at = monotonic() + seconds
        while left and monotonic() < ends_at:
            left = await self._units.view(self._call, self._under_way(left))
            if left:
                await asyncio.sleep(POLL_SECONDS)

    async def repaired(self, seconds: float) -> None:
        """Wait until the repairs have ended well."""
        ends_at = monotonic() + seconds
        while monotonic() < ends_at:
            found = [each.summary for each in await self._found()]
            if all(each.repaired >= each.drifted + each.missing for each in found) or not self._repairs():
                return
            await asyncio.sleep(POLL_SECONDS)

    async def answer(self) -> DriftAnswer:
        """The sum of the reports."""
        found = [each.summary for each in await self._found()]
        names = [name for name in DriftAnswer.__struct_fields__ if name != "channels"]
        return DriftAnswer(
            channels=len(self._channels), **{name: sum(getattr(each, name) for each in found) for name in names}
        )

    def _repairs(self) -> bool:
        return any(each.config.drift_repair for each in self._channels)

    async def _found(self) -> list[StoredDrift]:
        async def read(view: View) -> list[StoredDrift]:
            return list((await view.get_many(DRIFT_REPORTS, list(self._reports.values()))).values())

        return [each for orgcode in self._orgs() for each in await self._units.view(within(self._call, orgcode), read)]

    def _orgs(self) -> list[str]:
        return list(dict.fromkeys(each.orgcode for each in self._channels))

    def _under_way(
        self, channels: Sequence[StoredChannel]
    ) -> Callable[[View], Coroutine[None, None, list[StoredChannel]]]:
        async def read(view: View) -> list[StoredChannel]:
            queue = CHANNELS_TO_COMPARE
            return [each for each in channels if await is_under_way(view, queue, each.channel_id, orgcode=each.orgcode)]

        return read
