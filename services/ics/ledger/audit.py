"""Replays entries and compares the sums with the stored balances, account by account. Pure.

It shares no code with postings: it uses only the entries and the rules of the contract.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from msgspec import to_builtins

from chassis.clock import Utc
from chassis.entity import Value
from services.ics.ledger.audit_counters import Counted, Units
from services.ics.ledger.balance import COUNTS, SHORTFALL, Item, PositionKey
from services.ics.ledger.entry import LEGAL, Account, StockCardEntry, form_of
from services.ics.ledger.open_item import TOTALS, total_field
from services.ics.words import Bucket, Stage

DIFFERENCES_MAX = 1000

K = TypeVar("K")


class Difference(Value):
    """A stored value that differs from the sum of the entries.

    Differences of a bin have no `variant_id`; those of a bin without items have no `logical_guid` either. `booked` is
    the value computed from entries (for a bin: from its items), `kept` the stored one.
    """

    orgcode: str
    logical_guid: str | None
    variant_id: str | None
    what: str
    booked: str
    kept: str


class Booked(NamedTuple):
    """One stock account within an item."""

    bucket: Bucket
    key: PositionKey
    stage: Stage | None
    holder: str | None


Held = Mapping[tuple[str, PositionKey, Stage | None], int]
"""Units by holder, position and stage."""


class Replay:
    """The sums of one item's entries, and the differences found so far (at most `DIFFERENCES_MAX`)."""

    def __init__(self, item: Item, counters: Sequence[Counted] = ()) -> None:
        self.item = item
        self.counters = counters
        self.seq = 0
        self.recorded_utc = Utc("")
        self.accounts: Counter[Booked] = Counter()
        self.totals: Counter[str] = Counter()
        self.stages: Counter[str] = Counter()
        self.shelves: Counter[PositionKey] = Counter()
        self.outside: Counter[str] = Counter()
        self.counted: dict[str, Counter[str]] = defaultdict(Counter)
        self.differences: list[Difference] = []

    def read(self, entry: StockCardEntry) -> None:
        """Add an entry. Entries must come in the order of their numbers; a gap is recorded as a difference."""
        sides = [side for side in (entry.from_account, entry.to_account) if self._is_ours(side)]
        numbers = {side.seq for side in sides}
        if numbers != {self.seq + 1}:
            self._differ("seq", self.seq + 1, sorted(number or 0 for number in numbers))
        self.seq = max(number or 0 for number in numbers)
        if entry.recorded_utc < self.recorded_utc:
            self._differ(f"recorded_utc of {self.seq}", f"at least {self.recorded_utc}", entry.recorded_utc)
        self.recorded_utc = max(self.recorded_utc, entry.recorded_utc)
        if (form_of(entry.from_account), form_of(entry.to_account)) not in LEGAL[entry.kind]:
            self._differ(f"entry {self.seq}", f"a legal {entry.kind}", [entry.from_account, entry.to_account])
        for side, quantity in ((entry.from_account, -entry.quantity), (entry.to_account, entry.quantity)):
            if self._is_ours(side):
                self._add(side, quantity)
            elif side.external is not None:
                self.outside[side.external] += quantity
        for side in sides:
            if (shelf := self.shelves[side.key]) < 0:
                self._differ(f"rule G at {self.seq}", "at least 0", shelf)
        for side, balance in ((entry.from_account, entry.from_balance), (entry.to_account, entry.to_balance)):
            if self._is_ours(side) and balance != self.totals[side.bucket or ""]:
                self._differ(f"balance of {self.seq}", self.totals[side.bucket or ""], balance)
        self._count(entry)

    def finish(self, held: Held, kept: Mapping[str, Units] | None = None) -> list[Difference]:
        """Compare the sums with the stored item, its holders' records and counters by name; returns all differences."""
        item = self.item
        if self.seq != item.seq:
            self._differ("last seq", self.seq, item.seq)
        for total, units in (("on_hand", self._on_hand()), *((total, self.stages[total]) for total in TOTALS)):
            if getattr(item, total) != units:
                self._differ(total, units, getattr(item, total))
        shares: dict[str, int] = to_builtins(item.externals)
        self._compare("external", self.outside, Counter(shares))
        self._compare("position", self._counted(), _kept(item))
        self._compare("coming", self._coming(), Counter({each.lot_code: each.units for each in item.coming}))
        ours = Counter({_held_key(account): units for account, units in self.accounts.items() if account.holder})
        self._compare("holder", ours, Counter(dict(held)))
        for counter in self.counters:
            self._compare(counter.what, self.counted[counter.what], Counter(dict((kept or {}).get(counter.what, {}))))
        return self.differences

    def compare(self, what: str, booked: Units, kept: Units) -> None:
        """Compare counters of the item with what other records say."""
        self._compare(what, Counter(dict(booked)), Counter(dict(kept)))

    def check_expiry(self, next_expiry: Utc | None) -> None:
        """Check that `lapse_utc` of the item is not after the first expiry of its promises: the promise would otherwise
        never be expired."""
        known = self.item.lapse_utc
        if next_expiry is not None and (known is None or known > next_expiry):
            self._differ("lapse_utc", f"at most {next_expiry}", known)

    def _is_ours(self, account: Account) -> bool:
        return account.kind == "stock" and account.logical_guid == self.item.logical_guid

    def _add(self, account: Account, quantity: int) -> None:
        assert account.bucket is not None
        key = account.key
        booked = Booked(account.bucket, key, account.stage, account.held_by_id)
        self.accounts[booked] += quantity
        self.totals[account.bucket] += quantity
        self.stages[total_field(account.bucket, account.stage)] += quantity
        if self.accounts[booked] < 0 and (booked.bucket, key) != ("available", SHORTFALL):
            self._differ(f"rule Z at {self.seq}", "at least 0", self.accounts[booked])
        if booked.bucket in {"available", "reserved"} or booked.stage == "open":
            self.shelves[key] += quantity

    def _count(self, entry: StockCardEntry) -> None:
        for counter in self.counters:
            for key, units in counter.counts(entry, self.item.logical_guid):
                self.counted[counter.what][key] += units

    def _on_hand(self) -> int:
        return sum(units for bucket, units in self.totals.items() if bucket != "in_transit")

    def _counted(self) -> Counter[tuple[PositionKey, str]]:
        """Units by position key and by the field of `StockPosition` that counts them."""
        counted: Counter[tuple[PositionKey, str]] = Counter()
        for account, units in self.accounts.items():
            if account.bucket != "in_transit":
                inspected = account.bucket == "quarantine" and account.holder is not None
                counted[account.key, "inspection" if inspected else account.stage or account.bucket] += units
        return counted

    def _coming(self) -> Counter[str]:
        """Units in transit to the facility, by lot."""
        coming: Counter[str] = Counter()
        for account, units in self.accounts.items():
            if account.bucket == "in_transit" and account.key.lot_code is not None:
                coming[account.key.lot_code] += units
        return coming

    def _compare(self, what: str, booked: Counter[K], kept: Counter[K]) -> None:
        for key in set(booked) | set(kept):
            if booked[key] != kept[key]:
                self._differ(f"{what} {key}", booked[key], kept[key])

    def _differ(self, what: str, booked: object, kept: object) -> None:
        if len(self.differences) < DIFFERENCES_MAX:
            self.differences.append(
                Difference(
                    orgcode=self.item.orgcode,
                    logical_guid=self.item.logical_guid,
                    variant_id=self.item.variant_id,
                    what=what,
                    booked=str(booked),
                    kept=str(kept),
                )
            )


