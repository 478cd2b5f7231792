"""Records with a long list are stored item by item, so a change of few items costs as much however many there are."""

from collections.abc import Sequence
from typing import Any

import msgspec

from chassis.mongo.limits import LARGE_DECODED_ITEMS
from chassis.mongo.table import Table
from chassis.sealed import to_stored

LONG_ITEMS = 100
"""Items from which on a list is long."""


def is_long(table: Table[Any], record: Any) -> bool:
    """Whether the record has a long list."""
    long_list = table.long_list
    return long_list is not None and record is not None and len(getattr(record, long_list.field)) >= LONG_ITEMS


def is_large(table: Table[Any], record: Any) -> bool:
    """Whether the operations that use a decoded record are large, because of the number of its items."""
    long_list = table.long_list
    return long_list is not None and len(getattr(record, long_list.field)) > LARGE_DECODED_ITEMS


def changed_items(before: Sequence[Any], after: Sequence[Any]) -> list[int]:
    """The places in a list whose items differ, those beyond the end of the list before included."""
    differing = [
        place for place, (old, new) in enumerate(zip(before, after, strict=False)) if old is not new and old != new
    ]
    return [*differing, *range(len(before), len(after))]


def changed_fields(table: Table[Any], before: Any, after: Any) -> dict[str, Any] | None:
    """The stored fields, and items of the long list, in which a record differs from what is stored; None if it is to be
    stored as a whole: its list is not long, an item was removed from it, or too many differ."""
    long_list = table.long_list
    if long_list is None or type(before) is not type(after) or not is_long(table, after):
        return None
    old, new = getattr(before, long_list.field), getattr(after, long_list.field)
    if len(new) < len(old):
        return None
    places = changed_items(old, new)
    if len(places) > len(new) // 4:
        return None
    changes: dict[str, Any] = {
        field: msgspec.to_builtins(getattr(after, field), enc_hook=to_stored)
        for field in table.struct.__struct_fields__
        if field != long_list.field and getattr(before, field) != getattr(after, field)
    }
    moved = any(place >= len(old) or not long_list.same(old[place], new[place]) for place in places)
    for field, derive in table.entity.derived.items():
        others = long_list.derived.get(field)
        if others is None or moved or not changes.keys().isdisjoint(others):
            changes[field] = derive(after)
    for place in places:
        changes[f"{long_list.field}.{place}"] = msgspec.to_builtins(new[place], enc_hook=to_stored)
    return changes
