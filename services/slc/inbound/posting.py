"""Making one posting: stored as an intention, made in ICS, then confirmed or refused with everything that follows."""

from typing import Any

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc
from chassis.entity import Value
from chassis.unit import Change, Units
from services.slc.audit.domain import AuditKind, IcsDocument
from services.slc.audit.store import record
from services.slc.channel.domain import StoredChannel
from services.slc.counters.store import count
from services.slc.inbound.ics import Posted, PostingRefused, Stock
from services.slc.inbound.planning import Step, is_standing_in, revision_of, with_place
from services.slc.order.domain import Posting, PostingKind, StoredLine, StoredOrder, order_row_id, posting_row_id
from services.slc.order.store import ORDERS, POSTINGS, postings_of
from services.slc.variant.domain import StoredLevel, StoredVariant, row_id_of
from services.slc.variant.levels import booked, restocked
from services.slc.variant.store import VARIANTS, save_row
from services.slc.words import SyncError, clipped

POSTED: dict[str, PostingKind] = {"commit": "commit", "ship": "ship", "release": "release", "return": "return"}
AUDITED: dict[str, AuditKind] = {
    "commit": "order.committed",
    "release": "order.released",
    "ship": "order.shipped",
    "return": "order.restocked",
}


class Booking(Value):
    """One order of one channel that is being reconciled: who does it, and where ICS is."""

    channel: StoredChannel
    order_id: str
    call: Call


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

    def __init__(self, units: Units, stock: Stock, booking: Booking) -> None:
        self._units = units
        self._stock = stock
        self.booking = booking

    async def make(self, asked: Intention) -> Posted | PostingRefused:
        """Store an intention, make it in ICS, store the answer. Raises retryable `Refusal`s: it stays open then."""
        posting = await self._units.change(self.booking.call, self._intend(asked))
        return await self.settle(posting)

    async def settle(self, posting: Posting) -> Posted | PostingRefused:
        """Make a stored posting in ICS and store the answer; a repetition gets the first answer again."""
        answer = await self._stock.post(self.booking.call, posting, self.booking.channel.channel_code)
        await self._units.change(self.booking.call, self._store(posting, answer))
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
                await _tell_oversold(change, self.booking, row, variant_id, step.location_id, oversold)

        await self._units.change(self.booking.call, write)

    def _intend(self, asked: Intention) -> Any:
        async def write(change: Change) -> Posting:
            order, line = await _line(change, self.booking, asked.line_id)
            known = await postings_of(change, self.booking.channel.channel_id, self.booking.order_id)
            step, commit = asked.step, asked.step.commit
            own = [each for each in known if each.line_id == asked.line_id]
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
        document = IcsDocument(document_type=answer.document_type, document_id=answer.document_id)
        await record(
            change,
            channel,
            AUDITED[posting.kind],
            cause="order",
            outcome="partial" if is_standing_in(posting) else "done",
            row=row,
            documents=[document],
            variant_id=posting.variant_id,
            sku=line.sku,
            location_id=posting.location_id,
            logical_guid=posting.logical_guid,
            shopify_order_id=posting.shopify_order_id,
        )
        moved = {kind: posting.quantity if posting.kind == kind else 0 for kind in AUDITED}
        await count(
            change,
            channel.channel_id,
            orders_recorded=int(is_first),
            units_committed=moved["commit"],
            units_released=moved["release"],
            units_restocked=moved["return"],
        )
        _tell(change, channel, confirmed)

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


async def move_level(
    change: Change,
    channel: StoredChannel,
    variant_id: str,
    location_id: str,
    *,
    units: int,
    happened_utc: Utc,
    oversold: int = 0,
    awaiting: int = 0,
) -> StoredVariant | None:
    """Move the baseline of a level: `units` left the shop (negative: came back). The variant's row after.

    Levels exist at bound locations only; units oversold and awaiting are kept there for the target.
    """
    row = await change.get(VARIANTS, row_id_of(channel.channel_id, variant_id))
    if row is None:
        return None
    known = row.level_at(location_id)
    if known is None and location_id not in channel.locations():
        return row
    level = known or StoredLevel(location_id=location_id, unseen=0, oversold=0, awaiting=0, target=0)
    if units > 0:
        level = booked(level, units, happened_utc)
    elif units < 0:
        level = restocked(level, -units, happened_utc)
    level = replace(level, oversold=max(0, level.oversold + oversold), awaiting=max(0, level.awaiting + awaiting))
    others = [each for each in row.levels if each.location_id != location_id]
    place = row.levels.index(known) if known is not None else len(others)
    after = replace(row, levels=[*others[:place], level, *others[place:]])
    await save_row(change, row, after)
    return after


async def _tell_oversold(
    change: Change,
    booking: Booking,
    row: StoredVariant | None,
    variant_id: str,
    location_id: str,
    short: int,
) -> None:
    facilities = booking.channel.facilities_at(location_id)
    primary = booking.channel.primary
    facility = facilities[0] if facilities else primary.logical_guid if primary else ""
    await record(
        change,
        booking.channel,
        "order.oversold",
        cause="order",
        outcome="recorded",
        row=row,
        variant_id=variant_id,
        location_id=location_id,
        logical_guid=facility or None,
        shopify_order_id=booking.order_id,
    )
    await count(change, booking.channel.channel_id, units_oversold=short)
    change.emit(
        "slc.order.oversold",
        booking.order_id,
        revision=booking.channel.revision,
        channel_id=booking.channel.channel_id,
        shopify_order_id=booking.order_id,
        variant_id=variant_id,
        logical_guid=facility,
        short=short,
    )


def _tell(change: Change, channel: StoredChannel, posting: Posting) -> None:
    """The event of a confirmed posting."""
    line: dict[str, Any] = {
        "variant_id": posting.variant_id,
        "logical_guid": posting.logical_guid,
        "quantity": posting.quantity,
    }
    match posting.kind:
        case "commit" | "ship":
            event, line["kind"] = "slc.order.recorded", posting.kind
        case "release":
            event = "slc.order.released"
        case _:
            event = "slc.restock.recorded"
    change.emit(
        event,
        posting.shopify_order_id,
        revision=channel.revision,
        channel_id=channel.channel_id,
        shopify_order_id=posting.shopify_order_id,
        lines=[line],
    )
