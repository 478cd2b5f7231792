"""Where the history of records comes from that are not in the event log."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct


class WrittenOnce(Struct, frozen=True):
    """The history of records that are written once: one item, made from the record; the names of its fields."""

    at: str
    by: str
    reason: str = ""


Changed = tuple[str, Any, Any]
"""A field, its value before and after a change."""


class RecordedBy(Struct, frozen=True):
    """The history of records that are changed with records of another kind, which are written once: an item for each of
    these, found by their field `by` with the value that `value` makes; `changed` says what one of them changed.
    """

    kind: str
    by: str
    value: str
    changed: Callable[[Any, Any], Sequence[Changed]]