def _held_key(account: Booked) -> tuple[str, PositionKey, Stage | None]:
    return account.holder or "", account.key, account.stage


def _kept(item: Item) -> Counter[tuple[PositionKey, str]]:
    return Counter({(position.key, count): getattr(position, count) for position in item.cells for count in COUNTS})


def held_of(parts: Iterable[tuple[str, PositionKey, Stage | None, int]]) -> Held:
    """Sums of (holder, position, stage, units) by holder, position and stage."""
    found: Counter[tuple[str, PositionKey, Stage | None]] = Counter()
    for holder, key, stage, units in parts:
        found[holder, key, stage] += units
    return found


def bin_difference(
    orgcode: str, logical_guid: str | None, bin_id: str, items: Iterable[Item], counted: int
) -> Difference | None:
    """The difference between the stored unit count of a bin and the sum over its items; None if equal."""
    # A bin whose capacity was cleared goes on being counted, but for positions that units were put in since.
    cells = (position for item in items for position in item.cells if position.bin_id == bin_id)
    there = sum(position.on_hand for position in cells if position.capped)
    if there == counted:
        return None
    return Difference(
        orgcode=orgcode,
        logical_guid=logical_guid,
        variant_id=None,
        what=f"units in bin {bin_id}",
        booked=str(there),
        kept=str(counted),
    )
