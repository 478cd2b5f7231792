"""The demo's display: a table of stock totals after each step, and the newest events of the subscriber."""

from collections.abc import Mapping
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.subscriber import Subscriber

BUCKETS = ["available", "quarantine", "damaged", "consignment", "reserved", "committed", "in_transit", "on_hand"]


class Scene:
    """A table that is updated live on a terminal; elsewhere it is printed once, at the end."""

    def __init__(self, console: Console, subscriber: Subscriber, source: str) -> None:
        self._subscriber = subscriber
        self._rows: list[tuple[str, str, Mapping[str, int]]] = []
        self._running = ""
        self._source = source
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=8, transient=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._running = ""
        self._live.refresh()
        self._live.__exit__(None, None, None)

    def begin_step(self, title: str) -> None:
        """Show which step runs."""
        self._running = f"{title} …"

    def add_step(self, title: str, outcome: str, totals: Mapping[str, int]) -> None:
        """Add a row: the step's outcome, and the bucket totals of both facilities after it."""
        self._rows.append((title, outcome, totals))
        self._running = ""
        self._live.refresh()

    def _render(self) -> Group:
        table = Table(title=f"Two facilities, one day · {self._source}", title_justify="left", expand=False)
        table.add_column("step")
        for bucket in BUCKETS:
            table.add_column(bucket.replace("_", " "), justify="right")
        previous: Mapping[str, int] = {}
        for title, outcome, totals in self._rows:
            cells = [_cell(totals.get(bucket, 0), previous.get(bucket, 0), bool(previous)) for bucket in BUCKETS]
            table.add_row(Text.assemble((title, "bold"), (f"\n{outcome}" if outcome else "", "dim")), *cells)
            previous = totals
        newest = "\n".join(self._subscriber.newest) or "…"
        total = sum(self._subscriber.received.values())
        events = Panel(newest, title=f"the subscriber has received {total} events", title_align="left")
        return Group(table, events, Text(self._running, style="yellow"))


def _cell(units: int, before: int, known: bool) -> Text:
    """A number, highlighted if the step changed it."""
    return Text(f"{units:,}", style="bold green" if known and units != before else "")
