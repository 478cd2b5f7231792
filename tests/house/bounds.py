"""The house rule of bounds: what grows with what others left behind is read with a bound, or for a reason that is said.

A call that reads all there is has `at_most`, or the function that makes it is in `WHOLE`, with the row of the table in
docs/operations.md that says what bounds it or why it may read everything.
"""

import ast
from collections.abc import Iterator

from tests.house.rules import ROOT, python_files

PAGE = ROOT / "docs/operations.md"
READS_ALL = {"find_all", "promises_of", "overdue_promises", "items_of_variant"}
"""Functions that return everything that matches, unless `at_most` bounds them."""

WHOLE = {
    "services/ics/atp/reading.py _overdue_units": "overdue promises counted by atp/query",
    "services/ics/consignment/store.py consignments_of": "consignments on hand of an item",
    "services/ics/count/store.py _counted_before": "count plans of an org",
    "services/ics/demand/store.py _months": "months of demand of a variant",
    "services/ics/demand/store.py available_in": "facilities of a variant",
    "services/ics/ledger/audit_bins.py _items_in": "items in a bin, by the audit",
    "services/ics/ledger/auditing.py _kept": "promises of an item, by the audit",
    "services/ics/ledger/held.py _take_up_first": "holders of an item whose units are moved",
    "services/ics/ledger/places.py _count_some": "items in a bin that gets a capacity",
    "services/ics/ledger/promises.py overdue_promises": "overdue promises counted by atp/query",
    "services/ics/ledger/promises.py promises_of": "holders of an item whose units are moved",
    "services/ics/ledger/store.py items_of_variant": "facilities of a variant",
    "services/ics/receive/store.py receipts_pending": "receipts of an item under inspection",
    "services/ics/serial/reading.py _items_of_lots": "facilities of a variant",
    "services/ics/serial/reading.py _lot_counts": "facilities of a variant",
    "services/ics/serial/store.py units_at": "serials at a position, by a count",
    "services/ics/serial/store.py units_held_by": "serials of a holder",
    "services/ics/serial/store.py units_of": "serials of an item, by the audit",
    "services/ics/snapshot/reading.py _hold": "promises of an item, by a snapshot",
    "services/ics/transfer/store.py shipments_coming": "shipments on their way to an item",
    "services/pmc/audit/jobs.py look": "channels and orgs with totals, by `rollup_audit`",
    "services/pmc/rollup/store.py channel_rollups": "roll-ups of a channel, by `rollup_audit`",
    "services/slc/channel/store.py open_channels": "open channels of all orgs",
}
"""Function that reads all there is -> the row of the table that says why it may."""


def unbounded_reads() -> Iterator[str]:
    """What grows with what others left behind has a bound, or a reason in docs/operations.md."""
    page = PAGE.read_text()
    met: set[str] = set()
    for path in python_files():
        name = path.relative_to(ROOT)
        if name.parts[0] != "services":
            continue
        for line, function in whole_reads(ast.parse(path.read_text())):
            place = f"{name} {function}"
            met.add(place)
            if place not in WHOLE:
                yield (
                    f"{name}:{line}: {function} reads all that there is; give it `at_most`, read it in windows, or say "
                    f"why it may in a row of {PAGE.relative_to(ROOT)}, and name both in tests/house/bounds.py"
                )
    for place in sorted(WHOLE.keys() - met):
        yield f"tests/house/bounds.py: {place} reads nothing whole any more; take it out"
    for row in sorted(set(WHOLE.values())):
        if f"\n| {row} |" not in page:
            yield f"{PAGE.relative_to(ROOT)}: no row of a table begins with “{row}”"


def whole_reads(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The calls that read all there is: line, and the function around it."""
    for function in ast.walk(tree):
        if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef):
            for call in _calls_of(function):
                if _called(call) in READS_ALL and not _is_bounded(call):
                    yield call.lineno, function.name


def _calls_of(function: ast.AST) -> Iterator[ast.Call]:
    """The calls in a function, without those in functions within it."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.AsyncFunctionDef | ast.FunctionDef):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _calls_of(child)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _is_bounded(call: ast.Call) -> bool:
    return any(
        keyword.arg == "at_most" and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is None)
        for keyword in call.keywords
    )


RULES = [unbounded_reads]
