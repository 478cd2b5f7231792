"""The posting of one call: its open items and the entries it makes. Pure; `post.py` stores it at the end.

Units are moved only by `move`. It numbers the entry, applies it to both sides and their holders, checks rules Z and G,
and fills the shortfall before it returns.
"""

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from chassis.clock import Date, Utc, day_of
from chassis.errors import InvalidState
from services.ics.ledger.balance import SHORTFALL, Landing, PositionKey
from services.ics.ledger.carried import CarriedSerials
from services.ics.ledger.entry import ENTRY_SERIALS_MAX, LEGAL, Operation, StockCardEntry, form_of
from services.ics.ledger.fill import plan_fill
from services.ics.ledger.holder import Holding, Part, Parts
from services.ics.ledger.leg import Leg, Side, account_of, balance_of, mark_serialised, share, variant_of
from services.ics.ledger.naming import NamedUnit, SerialAccount
from services.ics.ledger.open_item import OpenItem, position_field
from services.ics.words import Bucket, HolderType, InsufficientStock, Kind, Shortage

UNLIMITED: frozenset[Kind] = frozenset({"adjust", "count", "release", "expire", "repin"})
"""Kinds that record what is already true, so the capacity of bins does not limit them."""


class Posting:
    """The items, holders and entries of one call.

    carried       serials that the call names or moves
    bins          units added to each bin with a capacity (negative: taken)
    bins_limited  bins that must not exceed their capacity
    closed        whether further entries are rejected
    """

    def __init__(self, orgcode: str, now: Utc, new_id: Callable[[], str]) -> None:
        self.orgcode = orgcode
        self.now = now
        self.today: Date = day_of(now)
        self.new_id = new_id
        self.open_items: dict[tuple[str, str], OpenItem] = {}
        self.holdings: dict[tuple[str, str, str], Holding] = {}
        self.entries: list[StockCardEntry] = []
        self.capacities: dict[str, int] = {}
        self.bins: dict[str, int] = {}
        self.bins_limited: set[str] = set()
        self.closed = False
        self.carried = CarriedSerials()
        self._operation: Operation | None = None

    @property
    def operation(self) -> Operation:
        """The operation of the entries being made."""
        assert self._operation is not None, "begin an operation first"
        return self._operation

    def begin(self, operation: Operation) -> Operation:
        """Start an operation; entries made from now on belong to it."""
        self._operation = operation
        return operation

    def end(self) -> None:
        """End the operation; the next one must begin before the next entry."""
        self._operation = None

    def add(self, item: OpenItem) -> OpenItem:
        """Add an open item to the posting."""
        self.open_items[item.logical_guid, item.variant_id] = item
        return item

    def hold(self, item: OpenItem, holder_type: HolderType, holder_id: str, parts: Parts | None = None) -> Holding:
        """Add a holder with its parts of the item, and return its holding; an existing one is unchanged."""
        key = (item.logical_guid, item.variant_id, holder_id)
        known = self.holdings.get(key)
        if known is None:
            known = self.holdings[key] = Holding(holder_type, holder_id, item, parts)
        return known

    def own(self, item: OpenItem, holder_type: HolderType, holder_id: str, parts: Parts | None = None) -> Holding:
        """Add a holder whose record the call stores itself."""
        holding = self.hold(item, holder_type, holder_id, parts)
        holding.own = True
        return holding

    def holders_in(self, item: OpenItem, bucket: Bucket) -> list[Holding]:
        """The holdings of the posting with units in a bucket of this item, oldest first."""
        found = (each for each in self.holdings.values() if each.item is item and each.bucket == bucket)
        return sorted(found, key=lambda each: each.id)

    def land(self, item: OpenItem, place: Landing, lot_code: str | None) -> PositionKey:
        """The key of the position where units are put; also records the capacity of its bin, and counts the units of a
        position that a call under way put there while the bin got its capacity."""
        key = item.land(place, lot_code)
        if place.bin_id is not None and place.capacity is not None:
            self.capacities[place.bin_id] = place.capacity
            known = item.position(key)
            if not known.capped:
                item.positions[key] = replace(known, capped=True)
                self.bins[place.bin_id] = self.bins.get(place.bin_id, 0) + known.on_hand
        return key

    def move(
        self,
        kind: Kind,
        quantity: int,
        source: Side,
        target: Side,
        *,
        serials: Sequence[str] | None = None,
        line: int | None = None,
        reason: str | None = None,
    ) -> list[str]:
        """Move units from one account to another, and return their serials. Exactly the moves in `LEGAL` are allowed.

        `serials` None: units without a serial are moved first, then serials in turn. An entry names at most
        `ENTRY_SERIALS_MAX` of them, so there may be several entries. `reason` None: the operation's.
        """
        assert not self.closed, "entries are made before the posting is written"
        moved = list(serials) if serials is not None else self._serials_in_turn(quantity, source, target)
        unnamed = quantity - len(moved)
        for start in range(0, len(moved) or 1, ENTRY_SERIALS_MAX):
            part = moved[start : start + ENTRY_SERIALS_MAX]
            self._enter(kind, len(part) + (0 if start else unnamed), source, target, part, line, reason)
        self._fill_after(source, target, moved)
        return moved

    def _enter(
        self,
        kind: Kind,
        quantity: int,
        source: Side,
        target: Side,
        serials: list[str],
        line: int | None,
        reason: str | None,
    ) -> None:
        assert quantity > 0, (kind, quantity)
        operation = self.operation
        self._number(source, target)
        if kind != "assign":
            self._apply(kind, source, -quantity)
            self._apply(kind, target, quantity)
        share(source, target, quantity)
        entry = StockCardEntry(
            orgcode=self.orgcode,
            entry_id=self.new_id(),
            operation_id=operation.operation_id,
            kind=kind,
            variant_id=variant_of(source, target),
            quantity=quantity,
            from_account=account_of(source),
            to_account=account_of(target),
            from_balance=balance_of(source),
            to_balance=balance_of(target),
            document_type=operation.document_type,
            document_id=operation.document_id,
            document_line=line,
            channel_code=operation.channel_code,
            order_ref=operation.order_ref,
            serials=serials,
            reason=operation.reason if reason is None else reason,
            cccode=operation.cccode,
            recorded_utc=self._recorded(source, target),
            recorded_by=operation.actor,
        )
        assert (form_of(entry.from_account), form_of(entry.to_account)) in LEGAL[kind], entry
        self.entries.append(entry)
        if serials:
            mark_serialised(source, target)
            self.carried.carry(serials, kind, source, target, entry.variant_id)
        _hold_rules(entry, source)

    def _serials_in_turn(self, quantity: int, source: Side, target: Side) -> list[str]:
        """The serials that go along where the call names none."""
        if not isinstance(source, Leg) or not source.item.serialised:
            return []
        if isinstance(target, Leg) and target.item is source.item and target.account == source.account:
            return []
        return self.carried.in_turn(source, quantity, self.today, self.units_at)

    def units_at(self, item: OpenItem, account: SerialAccount, wanted: int) -> list[NamedUnit]:
        """The serials that were in an account of the item before this posting, by number: all of a holder's, otherwise
        at least so many that `wanted` of them are sellable, if there are."""
        raise NotImplementedError

    def bare(self, leg: Leg) -> int:
        """Units of an account that have no serial; on the shelf, of all its buckets together."""
        return self.carried.bare(leg, self.units_at)

    def check_sellable(self, item: OpenItem, serials: Iterable[str]) -> None:
        """Raises `InvalidState` if a serial is unsellable. Its lot is checked with its position."""
        for serial_no in serials:
            if not self.carried.units[item.variant_id, serial_no].sellable(self.today):
                raise InvalidState(f"serial {serial_no} is unsellable", status="unsellable", serial_no=serial_no)

    def _fill_after(self, source: Side, target: Side, serials: Sequence[str]) -> None:
        """Fill the shortfall if the move made sellable units appear: available ones, or by taking an unsellable serial
        from the shelf."""
        if isinstance(target, Leg) and target.bucket == "available" and target.key != SHORTFALL:
            self.fill(target.item)
        if serials and isinstance(source, Leg) and source.account.state == "shelf":
            self.fill(source.item)

    def _number(self, source: Side, target: Side) -> None:
        items = [side.item for side in (source, target) if isinstance(side, Leg)]
        items[0].seq += 1
        if items[-1] is not items[0]:
            items[-1].seq += 1

    def _apply(self, kind: Kind, side: Side, quantity: int) -> None:
        if not isinstance(side, Leg):
            return
        side.item.shift(side.bucket, side.stage, side.holding is not None, side.key, quantity)
        if side.holding is not None:
            side.holding.shift(Part(side.key, side.stage, side.line), quantity)
        bin_id = side.key.bin_id
        if bin_id is not None and side.item.position(side.key).capped:
            self.bins[bin_id] = self.bins.get(bin_id, 0) + quantity
            if kind not in UNLIMITED:
                self.bins_limited.add(bin_id)

    def _recorded(self, source: Side, target: Side) -> Utc:
        last = max(side.item.stored.recorded_utc for side in (source, target) if isinstance(side, Leg))
        return max(self.now, last)

    def fill(self, item: OpenItem) -> None:
        """Assign available units to the waiting holders of the posting, as far as there are any."""
        if item.filling or item.shortfall == 0:
            return
        item.filling = True
        for step in plan_fill(item, self.holdings.values(), self.today):
            bucket, stage = step.holding.bucket, step.part.stage
            short = Leg(item, bucket, SHORTFALL, step.holding, stage, step.part.line)
            self.move("repin", step.quantity, short, Leg(item, "available"))
            for take in step.takes:
                here = Leg(item, bucket, take.key, step.holding, stage, step.part.line)
                self.move("repin", take.quantity, Leg(item, "available", take.key), here)
        item.filling = False


def insufficient(item: OpenItem, bucket: Bucket, requested: int, there: int, message: str = "") -> InsufficientStock:
    """The error of a call that takes more units than there are; `there` is the number found."""
    shortage = Shortage(
        logical_guid=item.logical_guid,
        variant_id=item.variant_id,
        bucket=bucket,
        requested=requested,
        available=max(0, there),
    )
    return InsufficientStock(message or f"{max(0, there)} of {requested} are there", [shortage])


def _hold_rules(entry: StockCardEntry, source: Side) -> None:
    """Check rules Z and G for the side that lost units."""
    if not isinstance(source, Leg):
        return
    field = position_field(source.bucket, source.stage, source.holding is not None)
    if field is None:
        assert source.item.totals["in_transit"] >= 0, entry
        return
    position = source.item.position(source.key)
    backordered = field == "available" and source.key == SHORTFALL and entry.kind in _PROMISES
    assert getattr(position, field) >= 0 or backordered, entry
    # Units promised beyond stock may pass to another promise, but must not leave the shelf.
    assert position.shelf >= 0, entry


_PROMISES: frozenset[Kind] = frozenset({"reserve", "allocate", "commit"})
