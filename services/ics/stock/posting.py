"""A posting: everything one call changes in the ledger, from opening its items to emitting the changes.

    async with posting(change, "reservation", reservation_id) as p:
        item = await p.open(variant_id)
        reservation = reserve(p, item, ...)                 pure rules of the feature; they call `p.move`
        reservation = await change.insert(RESERVATIONS, reservation)
        change.emit("ics.reservation.created", reservation_id, reservation=reservation)
        return ReservationEnvelope(reservation=reservation, balances=p.balances)

When the block ends without an error the posting writes its entries, items, units in bins, the records of other holders,
serials and counters, and emits `ics.serial.registered` or `updated` and, last, `ics.stock.changed`. An error and a read
that is not loaded yet write nothing: the change is refused or run again, with a new posting.
"""

from collections.abc import Collection, Iterable, Mapping
from types import TracebackType
from typing import NamedTuple, Self

from chassis.clock import Utc
from chassis.repeated import loaded
from chassis.unit import Change
from services.ics.demand.store import note_shipped
from services.ics.ledger.balance import Balance, Item
from services.ics.ledger.draw import Pin
from services.ics.ledger.entry import Operation
from services.ics.ledger.expire import expire_overdue
from services.ics.ledger.held import take_up_holder, take_up_holders
from services.ics.ledger.holder import HOLDERS_MAX
from services.ics.ledger.naming import NamedUnit, SerialAccount
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.post import (
    emit_stock_changed,
    enqueue_fills,
    operation,
    take_up_waiting,
    write_ledger,
)
from services.ics.ledger.posting import Posting
from services.ics.ledger.store import item_of, items_of_many
from services.ics.serial.domain import lot_key
from services.ics.serial.ledger_lots import ledger_lots, stamp_first
from services.ics.serial.store import SERIALS
from services.ics.stock.arrivals import Arrivals
from services.ics.stock.serials import Serials
from services.ics.words import Bucket, DocumentType

HEAVY_ITEMS = 20
"""A call that opens more items than this commits in its own transaction, outside the shared batch."""


def posting(
    change: Change,
    document_type: DocumentType,
    document_id: str | None = None,
    *,
    channel_code: str | None = None,
    order_ref: str | None = None,
    reason: str | None = None,
    listed: bool = False,
) -> "LedgerPosting":
    """The posting of a call; use it with `async with`.

    document_id   the document of the entries; None: the operation is its own document
    channel_code  the channel of the entries; None: the call's
    order_ref     the order of the promise that is the document; None for other documents
    listed        the answer lists the entries: raises `InvalidState` if there are more than `ENTRIES_MAX`
    """
    document = _Document(document_type, document_id, channel_code, order_ref, reason)
    return LedgerPosting(change, document, listed)


class _Document(NamedTuple):
    """What the call's own operation is made of, see `posting`."""

    type: DocumentType
    id: str | None
    channel_code: str | None
    order_ref: str | None
    reason: str | None


