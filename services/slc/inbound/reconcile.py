"""Bringing ICS to what one order says. It can be cut off anywhere and run again: what is posted is not posted twice."""

from collections.abc import Sequence

from msgspec.structs import replace

from chassis.clock import Utc
from services.slc.channel.domain import StoredChannel
from services.slc.inbound.fencing import Fenced
from services.slc.inbound.ics import Posted, PostingRefused, Stock
from services.slc.inbound.order_recording import OrderRecorder
from services.slc.inbound.planning import Step, next_step, posted_units
from services.slc.inbound.posting import Intention, Poster
from services.slc.inbound.reading import Booking, Recorded, line_of, read_order, recorded, recorded_line
from services.slc.inbound.wanted import ShownOrder, WantedLine, moment, wanted_lines
from services.slc.order.domain import Posting, StoredLine, StoredOrder
from services.slc.shopify.port import Shop

STEPS_MAX = 300
"""Steps for one line in one reconcile; more are made by the next one."""

SPLITS_MAX = 3


class Reconciler:
    """Reconciles one order of one channel."""

    def __init__(self, run: Fenced, stock: Stock, channel: StoredChannel, order_id: str) -> None:
        self._run = run
        self._stock = stock
        self._channel = channel
        self._booking = Booking(channel=channel, order_id=order_id)
        self._poster = Poster(run, stock, self._booking)
        self.record = OrderRecorder(run, self._booking)

    async def run(self, shop: Shop, *, lift: bool) -> StoredOrder | None:
        """Reconcile it; the record after, None if the shop does not show the order.

        `lift` books an order from before the first activation, now and later. Raises `ShopFailed`, and retryable
        `Refusal`s of ICS.
        """
        await self._settle_open()
        shown = await read_order(shop, self._booking.order_id)
        if shown is None:
            return None
        before = await self._recorded(shown)
        lifted = lift or (before.order is not None and before.order.before_activation)
        posted = {
            line.line_id: posted_units(line_of(before.order, line.line_id), _of_line(before.postings, line.line_id))
            for line in shown.order.lines
        }
        wanted = wanted_lines(shown, self._channel, posted)
        is_early = not lifted and is_before(moment(shown.order.created_at), self._channel.activated_utc)
        await self.record.store(shown, wanted, before, is_early=is_early, lifted=lifted)
        problem: PostingRefused | None = None
        if not is_early:
            for each in wanted:
                row = before.rows.get(each.shopify_variant_id or "")
                if row is not None:
                    problem = await self._line(each, row.variant_id) or problem
        return await self.record.finish(problem)

    async def _settle_open(self) -> None:
        known = await self._recorded(None)
        for posting in known.postings:
            if posting.state == "open":
                await self._poster.settle(posting)

    async def _recorded(self, shown: ShownOrder | None) -> Recorded:
        return await recorded(self._run, self._booking, shown)

    async def _line(self, wanted: WantedLine, variant_id: str) -> PostingRefused | None:
        """Do what is to be done for a line; why ICS refused, if for another reason than stock."""
        for _ in range(STEPS_MAX):
            line, postings = await recorded_line(self._run, self._booking, wanted.line_id)
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
                there = await self._stock.promisable(self._run.call, variant_id, facility, self._channel.channel_code)
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


def is_before(created_utc: Utc, activated_utc: str | None) -> bool:
    """Whether an order was placed before the first activation. The shop tells whole seconds, so the same one counts as
    after."""
    return activated_utc is None or created_utc < f"{activated_utc[:19]}.000Z"


def _of_line(postings: Sequence[Posting], line_id: str) -> list[Posting]:
    return [posting for posting in postings if posting.line_id == line_id]
