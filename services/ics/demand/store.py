"""Storage of demand signals and of the daily counters they are computed from.

The transaction of a shipment also updates its counter: one record per variant, facility, channel and month. A signal
therefore reads a few records, instead of all entries of 90 days. The counters add no write conflicts, because the
transaction already writes the item of that facility.
"""

from collections.abc import Iterable, Mapping

from chassis.clock import Date, day_of
from chassis.entity import HUB, Entity, edge, index, unique
from chassis.finder import found_by
from chassis.page import Page, Paged
from chassis.unit import Change, View, Where, between
from services.ics.demand.domain import MONTH_DAYS, DemandSignal, ShippedMonth, month_of, months_until, with_shipped
from services.ics.filters import split
from services.ics.ledger.audit_counters import Counted, register
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.store import item_of, items_of_variant

SIGNALS = Entity(
    "demand_signal",
    DemandSignal,
    collection="demand_signals",
    id="signal_id",
    shard_key=("orgcode", "variant_id"),
    keys=("ORG#{orgcode}", "SIGNAL#{signal_id}"),
    indexes=[
        unique("variant_id", "logical_key", "channel_key", name="scope", refusal="the scope has a signal"),
        index("signal_id"),
        index("variant_id", "signal_id"),
        index("logical_key", "signal_id"),
        index("channel_key", "signal_id"),
        index("trend", "signal_id"),
    ],
    edges=[
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("on", to="channel_code", by="channel_code", service=HUB),
    ],
    derived={
        "logical_key": lambda signal: signal.logical_guid or "",
        "channel_key": lambda signal: signal.channel_code or "",
    },
    finders={"logical_guid": found_by(logical_key="{value}"), "channel_code": found_by(channel_key="{value}")},
    label="{variant_id} until {as_of_date} @ {logical_guid} {channel_code}",
)

SHIPPED = Entity(
    "shipped_month",
    ShippedMonth,
    collection="shipped_months",
    id="shipped_id",
    shard_key=("orgcode", "variant_id"),
    indexes=[index("variant_id", "month")],
    history=False,
    technical=True,
)

_LEADS = (("variant_id",), ("logical_key",), ("channel_key",), ("trend",), ())


async def note_shipped(change: Change, entries: Iterable[StockCardEntry]) -> None:
    """Add the units these entries shipped to the counters, in the same transaction as the entries. By id."""
    orgcode = change.call.orgcode
    units: dict[tuple[str, str, str, Date], int] = {}
    for entry in entries:
        if entry.kind == "ship" and entry.from_account.logical_guid is not None:
            key = (
                entry.variant_id,
                entry.from_account.logical_guid,
                entry.channel_code or "",
                day_of(entry.recorded_utc),
            )
            units[key] = units.get(key, 0) + entry.quantity
    for (variant_id, facility, channel, day), quantity in units.items():
        shipped_id = shipped_id_of(orgcode, variant_id, facility, channel, month_of(day))
        known = await change.get(SHIPPED, shipped_id)
        if known is None:
            fresh = ShippedMonth(
                shipped_id=shipped_id,
                orgcode=orgcode,
                variant_id=variant_id,
                logical_guid=facility,
                channel_code=channel,
                month=month_of(day),
                days=[0] * MONTH_DAYS,
            )
            await change.insert(SHIPPED, with_shipped(fresh, day, quantity))
        else:
            await change.update(SHIPPED, with_shipped(known, day, quantity))


def prefetch_shipped(change: Change, variant_id: str, facility: str, channel: str) -> None:
    """Prefetch today's counter, so it is loaded together with the other reads of a shipment."""
    month = month_of(day_of(change.now))
    change.prefetch(SHIPPED, [shipped_id_of(change.call.orgcode, variant_id, facility, channel, month)])


def shipped_id_of(orgcode: str, variant_id: str, facility: str, channel: str, month: str) -> str:
    """The id of a month's counters, so they are read by id."""
    return f"{orgcode}/{facility}/{variant_id}/{channel}/{month}"


async def shipped_until(
    view: View, variant_id: str, as_of: Date, logical_guid: str | None, channel_code: str | None
) -> list[ShippedMonth]:
    """The counters of the longest window that ends with `as_of`: at most four per facility and channel. A scope of None
    means all facilities or channels. Index: variant_id, month.
    """
    first, last = months_until(as_of)
    scope = {"logical_guid": logical_guid, "channel_code": channel_code}
    rest = {name: value for name, value in scope.items() if value is not None}
    return await _months(view, {"variant_id": variant_id, "month": between(at_least=first, at_most=last)}, rest)


async def _months(view: View, where: Where, rest: Where) -> list[ShippedMonth]:
    """Index: variant_id, month."""
    return await view.find_all(SHIPPED, where, order=("month",), rest=rest)


def _counts(entry: StockCardEntry, _: str) -> list[tuple[str, int]]:
    """The units an entry adds to the counters, by day and channel."""
    if entry.kind != "ship":
        return []
    return [(_day_key(day_of(entry.recorded_utc), entry.channel_code or ""), entry.quantity)]


async def _counted(view: View, item: Item) -> dict[str, int]:
    """The shipped units of an item in the counters, by day and channel. Index: variant_id, month."""
    months = await _months(view, {"variant_id": item.variant_id}, {"logical_guid": item.logical_guid})
    return {
        _day_key(f"{each.month}-{day:02}", each.channel_code): units
        for each in months
        for day, units in enumerate(each.days, 1)
        if units
    }


def _day_key(day: str, channel: str) -> str:
    return f"on {day} by {channel}"


register(Counted("shipped", _counts, _counted))


async def available_in(view: View, variant_id: str, logical_guid: str | None) -> int:
    """Units of a variant available now, in one facility (read by id) or in all (None; index: spots)."""
    if logical_guid is not None:
        return (await item_of(view, logical_guid, variant_id)).available
    return sum(item.available for item in await items_of_variant(view, variant_id))


async def signal_of(
    view: View, variant_id: str, logical_guid: str | None, channel_code: str | None
) -> DemandSignal | None:
    """The signal of exactly this scope, or None. Index: scope."""
    return await view.lookup(SIGNALS, "scope", variant_id, logical_guid or "", channel_code or "")


async def list_signals(view: View, wanted: Mapping[str, str | None], page: Paged) -> Page[DemandSignal]:
    """A page of signals, newest first. Index: the first of `_LEADS` that the filters cover."""
    where, rest = split(wanted, _LEADS)
    return await view.page(SIGNALS, where, page=page, rest=rest)
