"""Telling the shop of an order what left for the customer. It can be cut off anywhere and run again."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from chassis.unit import Change, View
from services.slc.audit.domain import Outcome
from services.slc.audit.store import record
from services.slc.channel.domain import StoredChannel
from services.slc.counters.store import count
from services.slc.fulfilment.domain import (
    Fulfillable,
    Group,
    Shipment,
    ShipmentLine,
    fulfillable,
    units_of,
    was_executed,
)
from services.slc.fulfilment.store import SHIPMENTS, shipments_of
from services.slc.inbound.fencing import Fenced
from services.slc.order.domain import Posting, order_row_id
from services.slc.order.store import ORDERS, postings_of
from services.slc.shopify.errors import ShopRefused
from services.slc.shopify.port import Shop
from services.slc.variant.domain import row_id_of
from services.slc.variant.store import VARIANTS
from services.slc.words import SyncError, clipped


class Fulfiller:
    """Pushes the shipments of one order of one channel."""

    def __init__(self, run: Fenced, channel: StoredChannel, order_id: str, shop: Shop) -> None:
        self._run = run
        self._channel = channel
        self._order_id = order_id
        self._shop = shop

    async def push(self) -> None:
        """Push what left and the shop was not told of. Raises `ShopFailed`: what is open stays so then."""
        config = self._channel.config
        if not config.fulfilment_push or config.shadow or self._channel.state != "active":
            return
        shipments, postings = await self._run.view(self._read)
        if not shipments:
            return
        for group in _by_push(shipments):
            await self._finish(group)
        waiting = [each for each in shipments if each.state == "waiting"]
        if not waiting:
            return
        for key, group in _together(waiting, self._locations(postings)).items():
            opened = await self._open(key, group)
            if opened:
                await self._send(opened)

    async def _read(self, view: View) -> tuple[list[Shipment], list[Posting]]:
        shipments = await shipments_of(view, self._channel.channel_id, self._order_id)
        postings = await postings_of(view, self._channel.channel_id, self._order_id)
        return [each for each in shipments if each.state != "pushed"], postings

    def _locations(self, postings: Sequence[Posting]) -> dict[str, str]:
        """Commit -> the location that it was posted for."""
        return {each.commit_id: each.location_id for each in postings if each.kind == "commit" and each.commit_id}

    async def _finish(self, opened: Sequence[Shipment]) -> None:
        """A call was stored and its answer was not: it is made again unless the shop has executed it."""
        placement = await self._shop.orders.placement(self._order_id)
        if not was_executed(opened, placement):
            await self._send(opened)
            return
        made = await self._shop.orders.latest_fulfilment(self._order_id)
        await self._run.change(self._pushed(opened, made.id if made is not None else None))

    async def _open(self, key: Group, group: Sequence[Shipment]) -> list[Shipment]:
        """Store what is to be pushed of these shipments; what cannot be now is noted."""
        placement = await self._shop.orders.placement(self._order_id)
        taken: dict[str, int] = defaultdict(int)
        found: list[tuple[Shipment, Fulfillable]] = []
        for each in group:
            units = fulfillable(each, key.location_id, placement, taken)
            for line in units.lines:
                taken[line.fulfilment_line_id] += line.quantity
            found.append((each, units))

        async def write(change: Change) -> list[Shipment]:
            push_id = change.new_id()
            return [
                opened
                for shipment, units in found
                if (opened := await self._store(change, shipment, units, push_id)) is not None
            ]

        return await self._run.change(write)

    async def _store(self, change: Change, shipment: Shipment, units: Fulfillable, push_id: str) -> Shipment | None:
        """Store one shipment as intended; None if nothing of it is pushed now."""
        error = None
        if units.by_hand:
            await self._audit(change, shipment, "recorded")
        if units.waiting:
            message = "units are on hold, scheduled or at another location"
            error = SyncError(code="refused", message=message, at_utc=change.now, attempts=1)
            if shipment.error is None:
                await self._audit(change, shipment, "refused", error=error)
        after = replace(shipment, left=shipment.left - units.by_hand, lines=list(units.lines), error=error)
        if units.lines:
            after = replace(after, state="open", push_id=push_id)
        elif not after.left:
            after = replace(after, state="pushed")
        stored = await change.update(SHIPMENTS, after) if after != shipment else after
        return stored if units.lines else None

    async def _send(self, opened: Sequence[Shipment]) -> None:
        first = opened[0]
        try:
            made = await self._shop.orders.fulfil(units_of(opened), first.carrier, first.tracking_ref)
        except ShopRefused as refused:
            await self._run.change(self._refused(opened, str(refused)))
            return
        await self._run.change(self._pushed(opened, made.id))

    def _refused(self, opened: Sequence[Shipment], message: str) -> Any:
        async def write(change: Change) -> None:
            error = SyncError(code="refused", message=clipped(message), at_utc=change.now, attempts=1)
            for each in opened:
                await change.update(SHIPMENTS, replace(each, state="waiting", push_id=None, lines=[], error=error))
                await self._audit(change, each, "refused", error=error)

        return write

    def _pushed(self, opened: Sequence[Shipment], fulfilment_id: str | None) -> Any:
        """The change that stores an executed call: shipments, lines of the order, audit, statistics, event."""

        async def write(change: Change) -> None:
            now = await change.get_many(SHIPMENTS, [each.row_id for each in opened])
            stored = [each for each in now.values() if each.state == "open" and each.push_id == opened[0].push_id]
            order = await change.get(ORDERS, order_row_id(self._channel.channel_id, self._order_id))
            if not stored or order is None:
                return
            by_line: dict[str, int] = defaultdict(int)
            for each in stored:
                units = _units(each.lines)
                by_line[each.line_id] += units
                left = each.left - units
                state: Any = "waiting" if left else "pushed"
                after = replace(each, left=left, state=state, push_id=None, lines=[])
                await change.update(SHIPMENTS, after)
                await self._audit(change, each, "done")
            lines = [
                replace(line, fulfilled=line.fulfilled + by_line[line.line_id]) if line.line_id in by_line else line
                for line in order.lines
            ]
            await change.update(ORDERS, replace(order, lines=lines))
            await count(change, self._channel.channel_id, units_fulfilled=sum(by_line.values()))
            if fulfilment_id is not None:
                self._tell(change, stored, fulfilment_id)

        return write

    def _tell(self, change: Change, stored: Sequence[Shipment], fulfilment_id: str) -> None:
        first = stored[0]
        lines = [
            {"variant_id": each.variant_id, "logical_guid": each.logical_guid, "quantity": _units(each.lines)}
            for each in stored
        ]
        tracking = {
            name: value
            for name, value in (("carrier", first.carrier), ("tracking_ref", first.tracking_ref))
            if value is not None
        }
        change.emit(
            "slc.order.fulfilled",
            self._order_id,
            revision=self._channel.revision,
            channel_id=self._channel.channel_id,
            shopify_order_id=self._order_id,
            fulfillment_id=fulfilment_id,
            lines=lines,
            **tracking,
        )

    async def _audit(self, change: Change, shipment: Shipment, outcome: Outcome, **fields: Any) -> None:
        row = await change.get(VARIANTS, row_id_of(self._channel.channel_id, shipment.variant_id))
        await record(
            change,
            self._channel,
            "order.fulfilled",
            cause="order",
            outcome=outcome,
            row=row,
            logical_guid=shipment.logical_guid,
            shopify_order_id=self._order_id,
            variant_id=shipment.variant_id,
            **fields,
        )


def _units(lines: Sequence[ShipmentLine]) -> int:
    return sum(line.quantity for line in lines)


def _by_push(shipments: Sequence[Shipment]) -> list[list[Shipment]]:
    """Open shipments, those of one call together."""
    found: dict[str, list[Shipment]] = defaultdict(list)
    for each in shipments:
        if each.state == "open" and each.push_id:
            found[each.push_id].append(each)
    return list(found.values())


def _together(waiting: Sequence[Shipment], locations: dict[str, str]) -> dict[Group, list[Shipment]]:
    """Shipments with equal carrier, reference and location: each group is one call."""
    found: dict[Group, list[Shipment]] = defaultdict(list)
    for each in waiting:
        if (location_id := locations.get(each.commit_id)) is not None:
            key = Group(carrier=each.carrier, tracking_ref=each.tracking_ref, location_id=location_id)
            found[key].append(each)
    return found
