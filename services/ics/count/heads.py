"""Counts without their lines, as lists show them. Pure."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, field

from chassis.entity import Record
from chassis.errors import Conflict
from chassis.values import Guid, Id, Qty0, Text, Utc
from services.ics.count.domain import LINES_MAX, Count, CountStatus, position_key
from services.ics.keyed import KeyedFilters


class CountHead(Record):
    """A count without its lines and entries. `out_of_tolerance` is a number of lines."""

    count_id: Id
    logical_guid: Guid
    plan_id: Id | None
    recount_of: Id | None
    blind: bool
    status: CountStatus
    line_count: Annotated[int, Meta(ge=1, le=LINES_MAX)]
    out_of_tolerance: Qty0
    submitted_utc: Utc | None
    submitted_by: Guid | None
    decided_utc: Utc | None
    decided_by: Guid | None
    decision_note: Text | None


class CountSummary(CountHead):
    """A stored count as lists read it: without its lines, which may be hundreds.

    places  variant and zone of each line, see `places_of`
    """

    keys: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


def head_of(summary: CountSummary) -> CountHead:
    """The head of a count, for answers."""
    return CountHead(**{name: getattr(summary, name) for name in CountHead.__struct_fields__})


def places_of(count: Count) -> list[str]:
    """Variant and zone of each line as `variant/zone`, the zone empty if the line has none."""
    return sorted({f"{line.variant_id}/{line.zone_id or ''}" for line in count.lines})


def _places(record: Any) -> list[str]:
    places: list[str] = places_of(record) if isinstance(record, Count) else record.places
    return places


def _variants(record: Any) -> list[str]:
    return sorted({place.partition("/")[0] for place in _places(record)})


def _zones(record: Any) -> list[str]:
    return sorted({zone for place in _places(record) if (zone := place.partition("/")[2])})


FILTERS = KeyedFilters(
    {
        "p": ("plan_id",),
        "v": ("variant_id",),
        "z": ("zone_id",),
        "fs": ("logical_guid", "status"),
        "f": ("logical_guid",),
        "s": ("status",),
        "": (),
    },
    read={"variant_id": _variants, "zone_id": _zones, "place": _places},
)


def wanted_of(
    logical_guid: str | None, status: str | None, plan_id: str | None, variant_id: str | None, zone_id: str | None
) -> dict[str, str | None]:
    """The filters of a list. A variant and a zone must be those of one line."""
    place = f"{variant_id}/{zone_id}" if variant_id is not None and zone_id is not None else None
    return {
        "logical_guid": logical_guid,
        "status": status,
        "plan_id": plan_id,
        "variant_id": variant_id,
        "zone_id": zone_id if place is None else None,
        "place": place,
    }


def check_free(taken: Mapping[str, Count]) -> None:
    """Raise `Conflict`, naming count and line, if any position is in another open count (`position_key` -> count)."""
    for key, count in sorted(taken.items()):
        lines = [
            line.line_no for line in count.lines if position_key(count.logical_guid, line.variant_id, line.key) == key
        ]
        raise Conflict("a position is in another open count", count_id=count.count_id, line_no=lines[0])
