"""The transfer report: transfers added up by lane, variant, status or day. Pure.

A report reads transfers one by one and holds only the sums, so its memory grows with its rows, not with the transfers.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, assert_never

from msgspec import Meta

from chassis.clock import day_of, to_millis
from chassis.entity import Value
from chassis.values import Count, Guid, Text
from services.ics.decimals import ratio
from services.ics.transfer.domain import TransferLine, TransferRecord

GroupBy = Literal["lane", "variant", "status", "day"]

ROWS_MAX = 1000
"""Maximum number of rows in an answer: the first by key. The total includes the others."""

_MILLIS_AN_HOUR = 3_600_000


class TransferReportRow(Value):
    """Sums over lines of transfers, in units. A transfer or shipment counts once in each row with one of its lines."""

    key: Text
    from_logical_guid: Guid | None = None
    to_logical_guid: Guid | None = None
    variant_id: Guid | None = None
    transfers: Count
    shipments: Count
    requested: Count
    approved: Count
    shipped: Count
    in_transit: Count
    received: Count
    damaged: Count
    missing: Count
    average_transit_hours: str | None
    loss_percent: str | None


Rows = Annotated[list[TransferReportRow], Meta(max_length=ROWS_MAX)]

_SUMMED = ("quantity", "approved", "shipped", "in_transit", "received", "damaged", "missing")


class Sums:
    """The running sums of one row."""

    def __init__(self, key: str, **named: str) -> None:
        self.key = key
        self.named = named
        self.transfers = 0
        self.shipments = 0
        self.units = dict.fromkeys(_SUMMED, 0)
        self.arrived = 0
        self.millis = 0

    def add(self, transfer: TransferRecord, lines: Sequence[TransferLine]) -> None:
        """Add these lines of a transfer, and its shipments that have any of them."""
        self.transfers += 1
        for line in lines:
            for field in _SUMMED:
                self.units[field] += getattr(line, field)
        numbers = {line.line_no for line in lines}
        for trip in transfer.trips:
            if numbers.isdisjoint(trip.line_nos):
                continue
            self.shipments += 1
            if trip.received_utc is not None:
                self.arrived += 1
                self.millis += to_millis(trip.received_utc) - to_millis(trip.shipped_utc)

    def row(self) -> TransferReportRow:
        """The row as answers show it."""
        units, named = self.units, self.named
        lost = units["damaged"] + units["missing"]
        return TransferReportRow(
            key=self.key,
            from_logical_guid=named.get("from_logical_guid"),
            to_logical_guid=named.get("to_logical_guid"),
            variant_id=named.get("variant_id"),
            transfers=self.transfers,
            shipments=self.shipments,
            requested=units["quantity"],
            approved=units["approved"],
            shipped=units["shipped"],
            in_transit=units["in_transit"],
            received=units["received"],
            damaged=units["damaged"],
            missing=units["missing"],
            average_transit_hours=ratio(self.millis, self.arrived * _MILLIS_AN_HOUR) if self.arrived else None,
            loss_percent=ratio(lost * 100, units["shipped"]) if units["shipped"] else None,
        )


class TransferReport:
    """Adds up transfers by `group_by`; only the lines of one variant if `variant_id` is given."""

    def __init__(self, group_by: GroupBy, variant_id: str | None = None) -> None:
        self.group_by = group_by
        self.variant_id = variant_id
        self.total = Sums("total")
        self.groups: dict[str, Sums] = {}

    def add(self, transfers: Iterable[TransferRecord]) -> None:
        """Add transfers to the sums."""
        for transfer in transfers:
            lines = [line for line in transfer.lines if self.variant_id in {None, line.variant_id}]
            if not lines:
                continue
            self.total.add(transfer, lines)
            if self.group_by == "variant":
                # A variant has at most one line in a transfer.
                for line in lines:
                    self._group(line.variant_id, variant_id=line.variant_id).add(transfer, [line])
            else:
                self._of(transfer, self.group_by).add(transfer, lines)

    def rows(self) -> list[TransferReportRow]:
        """The first `ROWS_MAX` rows, by key."""
        return [self.groups[key].row() for key in sorted(self.groups)[:ROWS_MAX]]

    def _of(self, transfer: TransferRecord, group_by: Literal["lane", "status", "day"]) -> Sums:
        origin, target = transfer.from_logical_guid, transfer.to_logical_guid
        match group_by:
            case "lane":
                return self._group(f"{origin}>{target}", from_logical_guid=origin, to_logical_guid=target)
            case "status":
                return self._group(transfer.status)
            case "day":
                return self._group(day_of(transfer.created_utc))
            case never:
                assert_never(never)

    def _group(self, key: str, **named: str) -> Sums:
        if key not in self.groups:
            self.groups[key] = Sums(key, **named)
        return self.groups[key]
