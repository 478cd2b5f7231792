"""Prints a scenario: the calls of each step, each number found beside the expected one, and a check mark."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from rich.console import Console
from rich.text import Text

from demo.findings import INDENT, Finding, mark, pair, print_findings, style
from demo.scenarios.script import Scenario, Step

COLUMNS = ("available", "quarantine", "damaged", "consigned", "reserved", "committed", "in transit", "on hand")
COLUMN_CELLS = 12
LABEL_CELLS = 8


class Findings(Struct, frozen=True):
    """The findings of a step: bucket totals by facility, and others."""

    books: Mapping[str, Sequence[Finding]]
    others: Sequence[Finding]

    @property
    def all(self) -> list[Finding]:
        """All findings, in order."""
        return [*(finding for row in self.books.values() for finding in row), *self.others]


class ScenarioOutput:
    """Prints a scenario line by line while it runs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, scenario: Scenario, called: str) -> None:
        """Print the title and the column headings."""
        self._console.print()
        self._console.print(Text.assemble((scenario.title, "bold"), (f" · {called} · found = expected", "dim")))
        columns = "".join(column.rjust(COLUMN_CELLS) for column in COLUMNS)
        self._console.print(Text(INDENT + " " * LABEL_CELLS + columns, style="dim"))

    def step(self, step: Step) -> None:
        """Print the step that is about to run."""
        calls = " + ".join(dict.fromkeys(act.words for act in step.actions))
        self._console.print(
            Text.assemble((f"{step.number:>2}  ", "bold"), (calls, "cyan"), ": " if calls else "", step.says)
        )

    def findings(self, findings: Findings) -> None:
        """Print what was found after the step."""
        for facility, row in findings.books.items():
            line = Text(INDENT + facility.ljust(LABEL_CELLS))
            for finding in row:
                line.append(pair(finding).rjust(COLUMN_CELLS), style=style(finding))
            self._console.print(line.append_text(mark(row)))
        print_findings(self._console, findings.others)

    def stopped(self, why: str, steps: int) -> None:
        """Print why the rest of the scenario is skipped."""
        self._console.print(f"{INDENT}[red]{why}; {steps} steps are skipped[/]")
