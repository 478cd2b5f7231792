"""The house a history happens in: what is in it, how a call is tried, and what is checked after each that was answered.

Each rule of a history is one call, with arguments a reader understands: a facility by name, a place by its codes, the
n-th of the records that are still worked on. Where a history fails, Hypothesis cuts it down to the few calls that
matter and prints them; the notes between them say what each became.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeVar

from hypothesis import currently_in_test_context, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition

from chassis.caller import SYSTEM, Call
from chassis.clock import Utc
from chassis.errors import Refusal
from services.ics.bin.handlers import BinCreateRequest, ics_bin_create
from services.ics.ledger.balance import Item, StockPosition
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.jobs import AuditParams, audit_ledger
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.policy.handlers import StockPolicySetRequest, ics_stock_policy_set
from services.ics.receive.fields import ReceiveLineInput
from services.ics.receive.handlers import (
    QcCompleteRequest,
    ReceiveRecordRequest,
    ics_qc_complete,
    ics_receive_record,
)
from services.ics.serial.domain import COMES_IN_FROM, SerialUnit
from services.ics.serial.store import SERIALS
from services.ics.words import BUCKETS, Bucket
from services.ics.zone.handlers import ZoneCreateRequest, ics_zone_create
from tests.ics.histories.checks import TRACKED, Checks
from tests.ics.histories.kinds import KINDS
from tests.ics.histories.said import Said
from tests.ics.histories.shown import Shown
from tests.ics.memory import Memory, MemoryUnits

FACILITIES = ("FAC-A", "FAC-B")
MIXED = "VAR-2"
"""The variant of which some units have a serial number."""
VARIANTS = ("VAR-1", MIXED, TRACKED)
NOWHERE = "nowhere"
SHELVES = ("PCK", "PCK/B-01", "OVR", "OVR/B-01")
PLACES = (NOWHERE, *SHELVES)
PURPOSES: Any = MappingProxyType({"PCK": "pick", "OVR": "overstock"})
EXPIRIES: Any = MappingProxyType({None: None, "L-A": "2026-03-04", "L-B": None, "L-C": "2031-01-01"})
CAPACITY = 12
LIVE = {
    *("active", "open", "picked", "packed", "received", "inspecting", "counting", "submitted"),
    *("approved", "in_progress", "in_transit", "partially_received", "consumed"),
}

FACILITY = st.sampled_from(FACILITIES)
VARIANT = st.sampled_from(VARIANTS)
PLACE = st.sampled_from(PLACES)
PIN = st.none() | PLACE
LOT = st.sampled_from(tuple(EXPIRIES))
PIN_LOT = st.sampled_from((None, None, None, "L-A", "L-B"))
UNITS = st.integers(1, 6)
PART = st.none() | UNITS
WHICH = st.integers(0, 4)


def run(job: Awaitable[Any]) -> Any:
    """What a job answers."""

    async def waited() -> Any:
        return await job

    return asyncio.run(waited())


Fits = Callable[[Any], Any]
"""Whether a record suits a call."""


Rule = TypeVar("Rule", bound=Callable[..., None])


def some(entity: Any, fits: Fits = bool) -> Callable[[Rule], Rule]:
    """A rule is tried only where there is such a record."""
    decorate: Callable[[Rule], Rule] = precondition(
        lambda history: any(fits(record) for record in history.memory.all(entity))
    )
    return decorate


def tell(what: str) -> None:
    """Say what became of a call, in the story of a history that failed."""
    if currently_in_test_context():
        note(what)


class Before(NamedTuple):
    """What there was before a call."""

    items: dict[str, Item]
    entries: list[StockCardEntry]
    events: int


class HistoryMachine(RuleBasedStateMachine):
    """Two facilities, three variants, places with and without a limit, lots that expire; some goods to begin with."""

    seen: ClassVar[Counter[str]] = Counter()
    """Kinds of entry made in any history."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()
        self.checks = Checks(self.memory)
        self.shown = Shown(self.memory)
        self.said = Said(self.shown)
        self.places: dict[tuple[str, str], tuple[str | None, str | None]] = {}
        self.serial_count = 0
        self.call(ics_stock_policy_set, StockPolicySetRequest(qc="skip", variant_id="VAR-1", backorder_limit=3))
        self.call(ics_stock_policy_set, StockPolicySetRequest(qc="skip", variant_id=TRACKED, tracking="serial"))
        for facility in FACILITIES:
            self.open_facility(facility)
            self.stock_up(facility)

    def open_facility(self, facility: str) -> None:
        """Two zones, each with a bin; that of the pick zone takes a limited number of units."""
        self.places[facility, NOWHERE] = (None, None)
        for code, purpose in PURPOSES.items():
            zone = self.call(ics_zone_create, ZoneCreateRequest(code=code, purpose=purpose), facility).zone
            limit = CAPACITY if code == "PCK" else None
            request = BinCreateRequest(zone_id=zone.zone_id, code="B-01", capacity=limit)
            made = self.call(ics_bin_create, request, facility).bin
            self.places[facility, code] = (zone.zone_id, None)
            self.places[facility, f"{code}/B-01"] = (zone.zone_id, made.bin_id)

    def stock_up(self, facility: str) -> None:
        """Some of each variant where it is picked, and more behind."""
        lines = [
            self.line(facility, variant, units, place, None)
            for variant in VARIANTS
            for place, units in (("PCK/B-01", 2), ("OVR", 5))
        ]
        receipt = self.call(ics_receive_record, ReceiveRecordRequest(lines=lines), facility).receive
        self.call(ics_qc_complete, QcCompleteRequest(receive_id=receipt.receive_id, expected_revision=1), facility)

    def line(self, facility: str, variant: str, units: int, place: str, lot: str | None) -> ReceiveLineInput:
        """Goods that come in."""
        zone, bin_id = self.places[facility, place]
        return ReceiveLineInput(
            variant_id=variant,
            quantity=units,
            zone_id=zone,
            bin_id=bin_id,
            lot_code=lot,
            expiry_date=EXPIRIES[lot],
            serials=self.coming(variant, units),
        )

    def call(self, handler: Any, body: Any, facility: str = "FAC-A") -> Any:
        """The answer of a call that succeeds."""
        answer = self.memory.ask(handler, body, facility=facility)
        self.shown.answered(answer)
        return answer

    def attempt(self, handler: Any, body: Any, facility: str) -> Any:
        """The answer of a call, after which everything is checked; None where it is refused, which leaves no trace."""
        body = self.said.saying(body)
        if body.problems():
            return None
        before = self.before()
        try:
            answer = self.call(handler, body, facility)
        except Refusal as refusal:
            tell(f"    refused: {refusal}")
            assert self.before() == before
            return None
        tell(f"    {facility}: {body}")
        new = self.check(before)
        self.said.answered(handler.__name__, body, answer, new)
        return answer

    def before(self) -> Before:
        """How things stand."""
        items = {item.item_id: item for item in self.memory.all(ITEMS)}
        return Before(items, self.memory.all(ENTRIES), len(self.memory.events))

    def check(self, before: Before) -> list[StockCardEntry]:
        """Hold everything against how it stood before; the entries made since."""
        new = self.checks.after(before.items, before.entries, before.events)
        self.seen.update(entry.kind for entry in new)
        return new

    def teardown(self) -> None:
        """At the end every record is found, all that was said is there, and the auditor finds nothing, either."""
        for kind in KINDS:
            self.shown.look_up(kind, {})
        self.said.check_all()
        call = Call(caller=SYSTEM, name="audit-ledger", request_id="r", started_utc=self.now)
        units: Any = MemoryUnits(self.memory)
        found: Any = run(audit_ledger(units, call, AuditParams()))
        assert found.differences == []
        assert found.entries_checked >= len(self.memory.all(ENTRIES))

    @property
    def now(self) -> Utc:
        return self.memory.clock.now()

    def pin(self, facility: str, place: str | None, lot: str | None = None) -> dict[str, Any]:
        """Where units must come from; None: anywhere."""
        zone, bin_id = self.places[facility, place or NOWHERE]
        return {"zone_id": zone, "bin_id": bin_id, "lot_code": lot}

    def target(self, facility: str, place: str | None) -> dict[str, Any]:
        """Where units are put; None: it is not said."""
        zone, bin_id = self.places[facility, place or NOWHERE]
        return {"to_zone_id": zone, "to_bin_id": bin_id}

    def nth(self, entity: Any, which: int, fits: Fits | None = None) -> Any:
        """The n-th newest of the records that fit, of those still worked on unless it is said what fits, or else of
        all. Counted round, any number names one; None where there is no record at all."""
        records = self.memory.all(entity)
        found = [record for record in records if (fits(record) if fits else record.status in LIVE)] or records
        return found[-1 - which % len(found)] if found else None

    def buckets(self, facility: str, variant: str) -> list[Bucket]:
        """The buckets an item has units in; available where it has none at all."""
        totals = self.checks.item(facility, variant).buckets()
        return [bucket for bucket in BUCKETS if getattr(totals, bucket)] or ["available"]

    def shelf(self, facility: str, variant: str, which: int) -> dict[str, Any]:
        """The n-th place an item has units at, counted round."""
        positions = self.checks.item(facility, variant).cells or [StockPosition()]
        position = positions[which % len(positions)]
        return {"from_zone_id": position.zone_id, "from_bin_id": position.bin_id}

    def lot_at(self, facility: str, variant: str, which: int) -> str | None:
        """The lot of the n-th place an item has units at."""
        positions = self.checks.item(facility, variant).cells or [StockPosition()]
        return positions[which % len(positions)].lot_code

    def order_ref(self) -> str:
        """One of two orders, which take turns."""
        return f"O-{1 + len(self.memory.events) % 2}"

    def coming(self, variant: str, units: int) -> list[str] | None:
        """Serials for units that come in: one that has been here before, then new ones; None where none are asked."""
        if variant != TRACKED and (variant != MIXED or units % 2):
            return None
        known = [unit for unit in self._units() if unit.variant_id == variant and unit.status in COMES_IN_FROM]
        # A unit that has a lot comes back as one of that lot.
        back = [unit.serial_no for unit in known if unit.serial_no and (unit.lot_code is None or units > 4)][:1]
        return back + self.fresh(units - len(back))

    def fresh(self, units: int) -> list[str]:
        """Serials that have not been here before."""
        self.serial_count += units
        return [f"SN-{number}" for number in range(self.serial_count - units, self.serial_count)]

    def named(self, facility: str, variant: str, units: int, *statuses: str, needed: bool = True) -> Any:
        """How many units a call may name, and their serials: as many of these as there are, None if none are asked.
        Where none are `needed`, or of the variant only some units of which have one, an odd number is not named."""
        if variant not in {TRACKED, MIXED} or (units % 2 and not (needed and variant == TRACKED)):
            return units, None
        here = [
            unit
            for unit in self._units()
            if (unit.logical_guid, unit.variant_id) == (facility, variant) and unit.status in statuses
        ]
        if units > 3:
            here.reverse()
        return min(units, len(here)) or units, [unit.serial_no for unit in here[:units]] or None

    def _units(self) -> list[SerialUnit]:
        return [unit for unit in self.memory.all(SERIALS) if unit.kind == "serial"]
