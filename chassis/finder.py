"""How records are found by a field that no index begins with: by an index over a derived field, for instance."""

from collections.abc import Mapping

from msgspec import Struct, field


class Finder(Struct, frozen=True):
    """How records are found by a field that no index begins with.

    The pattern `value` splits the value searched for into parts. The parts fill the patterns of `where`, one for each
    field of an index, and those of `rest`: further fields to compare, if the index finds other records as well.
    """

    where: Mapping[str, str]
    value: str = "{value}"
    rest: Mapping[str, str] = field(default_factory=dict)


def found_by(value: str = "{value}", *, rest: Mapping[str, str] | None = None, **where: str) -> Finder:
    """A `Finder`: `found_by(refs="v:{value}")` finds the records whose index field `refs` has `v:` and the value."""
    return Finder(where=where, value=value, rest=rest or {})
