"""The history of records whose changes are not in the event log."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct


class WrittenOnce(Struct, frozen=True):
    """The history of records that never change: one item. The fields of the record for its time, actor and reason."""

    at: str
    by: str
    reason: str = ""


Changed = tuple[str, Any, Any]
"""A field, its value before the change, and its value after it."""


class RecordedBy(Struct, frozen=True):
    """The history of records whose every change is described by a record of another kind, which itself never changes.

    The history has an item for each record of `kind` whose field `by` has the value that the pattern `value` makes of
    the changed record. `changed` returns what such a record changed.
    """

    kind: str
    by: str
    value: str
    changed: Callable[[Any, Any], Sequence[Changed]]
