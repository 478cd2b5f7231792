"""The record of one order: what the shop shows of it, what is ignored, and how it stands."""

from collections.abc import Sequence

from msgspec.structs import replace

from chassis.clock import to_millis
from chassis.unit import Change
from services.slc.audit.store import record
from services.slc.inbound.fencing import Fenced
from services.slc.inbound.ics import PostingRefused
from services.slc.inbound.planning import state_of
from services.slc.inbound.reading import Booking, Recorded, line_of
from services.slc.inbound.wanted import ShownOrder, WantedLine, moment
from services.slc.order.domain import StoredLine, StoredOrder, order_row_id
from services.slc.order.store import ORDERS
from services.slc.words import SyncError, SyncErrorCode, clipped


class OrderRecorder:
    """Keeps the record of one order of one channel."""

    def __init__(self, run: Fenced, booking: Booking) -> None:
        self._run = run
        self._channel = booking.channel
        self._order_id = booking.order_id

    async def store(
        self, shown: ShownOrder, wanted: Sequence[WantedLine], before: Recorded, *, is_early: bool, lifted: bool
    ) -> None:
        """Record the order as the shop shows it."""

        async def write(change: Change) -> None:
            known = await change.get(ORDERS, order_row_id(self._channel.channel_id, self._order_id))
            lines = [self._shown_line(each, line_of(known, each.line_id), before, is_early) for each in wanted]
            order = shown.order
            after = StoredOrder(
                row_id=order_row_id(self._channel.channel_id, self._order_id),
                orgcode=known.orgcode if known else "",
                channel_id=self._channel.channel_id,
                shopify_order_id=self._order_id,
                order_name=order.name[:128] or "-",
                state=known.state if known else "partial",
                financial_status=order.financial_status,
                created_utc=moment(order.created_at),
                cancelled_utc=moment(order.cancelled_at) if order.cancelled_at else None,
                recorded_utc=known.recorded_utc if known else change.now,
                recorded_rank=known.recorded_rank if known else -to_millis(change.now),
                reconciled_utc=change.now,
                lines=lines,
                seen_updated=order.updated_at,
                before_activation=lifted,
            )
            await (change.insert if known is None else change.update)(ORDERS, after)
            await self._audit_ignored(change, known, after)
            await self._audit_kept(change, known, after, wanted)

        await self._run.change(write)

    def _shown_line(self, wanted: WantedLine, known: StoredLine | None, before: Recorded, is_early: bool) -> StoredLine:
        row = before.rows.get(wanted.shopify_variant_id or "")
        is_ignored = is_early or row is None
        return StoredLine(
            line_id=wanted.line_id,
            shopify_variant_id=wanted.shopify_variant_id,
            variant_id=row.variant_id if row else None,
            sku=(wanted.sku or "")[:64].strip() or None,
            quantity=wanted.quantity,
            held=0 if is_ignored else wanted.units_held,
            awaiting=known.awaiting if known else 0,
            committed=known.committed if known else 0,
            returned=known.returned if known else 0,
            oversold=known.oversold if known else 0,
            fulfilled=known.fulfilled if known else 0,
            places=known.places if known else [],
            next_n=known.next_n if known else 1,
            noted=sorted({*(known.noted if known else []), *wanted.not_restocked}),
            ignored=is_ignored,
        )

    async def _audit_ignored(self, change: Change, known: StoredOrder | None, after: StoredOrder) -> None:
        was = {line.line_id for line in known.lines if line.ignored} if known else set()
        for line in after.lines:
            if line.ignored and line.line_id not in was:
                await record(
                    change,
                    self._channel,
                    "order.ignored",
                    cause="order",
                    outcome="recorded",
                    variant_id=line.variant_id,
                    sku=line.sku,
                    shopify_variant_id=line.shopify_variant_id,
                    shopify_order_id=self._order_id,
                )

    async def _audit_kept(
        self, change: Change, known: StoredOrder | None, after: StoredOrder, wanted: Sequence[WantedLine]
    ) -> None:
        """Units refunded without restock stay committed: a person decides about them."""
        for line, each in zip(after.lines, wanted, strict=True):
            before = line_of(known, line.line_id)
            if line.ignored or not set(each.not_restocked) - set(before.noted if before else []):
                continue
            await record(
                change,
                self._channel,
                "order.released",
                cause="order",
                outcome="recorded",
                variant_id=line.variant_id,
                sku=line.sku,
                shopify_variant_id=line.shopify_variant_id,
                shopify_order_id=self._order_id,
            )

    async def finish(self, problem: PostingRefused | None) -> StoredOrder:
        """Say how the order stands once everything is done that can be; the record after."""

        async def write(change: Change) -> StoredOrder:
            order = await change.get(ORDERS, order_row_id(self._channel.channel_id, self._order_id))
            assert order is not None, self._order_id
            error = None
            if problem is not None:
                error = SyncError(code="refused", message=clipped(problem.message), at_utc=change.now, attempts=1)
            ignored = {line.line_id: line.ignored for line in order.lines}
            state = state_of(order.lines, is_failed=problem is not None, is_open=False, ignored=ignored)
            return await change.update(ORDERS, replace(order, state=state, last_error=error))

        return await self._run.change(write)

    async def failed(self, code: SyncErrorCode, message: str) -> None:
        """Note that an order could not be read or posted; an order that was never recorded has no record to say so."""

        async def write(change: Change) -> None:
            order = await change.get(ORDERS, order_row_id(self._channel.channel_id, self._order_id))
            if order is not None:
                error = SyncError(code=code, message=clipped(message), at_utc=change.now, attempts=1)
                await change.update(ORDERS, replace(order, state="failed", last_error=error))

        await self._run.change(write)
