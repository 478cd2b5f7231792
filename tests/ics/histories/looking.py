"""Questions whose answers follow from the ledger and the records: what can be promised, how fast a variant goes, what
there is of a kind, of an order, of a lot."""

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from chassis.clock import day_of, days_after
from services.ics.atp.handlers import AtpQueryRequest, ics_atp_query
from services.ics.demand.handlers import DemandSignalComputeRequest, ics_demand_signal_compute
from services.ics.demand.store import SIGNALS, signal_of
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.order.handlers import OrderViewRequest, ics_order_view
from services.ics.stock.cards import StockCardListRequest
from services.ics.stock.handlers import StockGetRequest, ics_stock_card_list, ics_stock_get
from services.ics.stock.lots import StockLotListRequest, ics_stock_lot_list
from services.ics.transfer.store import SHIPMENTS
from services.ics.words import BUCKETS
from tests.ics.histories.kinds import KIND_OF, KINDS, Kind
from tests.ics.histories.machine import EXPIRIES, FACILITIES, FACILITY, VARIANT, VARIANTS, WHICH, HistoryMachine

DAY = st.sampled_from((None, "2026-03-02", "2026-03-04", "2026-03-09"))
LIMIT = st.none() | st.integers(1, 3)


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
        scope: Any = self.memory.change(lambda change: signal_of(change, variant, facility, channel))
        assert scope == signal
        assert len(
            {(each.variant_id, each.logical_guid, each.channel_code) for each in self.memory.all(SIGNALS)}
        ) == len(self.memory.all(SIGNALS))

    @rule(kind=st.sampled_from(KINDS), which=WHICH, given=st.sets(st.integers(0, 8)), limit=LIMIT)
    def look_up(self, kind: Kind, which: int, given: set[int], limit: int | None) -> None:
        """28: a list under filters that a record matches has it, all others that match, and nothing else."""
        records = self.memory.all(kind.entity)
        if not records:
            return
        record = self.shown.get(kind, kind.entity.id_of(records[-1 - which % len(records)]))
        values = {name: a_filter.of(record) for name, a_filter in kind.filters.items()}
        wanted = {
            name: value for place, (name, value) in enumerate(values.items()) if place in given and value is not None
        }
        self.shown.look_up(kind, wanted, limit)

    @rule(order_ref=st.sampled_from(("O-1", "O-2")))
    def ask_for_an_order(self, order_ref: str) -> None:
        """29: the lines of an order add up its promises; its entries are those that name it."""
        order = self.memory.ask(ics_order_view, OrderViewRequest(order_ref=order_ref))
        named = self.listed("reservation", demand_ref=order_ref)
        allocations = self.listed("allocation", order_ref=order_ref)
        commits = self.listed("commit", order_ref=order_ref)
        lines: dict[str, Counter[str]] = {}
        for promise in (*named, *allocations):
            lines.setdefault(promise.variant_id, Counter())["reserved"] += promise.remaining
        for commit in commits:
            for name in ("open", "picked", "packed", "shipped", "released"):
                lines.setdefault(commit.variant_id, Counter())[name] += getattr(commit, name)
        assert [line.variant_id for line in order.lines] == sorted(lines)
        for line in order.lines:
            sums = lines[line.variant_id]
            assert all(getattr(line, name) == sums[name] for name in line.__struct_fields__[1:]), (line, sums)
        origins = {each.reservation_id for each in (*allocations, *commits)} - {None}
        ids = {each.reservation_id for each in named} | origins
        assert [each.reservation_id for each in order.reservations] == sorted(ids)
        assert (order.allocations, order.commits, order.more) == (allocations[::-1], commits[::-1], False)
        ships = [(commit.commit_id, note.operation_id) for commit in commits for note in commit.ships]
        assert sorted((ship.commit_id, ship.operation_id) for ship in order.ships) == sorted(ships)
        cards = {"order_ref": order_ref, "order": "oldest"}
        assert order.entries == self.shown.walk((ics_stock_card_list, StockCardListRequest), cards)

    def listed(self, kind: str, **wanted: Any) -> list[Any]:
        """What a list shows under filters, newest first."""
        return self.shown.walk(KIND_OF[kind].list, wanted)

    @rule(limit=LIMIT)
    def ask_for_lots(self, limit: int | None) -> None:
        """31: over the facilities, a lot's buckets are the sums of stock/get's positions with that lot."""
        there: dict[tuple[str, str | None, str], Counter[str]] = {}
        for facility in FACILITIES:
            for variant in VARIANTS:
                stock = self.memory.ask(ics_stock_get, StockGetRequest(variant_id=variant), facility=facility).stock
                for each in stock.positions:
                    if each.lot_code is not None:
                        there.setdefault((facility, each.lot_code, variant), Counter())[each.bucket] += each.quantity
        lots = self.shown.walk((ics_stock_lot_list, StockLotListRequest), {}, limit)
        today = day_of(self.now)
        for lot in lots:
            sums = there.pop((lot.logical_guid, lot.lot_code, lot.variant_id))
            assert all(getattr(lot.buckets, bucket) == sums[bucket] for bucket in BUCKETS), (lot, sums)
            expired = lot.expiry_date is not None and lot.expiry_date < today
            assert lot.sellable == (not lot.blocked and not expired), lot
        assert not any(any(sums.values()) for sums in there.values()), there
        order = [(lot.expiry_date or "~", lot.variant_id, lot.lot_code, lot.logical_guid) for lot in lots]
        assert order == sorted(set(order))
        self.look_for_lots(lots)

    def look_for_lots(self, lots: list[Any]) -> None:
        """Under filters the same lots are listed, in the same order, those that match."""
        for code in EXPIRIES:
            if code is not None:
                found = self.shown.walk((ics_stock_lot_list, StockLotListRequest), {"lot_code": code})
                assert found == [lot for lot in lots if lot.lot_code == code]
        for variant in VARIANTS:
            wanted = {"variant_id": variant, "sellable": True, "logical_guid": FACILITIES[0]}
            found = self.shown.walk((ics_stock_lot_list, StockLotListRequest), wanted)
            here = [lot for lot in lots if (lot.variant_id, lot.logical_guid) == (variant, FACILITIES[0])]
            assert found == [lot for lot in here if lot.sellable]
