"""Prints the table: one row per measurement, and below it the ratios between rows."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.load import GENERATOR_BUSY
from bench.rows import Row

FEW = 20.0
"""Rates below this are printed with a decimal."""


def show(console: Console, rows: Sequence[Row], engine: str, items: int, memory: Mapping[str, float]) -> None:
    """Print the rows and the ratios."""
    table = Table(title=f"{engine}, {items:,} items in the ledger", title_justify="left")
    for column in ("row", "clients", "requests/s", "p50 ms", "p99 ms", "CPU ms ours", "database", "broker", "errors"):
        table.add_column(column, justify="left" if column == "row" else "right", no_wrap=column != "row")
    table.add_column("ratio", justify="right", no_wrap=True)
    rates = {row.measured.name: row.measured.per_second for row in rows}
    for row in rows:
        table.add_row(*_cells(row, rates))
    console.print(table)
    for row in rows:
        _remark(console, row)
    mib = ", ".join(f"{name} {size:.0f}" for name, size in memory.items())
    console.print(f"resident memory at the end, MiB: {mib}")


def _cells(row: Row, rates: Mapping[str, float]) -> list[str]:
    told, cpu = row.measured, row.cpu
    each = 1000 / told.requests if told.requests else 0.0
    ratio = f"{told.per_second / rates[row.against]:.2f} x" if rates.get(row.against) else ""
    return [
        told.name,
        str(told.clients),
        f"{told.per_second:,.0f}" if told.per_second >= FEW else f"{told.per_second:.1f}",
        f"{told.percentile(0.50):.2f}",
        f"{told.percentile(0.99):.2f}",
        *(f"{seconds * each:.3f}" if seconds else "–" for seconds in (cpu.ours, cpu.database, cpu.broker)),
        str(told.errors),
        ratio,
    ]


def _remark(console: Console, row: Row) -> None:
    told = row.measured
    if told.generator_busy > GENERATOR_BUSY:
        console.print(
            f"[yellow]{told.name}: the load generator used {told.generator_busy:.0%} of a core; it may be "
            "what set the pace[/]"
        )
    if told.errors:
        console.print(f"[red]{told.name}: {told.errors} errors, the first: {told.note}[/]")
    elif told.note:
        console.print(f"{told.name}: {told.note}")
