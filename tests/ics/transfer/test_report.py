"""What a report adds up, and over what time."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import Utc, later
from services.ics.transfer.domain import TransferRecord
from services.ics.transfer.report import GroupBy, TransferReport, TransferReportRow
from tests.ics.given import NOON
from tests.ics.transfer.given import a_line, a_transfer, a_trip

HOUR = 3600


def reported(
    transfers: Sequence[TransferRecord], group_by: GroupBy = "lane", variant_id: str | None = None
) -> tuple[list[TransferReportRow], TransferReportRow]:
    report = TransferReport(group_by, variant_id)
    report.add(transfers)
    return report.rows(), report.total.row()


def travelled() -> TransferRecord:
    """Two variants, two shipments: one took both and arrived after three hours, one took the second and has not."""
    return a_transfer(
        a_line(1, approved=8, shipped=8, received=6, damaged=1, missing=1),
        a_line(2, approved=10, shipped=7, in_transit=2, received=5),
        status="in_progress",
        trips=[a_trip(1, 2, received_utc=later(NOON, 3 * HOUR)), a_trip(2)],
    )


def test_lanes_add_up_lines_and_count_transfers_and_shipments() -> None:
    rows, total = reported([travelled(), a_transfer()])
    assert [(row.key, row.from_logical_guid, row.to_logical_guid, row.variant_id) for row in rows] == [
        ("FAC-A>FAC-B", "FAC-A", "FAC-B", None)
    ]
    row = rows[0]
    assert (row.transfers, row.shipments, row.requested, row.approved, row.shipped) == (2, 2, 30, 18, 15)
    assert (row.in_transit, row.received, row.damaged, row.missing) == (2, 11, 1, 1)
    assert (row.average_transit_hours, row.loss_percent) == ("3.0000", "13.3333")
    assert (total.key, total.from_logical_guid, total.shipped) == ("total", None, 15)


def test_by_variant_each_row_counts_its_own_lines_and_shipments_while_the_total_counts_each_once() -> None:
    rows, total = reported([travelled()], "variant")
    assert [(row.key, row.variant_id, row.transfers, row.shipments, row.shipped) for row in rows] == [
        ("VAR-1", "VAR-1", 1, 1, 8),
        ("VAR-2", "VAR-2", 1, 2, 7),
    ]
    assert (total.transfers, total.shipments, total.shipped) == (1, 2, 15)


def test_one_variant_leaves_the_other_lines_and_their_shipments_out() -> None:
    rows, total = reported([travelled(), a_transfer(a_line(2))], variant_id="VAR-1")
    assert (total.transfers, total.shipments, total.requested) == (1, 1, 10)
    assert rows[0].requested == 10


def test_nothing_shipped_has_lost_nothing_and_taken_no_time() -> None:
    _, total = reported([a_transfer()])
    assert (total.average_transit_hours, total.loss_percent) == (None, None)
    assert reported([]) == ([], TransferReport("lane").total.row())


def test_days_are_those_transfers_were_created_on() -> None:
    late = a_transfer(created_utc=Utc("2026-03-01T23:59:59.999Z"))
    rows, _ = reported([a_transfer(), late], "day")
    assert [row.key for row in rows] == ["2026-03-01", "2026-03-02"]


STATUSES = ("draft", "approved", "in_progress", "completed")
TRANSFERS = st.lists(
    st.builds(
        lambda origin, status, numbers: a_transfer(
            *(a_line(number, variant_id=f"VAR-{number}", approved=5, shipped=units) for number, units in numbers),
            from_logical_guid=origin,
            status=status,
        ),
        st.sampled_from(("FAC-A", "FAC-C")),
        st.sampled_from(STATUSES),
        st.lists(
            st.tuples(st.integers(1, 4), st.integers(0, 5)), min_size=1, max_size=4, unique_by=lambda each: each[0]
        ),
    ),
    max_size=6,
)


@given(transfers=TRANSFERS, group_by=st.sampled_from(("lane", "variant", "status", "day")))
def test_rows_add_up_to_the_total_however_they_are_grouped(transfers: list[TransferRecord], group_by: Any) -> None:
    rows, total = reported(transfers, group_by)
    for field in ("requested", "approved", "shipped"):
        assert sum(getattr(row, field) for row in rows) == getattr(total, field)
    if group_by != "variant":
        assert sum(row.transfers for row in rows) == total.transfers == len(transfers)
    assert [row.key for row in rows] == sorted(row.key for row in rows)
