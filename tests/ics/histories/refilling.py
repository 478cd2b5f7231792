"""Pick places that are kept filled from overstock: by rule, by hand, and by the sweep."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from chassis.caller import SYSTEM, Call
from chassis.clock import SystemClock
from chassis.gate import Gate
from chassis.settings import Secret
from chassis.testing.keys import key_settings
from services.ics.replenishment.handlers import (
    ReplenishmentRecordRequest,
    ReplenishmentRuleSetRequest,
    ics_replenishment_record,
    ics_replenishment_rule_set,
)
from services.ics.replenishment.jobs import SweepParams, replenishment_sweep
from services.ics.replenishment.store import RULES, rule_at
from services.ics.settings import IcsSettings
from tests.ics.histories.machine import FACILITY, PART, UNITS, VARIANT, WHICH, HistoryMachine, run, some
from tests.ics.memory import MemoryUnits

PICK = st.sampled_from(("PCK", "PCK/B-01"))
OVER = st.sampled_from(("OVR", "OVR", "OVR/B-01"))
SETTINGS = IcsSettings(
    mongodb_uri=Secret("mongodb://none"),
    amqp_url=Secret("amqp://none"),
    caller_key=Secret("that no one signs with" * 2),
    **key_settings("ics"),
)


class Refilling(HistoryMachine):
    """The calls that fill pick places up."""

    @rule(facility=FACILITY, variant=VARIANT, pick=PICK, over=st.none() | OVER, least=UNITS, more=UNITS, multiple=PART)
    def set_rule(
        self, facility: str, variant: str, pick: str, over: str | None, least: int, more: int, multiple: int | None
    ) -> None:
        pick_zone, pick_bin = self.places[facility, pick]
        over_zone, over_bin = self.places[facility, over] if over else (None, None)
        assert pick_zone is not None
        known = self.memory.change(lambda change: rule_at(change, facility, variant, pick_zone, pick_bin))
        body = ReplenishmentRuleSetRequest(
            variant_id=variant,
            pick_zone_id=pick_zone,
            pick_bin_id=pick_bin,
            overstock_zone_id=over_zone,
            overstock_bin_id=over_bin,
            min_qty=least,
            max_qty=least + more,
            multiple=multiple,
            expected_revision=known.revision if known else None,
        )
        assert self.attempt(ics_replenishment_rule_set, body, facility)

    @some(RULES)
    @rule(which=WHICH, units=PART)
    def refill(self, which: int, units: int | None) -> None:
        if found := self.nth(RULES, which):
            body = ReplenishmentRecordRequest(rule_id=found.rule_id, quantity=units)
            self.attempt(ics_replenishment_record, body, found.logical_guid)

    @rule(facility=FACILITY, variant=VARIANT, units=UNITS, source=OVER, to=PICK)
    def refill_by_hand(self, facility: str, variant: str, units: int, source: str, to: str) -> None:
        from_zone, from_bin = self.places[facility, source]
        body = ReplenishmentRecordRequest(
            variant_id=variant,
            quantity=units,
            from_zone_id=from_zone,
            from_bin_id=from_bin,
            **self.target(facility, to),
        )
        self.attempt(ics_replenishment_record, body, facility)

    @rule(dry=st.booleans())
    def sweep(self, dry: bool) -> None:
        """Each rule below its minimum is served, once a window; a dry run moves nothing."""
        call = Call(caller=SYSTEM, name="replenishment-sweep", request_id="r", started_utc=self.now)
        before = self.before()
        units: Any = MemoryUnits(self.memory)
        answer = run(replenishment_sweep(units, call, SweepParams(dry_run=dry), SETTINGS, Gate(SystemClock())))
        outcomes = answer.skipped_missing_overstock + answer.skipped_no_stock + answer.conflicts + answer.errors
        assert answer.errors == 0
        assert answer.executed + outcomes == answer.processed if not dry else answer.executed == 0
        if dry:
            assert self.before() == before
        self.check(before)
