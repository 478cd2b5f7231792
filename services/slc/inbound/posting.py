"""Making one posting: stored as an intention, made in ICS, then confirmed or refused with everything that follows."""

from typing import Any

from msgspec.structs import replace

from chassis.entity import Value
from chassis.unit import Change
from services.slc.inbound.fencing import Fenced
from services.slc.inbound.ics import Posted, PostingRefused, Stock
from services.slc.inbound.moving import move_level
from services.slc.inbound.planning import Step, is_standing_in, revision_of, with_place
from services.slc.inbound.reading import Booking
from services.slc.inbound.telling import tell_confirmed, tell_oversold
from services.slc.order.domain import Posting, PostingKind, StoredLine, StoredOrder, order_row_id, posting_row_id
from services.slc.order.store import ORDERS, POSTINGS, postings_of_line
from services.slc.words import SyncError, clipped

POSTED: dict[str, PostingKind] = {"commit": "commit", "ship": "ship", "release": "release", "return": "return"}


class Intention(Value):
    """A posting to be stored: what, how much, where."""

    step: Step
    line_id: str
    variant_id: str
    quantity: int
    moves: int
    logical_guid: str
    from_oversold: bool = False


class Poster:
    """Makes postings of an order, one after the other."""

    def __init__(self, run: Fenced, stock: Stock, booking: Booking) -> None:
        self._run = run
        self._stock = stock
        self.booking = booking

    async def make(self, asked: Intention) -> Posted | PostingRefused:
        """Store an intention, make it in ICS, store the answer. Raises retryable `Refusal`s: it stays open then."""
        posting = await self._run.change(self._intend(asked))
        return await self.settle(posting)

    async def settle(self, posting: Posting) -> Posted | PostingRefused:
        """Make a stored posting in ICS and store the answer; a repetition gets the first answer again."""
        answer = await self._stock.post(self._run.call, posting, self.booking.channel.channel_code)
        await self._run.change(self._store(posting, answer))
        return answer

    async def adjust(self, line_id: str, variant_id: str, step: Step, *, oversold: int = 0, awaiting: int = 0) -> None:
        """Note units of a line that ICS refused, or that wait for payment; negative numbers take them back."""

        async def write(change: Change) -> None:
            order, line = await _line(change, self.booking, line_id)
            places = with_place(line, step.location_id, oversold=oversold, awaiting=awaiting)
            await _save_line(change, order, replace(line, places=places))
            is_taken = oversold + awaiting > 0
            row = await move_level(
                change,
                self.booking.channel,
                variant_id,
                step.location_id,
                units=step.moves if is_taken else -step.moves,
                happened_utc=step.happened_utc,
                oversold=oversold,
                awaiting=awaiting,
            )
            if oversold > 0:
                await tell_oversold(change, self.booking, row, variant_id, step.location_id, oversold)

        await self._run.change(write)

    def _intend(self, asked: Intention) -> Any:
        async def write(change: Change) -> Posting:
            order, line = await _line(change, self.booking, asked.line_id)
            step, commit = asked.step, asked.step.commit
            own = await postings_of_line(change, order.channel_id, order.shopify_order_id, asked.line_id)
            posting = Posting(
                row_id=posting_row_id(order.channel_id, order.shopify_order_id, asked.line_id, line.next_n),
                channel_id=order.channel_id,
                shopify_order_id=order.shopify_order_id,
                line_id=asked.line_id,
                variant_id=asked.variant_id,
                n=line.next_n,
                kind=POSTED[step.kind],
                quantity=asked.quantity,
                logical_guid=asked.logical_guid,
                location_id=step.location_id,
                state="open",
                commit_id=commit.commit_id if commit else None,
                commit_revision=revision_of(commit, own) if commit else None,
                source_ref=step.returned.refund_id if step.returned else None,
                refund_line_id=step.returned.refund_line_id if step.returned else None,
                happened_utc=step.happened_utc,
                moves=asked.moves,
                from_oversold=asked.from_oversold,
                stored_utc=change.now,
            )
            await _save_line(change, order, replace(line, next_n=line.next_n + 1))
            return await change.insert(POSTINGS, posting)

        return write

    def _store(self, posting: Posting, answer: Posted | PostingRefused) -> Any:
        async def write(change: Change) -> None:
            stored = await change.get(POSTINGS, posting.row_id)
            if stored is None or stored.state != "open":
                return
            if isinstance(answer, Posted):
                await self._confirm(change, stored, answer)
            else:
                await self._refuse(change, stored, answer)

        return write

    async def _confirm(self, change: Change, posting: Posting, answer: Posted) -> None:
        channel = self.booking.channel
        confirmed = replace(
            posting,
            state="confirmed",
            document_type=answer.document_type,
            document_id=answer.document_id,
            commit_id=answer.commit_id or posting.commit_id,
            commit_revision=answer.commit_revision or posting.commit_revision,
        )
        await change.update(POSTINGS, confirmed)
        order, line = await _line(change, self.booking, posting.line_id)
        is_first = not any(each.committed for each in order.lines) and posting.kind == "commit"
        await _save_line(change, order, _after(line, confirmed))
        is_taken = posting.kind == "commit"
        row = await move_level(
            change,
            channel,
            posting.variant_id,
            posting.location_id,
            units=posting.moves if is_taken else -posting.moves,
            happened_utc=posting.happened_utc,
            oversold=-posting.quantity if posting.from_oversold else 0,
        )
        await tell_confirmed(change, self.booking, confirmed, line, row, is_first=is_first)

    async def _refuse(self, change: Change, posting: Posting, answer: PostingRefused) -> None:
        error = SyncError(code="refused", message=clipped(answer.message), at_utc=change.now, attempts=1)
        refused = replace(
            posting,
            state="refused",
            error=error,
            commit_revision=answer.current_revision or posting.commit_revision,
            releasable=answer.releasable,
        )
        await change.update(POSTINGS, refused)


async def _line(change: Change, booking: Booking, line_id: str) -> tuple[StoredOrder, StoredLine]:
    order = await change.get(ORDERS, order_row_id(booking.channel.channel_id, booking.order_id))
    assert order is not None, booking.order_id
    return order, next(line for line in order.lines if line.line_id == line_id)


async def _save_line(change: Change, order: StoredOrder, line: StoredLine) -> None:
    line = replace(
        line,
        oversold=sum(place.oversold for place in line.places),
        awaiting=sum(place.awaiting for place in line.places),
    )
    lines = [line if each.line_id == line.line_id else each for each in order.lines]
    await change.update(ORDERS, replace(order, lines=lines))


def _after(line: StoredLine, posting: Posting) -> StoredLine:
    """A line after a confirmed posting."""
    places = line.places
    if posting.from_oversold:
        places = with_place(line, posting.location_id, oversold=-posting.quantity)
    match posting.kind:
        case "commit":
            return replace(line, committed=line.committed + posting.quantity, places=places)
        case "release":
            return replace(line, committed=max(0, line.committed - posting.quantity), places=places)
        case "return" if is_standing_in(posting):
            return replace(line, committed=max(0, line.committed - posting.quantity), places=places)
        case "return":
            return replace(line, returned=line.returned + posting.quantity, places=places)
        case _:
            return line
