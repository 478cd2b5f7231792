"""What callers say with their calls, and where it is read back: the contract's invariant 32."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec.structs import replace

from services.ics.ledger.entry import StockCardEntry
from tests.ics.histories.kinds import KIND_OF
from tests.ics.histories.shown import Shown


class Kept(NamedTuple):
    """Where the text given with a call is kept.

    record   the field of the answer with the record that keeps it
    field    the record's field; None: its remarks
    entries  whether the call's entries keep it, too
    """

    record: str | None = None
    field: str | None = None
    entries: bool = False


KEPT: MappingProxyType[str, Kept] = MappingProxyType(
    {
        "ics_receive_record": Kept("receive", "note"),
        "ics_transfer_request_create": Kept("transfer", "note"),
        "ics_transfer_request_approve": Kept("transfer", "decision_note"),
        "ics_count_approve": Kept("count", "decision_note"),
        "ics_count_reject": Kept("count", "decision_note"),
        "ics_holdback_set": Kept("holdback", "reason"),
        "ics_adjustment_create": Kept("adjustment", "reason", entries=True),
        "ics_adjustment_import": Kept("adjustment_import", "reason"),
        "ics_stock_transition": Kept("transition", "reason", entries=True),
        "ics_putaway_record": Kept(entries=True),
        "ics_replenishment_record": Kept(entries=True),
        "ics_serial_assign": Kept(entries=True),
        "ics_transfer_shipment_receive": Kept("shipment", entries=True),
        "ics_transfer_shipment_close": Kept("shipment", entries=True),
        "ics_reservation_release": Kept("reservation", entries=True),
        "ics_allocation_release": Kept("allocation", entries=True),
        "ics_commit_release": Kept("commit", entries=True),
        "ics_consignment_consume": Kept("consignment", entries=True),
        "ics_transfer_request_submit": Kept("transfer"),
        "ics_transfer_request_cancel": Kept("transfer"),
        "ics_bin_status_set": Kept("bin"),
    }
)


class Said:
    """Says something with every second call that takes a note or reason, and looks for it afterwards."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._calls = 0
        self._kept: list[tuple[str, str, str | None, str]] = []

    def saying(self, body: Any) -> Any:
        """The request, with a note or reason of its own where it may have one and has none."""
        self._calls += 1
        if self._calls % 2 == 0:
            return body
        text = f"said with call {self._calls}"
        if getattr(body, "results", None):
            return replace(body, results=[replace(result, note=text) for result in body.results])
        for name in ("reason", "note"):
            if name in body.__struct_fields__ and getattr(body, name) is None:
                return replace(body, **{name: text})
        return body

    def answered(self, call: str, body: Any, answer: Any, new: Sequence[StockCardEntry]) -> None:
        """Look for what was said in the answer and the new entries, and remember where it is kept."""
        if call == "ics_adjustment_import":
            _check_lines(body, new)
        for result in getattr(body, "results", None) or ():
            if result.note is not None:
                self._check_result(result, answer.receive, new)
        text = getattr(body, "reason", None) or getattr(body, "note", None)
        if text is None:
            self._check_silence(call, answer)
            return
        kept = KEPT[call]
        if kept.entries:
            assert new, call
            operation = new[-1].operation_id
            assert {entry.reason for entry in new if entry.operation_id == operation} == {text}, call
        if kept.record is None:
            return
        record = getattr(answer, kept.record)
        if kept.field is not None:
            assert getattr(record, kept.field) == text, record
        else:
            remark = record.remarks[0]
            assert (remark.text, remark.call, remark.revision) == (text, call, record.revision), record
            assert (remark.made_by, remark.made_utc, remark.line_no) == ("anna", record.updated_utc, None), record
        if kept.record in KIND_OF:
            self._kept.append((kept.record, KIND_OF[kept.record].id_of(record), kept.field, text))

    def _check_result(self, result: Any, receipt: Any, new: Sequence[StockCardEntry]) -> None:
        """The note of an inspected line is a remark with its number, and the reason of its entries."""
        remarks = [each for each in receipt.remarks if each.revision == receipt.revision]
        assert [(each.line_no, each.text) for each in remarks] == [(result.line_no, result.note)], receipt
        assert {each.reason for each in new if each.document_line == result.line_no} == {result.note}, receipt
        self._kept.append(("receive", receipt.receive_id, None, result.note))

    def _check_silence(self, call: str, answer: Any) -> None:
        """Nothing said, no remark."""
        kept = KEPT.get(call)
        if kept is not None and kept.record is not None and kept.field is None:
            record = getattr(answer, kept.record)
            assert all(remark.revision < record.revision for remark in record.remarks), record

    def check_all(self) -> None:
        """Everything that was said is still there."""
        for name, record_id, field, text in self._kept:
            record = self._shown.get(KIND_OF[name], record_id)
            found = [remark.text for remark in record.remarks] if field is None else [getattr(record, field)]
            assert text in found, (name, field, text, record)


def _check_lines(body: Any, new: Sequence[StockCardEntry]) -> None:
    """Entries of an import have the reason of their line, or else that of the call."""
    for entry in new:
        if entry.document_line is not None:
            assert entry.reason == (body.lines[entry.document_line - 1].reason or body.reason), entry
