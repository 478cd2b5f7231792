"""Prints a scenario: the calls of each step, each number found beside the expected one, and a check mark."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from rich.console import Console
from rich.text import Text

from demo.scenarios.script import Scenario, Step

COLUMNS = ("available", "quarantine", "damaged", "consigned", "reserved", "committed", "in transit", "on hand")
COLUMN_CELLS = 12
INDENT = " " * 4
LABEL_CELLS = 8


class Finding(Struct, frozen=True):
    """A value found, and the value expected."""

    words: str
    found: Any
    expected: Any

    @property
    def agrees(self) -> bool:
        """Whether both are equal."""
        return bool(self.found == self.expected)


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
                line.append(_pair(finding).rjust(COLUMN_CELLS), style=_style(finding))
            self._console.print(line.append_text(_mark(row)))
        if not findings.others:
            return
        line = Text()
        for number, finding in enumerate(findings.others):
            line.append(" · " if number else "").append(f"{finding.words} ")
            line.append(_pair(finding), style=_style(finding))
        line.append_text(_mark(findings.others))
        for part in line.wrap(self._console, self._console.width - len(INDENT)):
            part.rstrip()
            self._console.print(Text(INDENT).append_text(part))

    def stopped(self, why: str, steps: int) -> None:
        """Print why the rest of the scenario is skipped."""
        self._console.print(f"{INDENT}[red]{why}; {steps} steps are skipped[/]")


def _pair(finding: Finding) -> str:
    return f"{_text(finding.found)} {'=' if finding.agrees else '≠'} {_text(finding.expected)}"


def _style(finding: Finding) -> str:
    return "" if finding.agrees else "bold red"


def _mark(findings: Sequence[Finding]) -> Text:
    good = all(finding.agrees for finding in findings)
    return Text("  ✓" if good else "  ✗", style="green" if good else "bold red")


def _text(value: Any) -> str:
    """A value in print."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value).replace("-", "−")
        case list():
            return ", ".join(_text(each) for each in value) or "nothing"
    return str(value)
