"""Many adjustments in one call: all lines, or none."""

from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import rule

from services.ics.ledger.store import ENTRIES
from services.ics.stock.importing import AdjustmentImportRequest, AdjustmentLineInput, ics_adjustment_import
from services.ics.stock.serial_rules import STATUSES
from tests.ics.histories.machine import EXPIRIES, FACILITY, LOT, PIN, UNITS, VARIANT, WHICH, HistoryMachine


class Wanted(NamedTuple):
    """A line: some units found, or lost from the n-th bucket that has some."""

    variant: str
    units: int
    found: bool
    place: str | None
    lot: str | None
    which: int


LINES = st.lists(st.builds(Wanted, VARIANT, UNITS, st.booleans(), PIN, LOT, WHICH), min_size=1, max_size=4)


class Importing(HistoryMachine):
    """Stocktakes made elsewhere."""

    @rule(facility=FACILITY, wanted=LINES, told=st.booleans())
    def import_lines(self, facility: str, wanted: list[Wanted], told: bool) -> None:
        """Each line is entered by its number; balances are of the variants, as they are afterwards."""
        lines = [self.imported(facility, each, number if told else None) for number, each in enumerate(wanted, 1)]
        body = AdjustmentImportRequest(lines=lines, reason_code="correction")
        if answer := self.attempt(ics_adjustment_import, body, facility):
            imported = answer.adjustment_import
            entries = [entry for entry in self.memory.all(ENTRIES) if entry.document_id == imported.import_id]
            assert (imported.line_count, imported.entry_count) == (len(lines), len(entries))
            for number, line in enumerate(lines, 1):
                moved = [entry for entry in entries if entry.document_line == number and entry.kind == "adjust"]
                assert sum(entry.quantity for entry in moved) == abs(line.delta), line
            for balance in answer.balances:
                assert balance == self.checks.item(facility, balance.variant_id).balance()

    def imported(self, facility: str, wanted: Wanted, number: int | None) -> AdjustmentLineInput:
        """The line of what is wanted; with a reason of its own where it has a number."""
        more: dict[str, Any] = {"delta": wanted.units, "serials": None, **self.pin(facility, wanted.place, wanted.lot)}
        if wanted.found:
            more |= {"serials": self.coming(wanted.variant, wanted.units), "expiry_date": EXPIRIES[wanted.lot]}
        else:
            buckets = self.buckets(facility, wanted.variant)
            bucket = buckets[wanted.which % len(buckets)]
            units, serials = self.named(facility, wanted.variant, wanted.units, *STATUSES[bucket])
            more |= {"delta": -units, "bucket": bucket, "serials": serials, "lot_code": None}
        return AdjustmentLineInput(
            variant_id=wanted.variant, reason=f"line {number}" if number is not None else None, **more
        )
