"""The launcher's output: one line when something starts, is ready, or fails."""

import sys
import threading
import time
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape


class Report:
    """Prints lines with the seconds since the launcher started; thread-safe."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    def say(self, name: str, text: str, style: str = "") -> None:
        """Print one line about a process or engine."""
        seconds = time.monotonic() - self._begun
        said = escape(text)
        with self._lock:
            self.console.print(
                f"[dim]{seconds:5.1f} s[/]  [bold]{name:<11}[/] {f'[{style}]{said}[/]' if style else said}"
            )

    def about(self, name: str) -> "Reporter":
        """A function that prints lines about one process or engine."""
        return Reporter(self, name)

    def columns(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows in aligned columns; the first row is the heading."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for number, row in enumerate(rows):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self.console.print(line, markup=False, style="" if number else "bold")

    def text(self, text: str = "") -> None:
        """Print text as it is."""
        self.console.print(text, markup=False)


class Reporter:
    """Prints lines about one process or engine."""

    def __init__(self, report: Report, name: str) -> None:
        self._report = report
        self._name = name

    def __call__(self, text: str) -> None:
        self._report.say(self._name, text)


def complain(text: str) -> None:
    """Print the line of a failure on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]failed:[/] {escape(text)}")
    sys.stdout.flush()