class LedgerPosting(Posting):
    """A posting that reads and writes the database, see the module. Items are opened in the call's facility."""

    def __init__(
        self,
        change: Change,
        document: _Document,
        listed: bool,
    ) -> None:
        super().__init__(change.call.orgcode, change.now, change.new_id)
        self._change = change
        self._document = document
        self._listed = listed
        self.serials = Serials(change, self.carried)
        self.arrivals = Arrivals(change, self.serials, self.carried)
        self.closed = True

    async def __aenter__(self) -> Self:
        self.closed = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed = True
        if kind is None:
            await self._write()

    async def _write(self) -> None:
        change = self._change
        await write_ledger(change, self, listed=self._listed)
        await self.serials.keep(self.entries)
        await note_shipped(change, self.entries)
        self.arrivals.emit()
        self.serials.emit()
        await enqueue_fills(change, self)
        emit_stock_changed(change, self)

    @property
    def operation(self) -> Operation:
        """The current operation: the call's own, or that of an overdue promise while it is being expired. The call's
        own begins with its first entry, after those of expired promises."""
        if self._operation is None:
            document = self._document
            self._operation = operation(
                self._change,
                document.type,
                document.id,
                channel_code=document.channel_code,
                order_ref=document.order_ref,
                reason=document.reason,
            )
        return self._operation

    def units_at(self, item: OpenItem, account: SerialAccount, wanted: int) -> list[NamedUnit]:
        return loaded(self.serials.stored_at(item, account, wanted))

    @property
    def balances(self) -> list[Balance]:
        """The balances of the open items after the entries made so far."""
        return [item.balance() for item in self.open_items.values()]

    async def open(self, variant_id: str, lot_codes: Iterable[str] = (), *, fills: bool = True) -> OpenItem:
        """Open a variant in the call's facility. `lot_codes`: lots to load in addition to those of its positions.
        `fills` False: no units become available, so waiting promises are not read."""
        stored = await item_of(self._change, self._change.call.logical_guid, variant_id)
        brought = list(lot_codes)
        self._prefetch_lots(variant_id, brought)
        codes = stored.lot_codes.union(brought)
        lots = (await ledger_lots(self._change, [(variant_id, codes)])).get(variant_id, {}) if codes else {}
        await stamp_first(self._change, variant_id, codes)
        item = self.add(OpenItem(stored, lots))
        if fills:
            await take_up_waiting(self._change, self, item)
        return item

    async def open_many(
        self, variant_ids: Iterable[str], lot_codes: Mapping[str, Collection[str]] | None = None
    ) -> dict[str, OpenItem]:
        """Open several variants in the call's facility; returns them by variant. `lot_codes`: per variant, lots to load
        in addition to those of its positions."""
        facility = self._change.call.logical_guid
        items = await self.open_unfilled([(facility, variant_id) for variant_id in variant_ids], lot_codes)
        await self._change.together(take_up_waiting(self._change, self, item) for item in items.values())
        return {variant_id: item for (_, variant_id), item in items.items()}

    async def open_unfilled(
        self, keys: Iterable[tuple[str, str]], lot_codes: Mapping[str, Collection[str]] | None = None
    ) -> dict[tuple[str, str], OpenItem]:
        """Open items by (facility, variant) without their waiting promises, for calls that make no units available."""
        items = await items_of_many(self._change, dict.fromkeys(keys))
        beside = lot_codes or {}
        for variant_id, brought in beside.items():
            self._prefetch_lots(variant_id, brought)
        if len(items) > HEAVY_ITEMS:
            self._change.own_transaction()
        codes = [(each.variant_id, _codes(each, beside)) for each in items.values()]
        lots = await ledger_lots(self._change, codes)
        for variant_id, each in codes:
            await stamp_first(self._change, variant_id, each)
        return {key: self.add(OpenItem(item, lots.get(item.variant_id, {}))) for key, item in items.items()}

    def _prefetch_lots(self, variant_id: str, lot_codes: Iterable[str]) -> None:
        """Load the records of lots that the call names, together: arrivals ask for one after the other."""
        self._change.prefetch(SERIALS, [lot_key(variant_id, code) for code in lot_codes], by="number")

    async def take_up_holder(self, item: OpenItem, holder_id: str, bucket: Bucket) -> None:
        """Add one holder with units of the item in this bucket, so that its units can be moved."""
        await take_up_holder(self._change, self, item, holder_id, bucket)

    async def take_up_holders(
        self,
        item: OpenItem,
        buckets: Collection[Bucket],
        pin: Pin,
        units: int,
        *,
        holder_ids: Iterable[str] = (),
        newest_first: bool = False,
        all_staged: bool = False,
    ) -> None:
        """Add the holders that lose units if at most `units` of each of these buckets move from inside the pin, so that
        they can be moved; see `ledger.held.take_up_holders`."""
        keys = [key for key in item.positions if pin.holds(key)] if pin.exact is None else [pin.exact]
        await take_up_holders(
            self._change,
            self,
            item,
            buckets,
            keys,
            units,
            holder_ids=holder_ids,
            newest_first=newest_first,
            all_staged=all_staged,
        )

    async def expire_overdue(self, item: OpenItem, until: Utc | None = None, at_most: int = HOLDERS_MAX) -> bool:
        """Expire promises of the item that were overdue at `until` (None: now), before the call's own operation, at
        most `at_most`. Returns whether overdue promises are left."""
        return await expire_overdue(self._change, self, item, until, at_most)


def _codes(item: Item, beside: Mapping[str, Collection[str]]) -> Collection[str]:
    return item.lot_codes.union(beside.get(item.variant_id, ()))
