"""Bringing ICS to what one order says. It can be cut off anywhere and run again: what is posted is not posted twice."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc, to_millis
from chassis.unit import Change, Units
from services.slc.audit.store import record
from services.slc.channel.domain import StoredChannel
from services.slc.inbound.ics import Posted, PostingRefused, Stock
from services.slc.inbound.planning import Step, next_step, posted_units, state_of
from services.slc.inbound.posting import Booking, Intention, Poster
from services.slc.inbound.reading import Recorded, read_order, recorded
from services.slc.inbound.wanted import ShownOrder, WantedLine, moment, wanted_lines
from services.slc.order.domain import Posting, StoredLine, StoredOrder, order_row_id
from services.slc.order.store import ORDERS
from services.slc.shopify.port import Shop
from services.slc.words import SyncError, SyncErrorCode, clipped

STEPS_MAX = 300
"""Steps for one line in one reconcile; more are made by the next one."""

SPLITS_MAX = 3


class Reconciler:
    """Reconciles one order of one channel."""

    def __init__(self, units: Units, stock: Stock, call: Call, channel: StoredChannel, order_id: str) -> None:
        self._units = units
        self._stock = stock
        self._call = call
        self._channel = channel
        self._order_id = order_id
        self._poster = Poster(units, stock, Booking(channel=channel, order_id=order_id, call=call))

    async def run(self, shop: Shop, *, lift: bool) -> StoredOrder | None:
        """Reconcile it; the record after, None if the shop does not show the order.

        `lift` books an order from before the first activation, now and later. Raises `ShopFailed`, and retryable
        `Refusal`s of ICS.
        """
        await self._settle_open()
        shown = await read_order(shop, self._order_id)
        if shown is None:
            return None
        before = await self._recorded(shown)
        lifted = lift or (before.order is not None and before.order.before_activation)
        posted = {
            line.line_id: posted_units(_line_of(before.order, line.line_id), _of_line(before.postings, line.line_id))
            for line in shown.order.lines
        }
        wanted = wanted_lines(shown, self._channel, posted)
        is_early = not lifted and is_before(moment(shown.order.created_at), self._channel.activated_utc)
        await self._units.change(self._call, self._record(shown, wanted, before, is_early=is_early, lifted=lifted))
        problem: PostingRefused | None = None
        if not is_early:
            for each in wanted:
                row = before.rows.get(each.shopify_variant_id or "")
                if row is not None:
                    problem = await self._line(shown, each, row.variant_id) or problem
        return await self._finish(problem)

    async def failed(self, code: SyncErrorCode, message: str) -> None:
        """Note that an order could not be read or posted; an order that was never recorded has no record to say so."""

        async def write(change: Change) -> None:
            order = await change.get(ORDERS, order_row_id(self._channel.channel_id, self._order_id))
            if order is not None:
                error = SyncError(code=code, message=clipped(message), at_utc=change.now, attempts=1)
                await change.update(ORDERS, replace(order, state="failed", last_error=error))

        await self._units.change(self._call, write)

    async def _settle_open(self) -> None:
        known = await self._recorded(None)
        for posting in known.postings:
            if posting.state == "open":
                await self._poster.settle(posting)

    async def _recorded(self, shown: ShownOrder | None) -> Recorded:
        return await recorded(self._units, self._call, self._channel, self._order_id, shown)

    async def _line(self, shown: ShownOrder, wanted: WantedLine, variant_id: str) -> PostingRefused | None:
        """Do what is to be done for a line; why ICS refused, if for another reason than stock."""
        for _ in range(STEPS_MAX):
            now = await self._recorded(shown)
            line, postings = _line_of(now.order, wanted.line_id), _of_line(now.postings, wanted.line_id)
            step = next_step(wanted, line, postings, self._channel.config.order_effect)
            if step is None:
                return await self._from_oversold(wanted, line, variant_id)
            problem = await self._do(wanted.line_id, variant_id, step)
            if problem is not None:
                return problem
        return None

    async def _do(self, line_id: str, variant_id: str, step: Step) -> PostingRefused | None:
        match step.kind:
            case "await":
                await self._poster.adjust(line_id, variant_id, step, awaiting=step.quantity)
            case "unawait":
                await self._poster.adjust(line_id, variant_id, step, awaiting=-step.quantity)
            case "unsell":
                await self._poster.adjust(line_id, variant_id, step, oversold=-step.quantity)
            case "commit":
                return await self._take(line_id, variant_id, step)
            case _:
                return await self._post(line_id, variant_id, step)
        return None

    async def _post(self, line_id: str, variant_id: str, step: Step) -> PostingRefused | None:
        """Release, ship or receive back. A refusal that says how to go on is no problem: the next step does so."""
        facility = step.commit.logical_guid if step.commit else self._facilities(step.location_id)[0]
        asked = Intention(
            step=step,
            line_id=line_id,
            variant_id=variant_id,
            quantity=step.quantity,
            moves=step.moves,
            logical_guid=facility,
        )
        answer = await self._poster.make(asked)
        if isinstance(answer, Posted) or answer.current_revision is not None:
            return None
        return None if answer.releasable is not None and step.kind == "release" else answer

    async def _take(self, line_id: str, variant_id: str, step: Step) -> PostingRefused | None:
        """Commit units at the facilities of a location; what none can promise is oversold."""
        left, moves = step.quantity, step.moves
        for facility in self._facilities(step.location_id):
            part = left
            for _ in range(SPLITS_MAX):
                asked = Intention(
                    step=step,
                    line_id=line_id,
                    variant_id=variant_id,
                    quantity=part,
                    moves=min(part, moves),
                    logical_guid=facility,
                )
                answer = await self._poster.make(asked)
                if isinstance(answer, Posted):
                    left, moves = left - part, moves - asked.moves
                    break
                if answer.available is None:
                    return answer
                if answer.available == 0:
                    break
                part = min(answer.available, left)
            if left == 0:
                return None
        oversold = replace(step, moves=moves)
        await self._poster.adjust(line_id, variant_id, oversold, oversold=left)
        return None

    async def _from_oversold(
        self, wanted: WantedLine, line: StoredLine | None, variant_id: str
    ) -> PostingRefused | None:
        """Commit oversold units as far as they can be promised now; the baseline has moved already."""
        for place in line.places if line else ():
            for facility in self._facilities(place.location_id) if place.oversold else ():
                there = await self._stock.promisable(self._call, variant_id, facility, self._channel.channel_code)
                units = min(there, place.oversold)
                if not units:
                    continue
                step = Step(
                    kind="commit",
                    location_id=place.location_id,
                    quantity=units,
                    moves=0,
                    happened_utc=wanted.created_utc,
                )
                asked = Intention(
                    step=step,
                    line_id=wanted.line_id,
                    variant_id=variant_id,
                    quantity=units,
                    moves=0,
                    logical_guid=facility,
                    from_oversold=True,
                )
                answer = await self._poster.make(asked)
                if isinstance(answer, PostingRefused) and answer.available is None:
                    return answer
                break
        return None

    def _facilities(self, location_id: str) -> list[str]:
        """Facilities whose stock is taken for a location; the primary where none is bound to it."""
        bound = self._channel.facilities_at(location_id)
        primary = self._channel.primary
        return bound or ([primary.logical_guid] if primary else [])

    def _record(
        self, shown: ShownOrder, wanted: Sequence[WantedLine], before: Recorded, *, is_early: bool, lifted: bool
    ) -> Any:
        """The change that records the order as the shop shows it."""

        async def write(change: Change) -> None:
            known = await change.get(ORDERS, order_row_id(self._channel.channel_id, self._order_id))
            lines = [self._shown_line(each, _line_of(known, each.line_id), before, is_early) for each in wanted]
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

        return write

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
            before = _line_of(known, line.line_id)
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

    async def _finish(self, problem: PostingRefused | None) -> StoredOrder:
        async def write(change: Change) -> StoredOrder:
            order = await change.get(ORDERS, order_row_id(self._channel.channel_id, self._order_id))
            assert order is not None, self._order_id
            error = None
            if problem is not None:
                error = SyncError(code="refused", message=clipped(problem.message), at_utc=change.now, attempts=1)
            ignored = {line.line_id: line.ignored for line in order.lines}
            state = state_of(order.lines, is_failed=problem is not None, is_open=False, ignored=ignored)
            return await change.update(ORDERS, replace(order, state=state, last_error=error))

        return await self._units.change(self._call, write)


def is_before(created_utc: Utc, activated_utc: str | None) -> bool:
    """Whether an order was placed before the first activation. The shop tells whole seconds, so the same one counts as
    after."""
    return activated_utc is None or created_utc < f"{activated_utc[:19]}.000Z"


def _line_of(order: StoredOrder | None, line_id: str) -> StoredLine | None:
    return next((line for line in order.lines if line.line_id == line_id), None) if order else None


def _of_line(postings: Sequence[Posting], line_id: str) -> list[Posting]:
    return [posting for posting in postings if posting.line_id == line_id]
