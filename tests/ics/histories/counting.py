"""What is counted, and what the count finds: more, fewer, or just what was expected."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from services.ics.count.domain import Count
from services.ics.count.handlers import (
    CountApproveRequest,
    CountCreateRequest,
    CountedLineInput,
    CountRejectRequest,
    CountSubmitRequest,
    CountTargetInput,
    ics_count_approve,
    ics_count_create,
    ics_count_reject,
    ics_count_submit,
)
from services.ics.count.store import COUNTS
from services.ics.ledger.store import ENTRIES
from tests.ics.histories.machine import FACILITY, PLACE, VARIANT, WHICH, HistoryMachine, some
from tests.ics.invariants import expected_at


def counting(count: Count) -> bool:
    """Whether somebody still walks about."""
    return count.status == "counting"


def submitted(count: Count) -> bool:
    """Whether it waits to be approved."""
    return count.status == "submitted"


class Counting(HistoryMachine):
    """Counts, which go on whatever else is done."""

    @rule(facility=FACILITY, variants=st.sets(VARIANT, min_size=1), place=PLACE, blind=st.booleans())
    def begin_count(self, facility: str, variants: set[str], place: str, blind: bool) -> None:
        zone, bin_id = self.places[facility, place]
        lines = [CountTargetInput(variant_id=variant, zone_id=zone, bin_id=bin_id) for variant in sorted(variants)]
        self.attempt(ics_count_create, CountCreateRequest(lines=lines, blind=blind), facility)

    @some(COUNTS, counting)
    @rule(which=WHICH, off=st.integers(-4, 2), early=st.booleans())
    def submit_count(self, which: int, off: int, early: bool) -> None:
        """21: what is expected is what the entries say lay there when it was counted, whatever moved since."""
        if (count := self.nth(COUNTS, which, counting)) is None:
            return
        moment = count.created_utc if early else self.now
        entries = self.memory.all(ENTRIES)
        there = {
            line.line_no: expected_at(moment, count.logical_guid, line.variant_id, line.key, entries)
            for line in count.lines
        }
        found = [
            CountedLineInput(line_no=number, counted=max(0, units + off), counted_utc=moment if early else None)
            for number, units in there.items()
        ]
        body = CountSubmitRequest(count_id=count.count_id, expected_revision=count.revision, lines=found)
        if answer := self.attempt(ics_count_submit, body, count.logical_guid):
            assert {line.line_no: line.expected for line in answer.count.lines} == there

    @some(COUNTS, submitted)
    @rule(which=WHICH)
    def approve_count(self, which: int) -> None:
        if count := self.nth(COUNTS, which, submitted):
            body = CountApproveRequest(count_id=count.count_id, expected_revision=count.revision)
            self.attempt(ics_count_approve, body, count.logical_guid)

    @some(COUNTS)
    @rule(which=WHICH)
    def reject_count(self, which: int) -> None:
        if count := self.nth(COUNTS, which):
            body = CountRejectRequest(count_id=count.count_id, expected_revision=count.revision, reason="no good")
            self.attempt(ics_count_reject, body, count.logical_guid)
