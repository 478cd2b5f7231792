"""Values found beside the values expected, and how they are printed."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from rich.console import Console
from rich.text import Text

INDENT = " " * 4


class Finding(Struct, frozen=True):
    """A value found, and the value expected."""

    words: str
    found: Any
    expected: Any

    @property
    def agrees(self) -> bool:
        """Whether both are equal."""
        return bool(self.found == self.expected)


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print findings one after the other, with a mark that says whether all agree."""
    if not findings:
        return
    line = Text()
    for number, finding in enumerate(findings):
        line.append(" · " if number else "").append(f"{finding.words} ")
        line.append(pair(finding), style=style(finding))
    line.append_text(mark(findings))
    for part in line.wrap(console, console.width - len(INDENT)):
        part.rstrip()
        console.print(Text(INDENT).append_text(part))


def pair(finding: Finding) -> str:
    """Both values in print."""
    return f"{_text(finding.found)} {'=' if finding.agrees else '≠'} {_text(finding.expected)}"


def style(finding: Finding) -> str:
    """The style in which a finding is printed."""
    return "" if finding.agrees else "bold red"


def mark(findings: Sequence[Finding]) -> Text:
    """A check mark, or a cross where a value differs."""
    good = all(finding.agrees for finding in findings)
    return Text("  ✓" if good else "  ✗", style="green" if good else "bold red")


def _text(value: Any) -> str:
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
