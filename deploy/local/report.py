"""What the user sees while the launcher works: a line when something begins, is there, or failed."""

import sys
import threading
import time
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape


class Report:
    """Lines with the seconds since the beginning; safe to use from several threads."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    def say(self, name: str, text: str, style: str = "") -> None:
        """One line about one thing."""
        seconds = time.monotonic() - self._begun
        said = escape(text)
        with self._lock:
            self.console.print(
                f"[dim]{seconds:5.1f} s[/]  [bold]{name:<11}[/] {f'[{style}]{said}[/]' if style else said}"
            )

    def about(self, name: str) -> "Voice":
        """A voice that speaks about one thing."""
        return Voice(self, name)

    def columns(self, rows: Sequence[Sequence[str]]) -> None:
        """Rows as columns as wide as they need to be; the first row is their heading."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for number, row in enumerate(rows):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self.console.print(line, markup=False, style="" if number else "bold")

    def text(self, text: str = "") -> None:
        """Text, as it is."""
        self.console.print(text, markup=False)


class Voice:
    """Says lines about one thing."""

    def __init__(self, report: Report, name: str) -> None:
        self._report = report
        self._name = name

    def __call__(self, text: str) -> None:
        self._report.say(self._name, text)


def complain(text: str) -> None:
    """The one line of a failure, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]failed:[/] {escape(text)}")
    sys.stdout.flush()
