"""What a transfer allows, and how its lines add up what became of its shipments."""

from typing import Any

import pytest

from chassis.clock import later
from chassis.errors import Invalid, InvalidState
from services.ics.transfer.domain import (
    TransferRecord,
    approve,
    arrived,
    check_shippable,
    left,
    reject,
    submit,
    to_answer,
)
from tests.ics.given import NOON
from tests.ics.transfer.given import a_line, a_load, a_transfer, a_trip

BY: dict[str, Any] = {"actor": "anna", "now": NOON, "note": None}


def submitted(*lines: Any) -> TransferRecord:
    return a_transfer(*lines, status="submitted")


def test_a_draft_is_submitted_once() -> None:
    transfer = submit(a_transfer(note="first"), actor="anna", now=NOON)
    assert (transfer.status, transfer.submitted_by, transfer.submitted_utc) == ("submitted", "anna", NOON)
    assert transfer.note == "first"
    with pytest.raises(InvalidState) as refused:
        submit(transfer, actor="anna", now=NOON)
    assert refused.value.details == {"status": "submitted"}


def test_approval_takes_every_line_as_asked_unless_it_is_cut_down() -> None:
    transfer = approve(submitted(a_line(1), a_line(2), a_line(3)), {2: 4, 3: 0}, **BY)
    assert (transfer.status, [line.approved for line in transfer.lines]) == ("approved", [10, 4, 0])


@pytest.mark.parametrize(
    ("cuts", "path"),
    [({3: 1}, "lines.0.line_no"), ({1: 5, 2: 11}, "lines.1.approved"), ({1: 0, 2: 0}, "lines")],
)
def test_approval_only_cuts_down_lines_there_are_and_never_all_to_nothing(cuts: dict[int, int], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        approve(submitted(a_line(1), a_line(2)), cuts, **BY)
    assert [problem.path for problem in refused.value.details["fields"]] == [path]


@pytest.mark.parametrize("status", ["draft", "approved", "rejected", "in_progress", "completed"])
def test_only_what_is_submitted_is_decided(status: str) -> None:
    with pytest.raises(InvalidState):
        approve(a_transfer(status=status), {}, **BY)
    with pytest.raises(InvalidState):
        reject(a_transfer(status=status), **BY)


def test_what_is_rejected_has_approved_nothing() -> None:
    transfer = reject(submitted(), actor="bert", now=NOON, note="no room")
    assert (transfer.status, transfer.decided_by, transfer.decision_note) == ("rejected", "bert", "no room")
    assert [line.approved for line in transfer.lines] == [0]


@pytest.mark.parametrize(
    "transfer",
    [
        a_transfer(),
        a_transfer(status="submitted"),
        a_transfer(status="rejected"),
        a_transfer(status="completed"),
        a_transfer(status="in_progress", final=True),
        a_transfer(status="in_progress", trips=[a_trip()] * 200),
    ],
)
def test_only_approved_transfers_that_are_not_final_are_shipped(transfer: TransferRecord) -> None:
    with pytest.raises(InvalidState):
        check_shippable(transfer)


def test_a_shipment_counts_on_the_lines_it_took_along() -> None:
    transfer = a_transfer(a_line(1, approved=10), a_line(2, approved=10), status="approved")
    loads = [a_load(1, quantity=3), a_load(2, transfer_line_no=1, quantity=2, lot_code="L-A")]
    transfer = left(transfer, "s-1", loads, now=NOON, final=False)
    assert (transfer.status, to_answer(transfer).shipment_ids) == ("in_progress", ["s-1"])
    assert [(line.shipped, line.in_transit, line.unshipped) for line in transfer.lines] == [(5, 5, 5), (0, 0, 10)]


def received_of(transfer: TransferRecord, *, accepted: int, damaged: int = 0, missing: int = 0) -> TransferRecord:
    before = [a_load(1, quantity=5)]
    outstanding = 5 - accepted - damaged - missing
    after = [a_load(1, quantity=5, accepted=accepted, damaged=damaged, missing=missing, outstanding=outstanding)]
    arrival = later(NOON, 3600) if outstanding == 0 else None
    return arrived(transfer, "s-1", before, after, received_utc=arrival)


def test_what_arrived_counts_as_received_damaged_or_missing() -> None:
    transfer = left(
        a_transfer(a_line(1, approved=5), status="approved"), "s-1", [a_load(1, quantity=5)], now=NOON, final=False
    )
    part = received_of(transfer, accepted=2, damaged=1)
    line = part.lines[0]
    assert (part.status, line.in_transit, line.received, line.damaged, line.missing) == ("in_progress", 2, 2, 1, 0)
    whole = received_of(transfer, accepted=2, damaged=1, missing=2)
    assert (whole.status, whole.trips[0].received_utc) == ("completed", later(NOON, 3600))


def test_what_is_to_follow_keeps_a_transfer_open_unless_the_last_shipment_was_final() -> None:
    approved = a_transfer(a_line(1, approved=10), status="approved")
    for final, status in ((False, "in_progress"), (True, "completed")):
        transfer = left(approved, "s-1", [a_load(1, quantity=5)], now=NOON, final=final)
        assert received_of(transfer, accepted=5).status == status
