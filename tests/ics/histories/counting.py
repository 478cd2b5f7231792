"""What is counted, and what the count finds: more, fewer, or just what was expected."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from chassis.clock import Utc
from services.ics.count.domain import Count, CountLine
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
from tests.ics.histories.checks import TRACKED
from tests.ics.histories.machine import FACILITY, MIXED, PLACE, VARIANT, WHICH, HistoryMachine, some
from tests.ics.invariants import expected_at, serials_at


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
        found = [self.counted(count, line, there[line.line_no], off, moment if early else None) for line in count.lines]
        body = CountSubmitRequest(count_id=count.count_id, expected_revision=count.revision, lines=found)
        if answer := self.attempt(ics_count_submit, body, count.logical_guid):
            assert {line.line_no: line.expected for line in answer.count.lines} == there
            for line, said in zip(answer.count.lines, found, strict=True):
                if said.serials is not None:
                    expected = serials_at(moment, count.logical_guid, line.variant_id, line.key, entries)
                    assert line.serials_found == sorted(set(said.serials) - expected)
                    assert line.serials_missing == sorted(expected - set(said.serials))

    def counted(self, count: Count, line: CountLine, units: int, off: int, moment: Utc | None) -> CountedLineInput:
        """What is counted of a line: so many more or fewer than expected. Serials are named where the variant has them:
        fewer than expected, or others as well."""
        if line.variant_id not in {TRACKED, MIXED} or (line.variant_id == MIXED and off % 2):
            return CountedLineInput(line_no=line.line_no, counted=max(0, units + off), counted_utc=moment)
        expected = serials_at(
            moment or self.now, count.logical_guid, line.variant_id, line.key, self.memory.all(ENTRIES)
        )
        named = sorted(expected)[max(0, -off) :] + (self.coming(line.variant_id, 2 * off) or [] if off > 0 else [])
        return CountedLineInput(line_no=line.line_no, counted=len(named), counted_utc=moment, serials=named)

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
