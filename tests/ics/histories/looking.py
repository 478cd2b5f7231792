"""Questions whose answers follow from the ledger: what can be promised, how fast a variant goes, what is where."""

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from chassis.clock import day_of, days_after
from services.ics.atp.handlers import AtpQueryRequest, ics_atp_query
from services.ics.demand.handlers import DemandSignalComputeRequest, ics_demand_signal_compute
from services.ics.demand.store import SIGNALS, signal_of
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.transfer.store import SHIPMENTS
from tests.ics.histories.machine import FACILITIES, FACILITY, VARIANT, HistoryMachine

DAY = st.sampled_from((None, "2026-03-02", "2026-03-04", "2026-03-09"))


class Looking(HistoryMachine):
    """Those who look at what the others do."""

    @rule(variant=VARIANT, channel=st.sampled_from((None, "WEB", "POS")), by=DAY)
    def ask_what_can_be_promised(self, variant: str, channel: str | None, by: Any) -> None:
        """18: the terms recompute; over facilities the numbers are the sums of the facilities' own."""
        body = AtpQueryRequest(variant_ids=[variant], logical_guids=list(FACILITIES), channel_code=channel, by_date=by)
        query: Any = ics_atp_query
        (item,) = self.memory.change(lambda change: query(change, body)).items
        for each in item.facilities:
            terms = each.available + each.overdue - each.unsellable - each.safety_stock - each.held_back
            assert each.available == self.checks.item(each.logical_guid, variant).available
            assert each.promisable == max(0, terms + each.backorder_limit)
            assert each.promisable == self.checks.promisable(each.logical_guid, variant, channel or "")
            assert each.inbound == self.coming_by(each.logical_guid, variant, by)
            assert each.atp == max(0, terms + each.inbound)
        assert item.promisable == sum(each.promisable for each in item.facilities)
        assert item.atp == sum(each.atp for each in item.facilities)

    def coming_by(self, facility: str, variant: str, day: str | None) -> int:
        """Units of a variant on their way that are expected by a day."""
        return sum(
            line.outstanding
            for shipment in self.memory.all(SHIPMENTS)
            for line in shipment.lines
            if (shipment.to_logical_guid, line.variant_id) == (facility, variant)
            and day is not None
            and shipment.expected_date is not None
            and shipment.expected_date <= day
        )

    @rule(variant=VARIANT, facility=st.none() | FACILITY, channel=st.sampled_from((None, "WEB", "POS")))
    def ask_how_fast_it_goes(self, variant: str, facility: str | None, channel: str | None) -> None:
        """A signal is what the `ship` entries of its days add up to."""
        today = day_of(self.now)
        body = DemandSignalComputeRequest(
            variant_id=variant, logical_guid=facility, channel_code=channel, as_of_date=today
        )
        signal = self.attempt(ics_demand_signal_compute, body, "FAC-A").signal
        shipped: Counter[str] = Counter()
        for entry in self.memory.all(ENTRIES):
            here = facility in {None, entry.from_account.logical_guid} and channel in {None, entry.channel_code}
            if entry.kind == "ship" and entry.variant_id == variant and here:
                shipped[day_of(entry.recorded_utc)] += entry.quantity
        for window in signal.windows:
            first = days_after(today, 1 - window.days)
            assert window.total == sum(units for day, units in shipped.items() if first <= day <= today)
        items = [item for item in self.memory.all(ITEMS) if item.variant_id == variant]
        assert signal.available == sum(item.available for item in items if facility in {None, item.logical_guid})
        scope: Any = self.memory.change(
            lambda change: signal_of(change, variant, facility, channel)  # type: ignore[arg-type]
        )
        assert scope == signal
        assert len(
            {(each.variant_id, each.logical_guid, each.channel_code) for each in self.memory.all(SIGNALS)}
        ) == len(self.memory.all(SIGNALS))
