"""Which orgs have an open channel, so that events of all others cost next to nothing.

An event may be skipped if its org had no open channel at any moment after the event arrived: a channel that opens later
reads products and quantities as they are then. Many events share one such reading.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from time import monotonic

from chassis.consumer import Event
from chassis.resource import resource
from chassis.unit import Units
from services.slc.channel.store import has_open_channel

SELLING_SECONDS = 5.0
"""How long an org that had an open channel counts as having one: its events are looked at closely anyway."""

GATHERING_SECONDS = 0.02
"""How long the reading about an org that had no open channel waits for more events."""

ORGS_MAX = 10_000


class SellingOrgs:
    """Whether orgs have an open channel. A resource: asked for by type."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._selling_until: OrderedDict[str, float] = OrderedDict()
        self._idle_since: OrderedDict[str, float] = OrderedDict()
        self._pending: dict[str, asyncio.Task[bool]] = {}

    async def sells(self, event: Event) -> bool:
        """Whether the event's org has an open channel, or had one a moment ago."""
        orgcode = event.orgcode
        if self._selling_until.get(orgcode, 0.0) > monotonic():
            return True
        if self._idle_since.get(orgcode, 0.0) > event.arrived:
            return False
        reading = self._pending.get(orgcode)
        if reading is None:
            reading = self._pending[orgcode] = asyncio.create_task(self._read(event))
        return await asyncio.shield(reading)

    async def _read(self, event: Event) -> bool:
        """Read once for all events that have arrived before the reading begins."""
        orgcode = event.orgcode
        try:
            if orgcode in self._idle_since:
                await asyncio.sleep(GATHERING_SECONDS)
        finally:
            del self._pending[orgcode]
        began = monotonic()
        found = await self._units.view(event.call, has_open_channel)
        if found:
            self._idle_since.pop(orgcode, None)
            _keep(self._selling_until, orgcode, began + SELLING_SECONDS)
        else:
            _keep(self._idle_since, orgcode, began)
        return found


def _keep(times: OrderedDict[str, float], orgcode: str, at: float) -> None:
    """Keep the time of an org, and forget the one kept longest ago where there are too many."""
    times[orgcode] = at
    times.move_to_end(orgcode)
    if len(times) > ORGS_MAX:
        times.popitem(last=False)


async def org_sells(event: Event, orgs: SellingOrgs) -> bool:
    """Whether the event's org has an open channel; others need nothing of it. What OPS says concerns all orgs."""
    return event.type.startswith("ops.") or await orgs.sells(event)


@resource
async def selling_orgs(units: Units) -> AsyncIterator[SellingOrgs]:
    """Which orgs have an open channel."""
    yield SellingOrgs(units)
