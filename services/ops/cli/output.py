"""Output of commands: a table or one JSON document on stdout, errors on stderr."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from google.protobuf.message import Message

from chassis.errors import Refusal
from chassis.frozen import Frozen
from chassis.rpc.refusals import error_of

WIDTH = 240
"""Width in characters of a table that is written to a file or a pipe."""

Row = Mapping[str, Any]


class CommandOutcome(Frozen):
    """The result of a command: the document, the rows of its table, and the exit status."""

    document: Mapping[str, Any]
    rows: Sequence[Row] | None = None
    status: int = 0


class Output:
    """Prints the result of a command."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._notes: list[str] = []

    def show(self, outcome: CommandOutcome | Mapping[str, Any] | None) -> int:
        """Print the result of a command and return its exit status."""
        for note in self._notes:
            print(note, file=sys.stderr)
        if outcome is None:
            return 0
        if not isinstance(outcome, CommandOutcome):
            outcome = CommandOutcome(document=outcome)
        if self.as_json:
            self.line(outcome.document)
        else:
            _print_table(outcome.rows if outcome.rows is not None else _rows_of(outcome.document))
        return outcome.status

    def line(self, document: Mapping[str, Any]) -> None:
        """Print one JSON document on a line, unbuffered."""
        print(msgspec.json.encode(document).decode(), flush=True)

    def text(self, text: str) -> None:
        """Print a line of text."""
        print(text, flush=True)

    def note(self, text: str) -> None:
        """Print a remark on stderr, so that stdout has the answer only.

        With JSON output nothing is printed: stderr then has the error object only.
        """
        if self.as_json:
            self._notes.append(text)
        else:
            print(text, file=sys.stderr)

    def refuse(self, refusal: Refusal) -> None:
        """Print on stderr why the command was refused."""
        error = error_of(refusal, "stackctl")
        if self.as_json:
            print(msgspec.json.encode(error).decode(), file=sys.stderr)
            return
        print(f"stackctl: {error.major.message.en_US} ({error.error_code})", file=sys.stderr)
        if error.details:
            print(f"  {msgspec.json.encode(error.details).decode()}", file=sys.stderr)


def plain(message: Message) -> dict[str, Any]:
    """A message as the contract's object: all fields, `null` for absent ones."""
    return {field.name: _value(message, field) for field in message.DESCRIPTOR.fields}


def _value(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [plain(each) if isinstance(each, Message) else each for each in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return plain(value) if isinstance(value, Message) else value


def _rows_of(document: Mapping[str, Any]) -> list[Row]:
    """The rows of a document: its list, or its one object."""
    if len(document) == 1:
        (inner,) = document.values()
        if isinstance(inner, list):
            return [each if isinstance(each, Mapping) else {"": each} for each in inner]
        if isinstance(inner, Mapping):
            return [inner]
    return [document]


def _print_table(rows: Sequence[Row]) -> None:
    from rich.console import Console  # noqa: PLC0415  not needed for JSON
    from rich.table import Table  # noqa: PLC0415

    # Outside a terminal lines are not wrapped.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH)
    columns = list(dict.fromkeys(name for row in rows for name, value in row.items() if value not in (None, [])))
    if not columns:
        console.print("nothing" if not rows else "done", style="dim")
        return
    if len(rows) == 1:
        width = max(len(name) for name in columns)
        for name in columns:
            console.print(f"[dim]{name:<{width}}[/]  ", end="")
            console.print(_text(rows[0].get(name)), markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=False)
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in columns))
    console.print(table, soft_wrap=False)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value)
    return msgspec.json.encode(value).decode()
