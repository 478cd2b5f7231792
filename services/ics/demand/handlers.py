"""The demand signal endpoints. The contract's ics.yaml specifies each of them."""

from collections.abc import Sequence

from chassis.clock import day_of, days_after
from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.errors import NotFound, invalid_field
from chassis.page import PageRequest
from chassis.unit import Change, View
from chassis.values import Code, Date, Guid, Id
from services.ics.demand.domain import DemandSignal, Trend, computed, daily
from services.ics.demand.store import SIGNALS, available_in, list_signals, shipped_until, signal_of
from services.ics.words import PLANNER, READ

endpoints = Endpoints("ics", "/demand/signal")


class DemandSignalEnvelope(Answer):
    signal: DemandSignal


class DemandSignalGetRequest(Request):
    signal_id: Id | None = None
    variant_id: Guid | None = None
    logical_guid: Guid | None = None
    channel_code: Code | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        # Facility and channel are not checked: they may come from headers, which any call may carry.
        if self.signal_id is not None and self.variant_id is not None:
            return [("variant_id", "goes without signal_id")]
        if self.signal_id is None and self.variant_id is None:
            return [("signal_id", "is required, or variant_id and its scope")]
        return ()


@endpoints.post("/get", roles=READ)
async def ics_demand_signal_get(view: View, body: DemandSignalGetRequest) -> DemandSignalEnvelope:
    """Show a signal, by its id or by its exact scope."""
    if body.variant_id is None:
        return DemandSignalEnvelope(signal=await view.load(SIGNALS, body.signal_id or ""))
    signal = await signal_of(view, body.variant_id, body.logical_guid, body.channel_code)
    if signal is None:
        raise NotFound("there is no such demand signal")
    return DemandSignalEnvelope(signal=signal)


class DemandSignalListRequest(Request, PageRequest):
    variant_id: Guid | None = None
    logical_guid: Guid | None = None
    channel_code: Code | None = None
    trend: Trend | None = None


class DemandSignalListEnvelope(Listed[DemandSignal]):
    """One page of demand signals."""


@endpoints.post("/list", roles=READ)
async def ics_demand_signal_list(view: View, body: DemandSignalListRequest) -> DemandSignalListEnvelope:
    """List demand signals, newest first."""
    wanted = {
        "variant_id": body.variant_id,
        "logical_key": body.logical_guid,
        "channel_key": body.channel_code,
        "trend": body.trend,
    }
    page = await list_signals(view, wanted, body)
    return DemandSignalListEnvelope.of(page)


class DemandSignalComputeRequest(Request):
    variant_id: Guid
    logical_guid: Guid | None = None
    channel_code: Code | None = None
    as_of_date: Date | None = None


@endpoints.post("/compute", roles=PLANNER, emits=["ics.demand_signal.computed"])
async def ics_demand_signal_compute(change: Change, body: DemandSignalComputeRequest) -> DemandSignalEnvelope:
    """Compute the demand signal of a variant in a scope, replacing the previous one."""
    today = day_of(change.now)
    as_of = body.as_of_date or days_after(today, -1)
    if as_of > today:
        raise invalid_field("as_of_date", "is after today")
    scope = (body.variant_id, body.logical_guid, body.channel_code)
    known = await signal_of(change, *scope)
    months = await shipped_until(change, body.variant_id, as_of, body.logical_guid, body.channel_code)
    available = await available_in(change, body.variant_id, body.logical_guid)
    fresh = DemandSignal(
        signal_id=change.new_id(),
        variant_id=body.variant_id,
        logical_guid=body.logical_guid,
        channel_code=body.channel_code,
        as_of_date=as_of,
        windows=[],
        available=0,
        days_of_cover=None,
        trend="none",
        computed_utc=change.now,
    )
    signal = computed(known or fresh, daily(months, as_of), available, as_of, change.now)
    signal = await (change.insert(SIGNALS, signal) if known is None else change.update(SIGNALS, signal))
    change.emit("ics.demand_signal.computed", signal.signal_id, signal=signal)
    return DemandSignalEnvelope(signal=signal)
