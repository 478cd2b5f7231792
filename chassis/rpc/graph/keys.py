"""Logical keys: PK and SK of a record by the patterns of its entity, and the fields that a PK and SK contain."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, get_type_hints

import msgspec

from chassis.entity import Entity
from chassis.pattern import pattern


class EntityKeys:
    """The keys of one entity. `pairs` maps GSI numbers to patterns, 0 to the record's own."""

    def __init__(self, entity: Entity[Any]) -> None:
        self.entity = entity
        declared = {0: entity.keys, **entity.lookups}
        self.pairs = {number: (pattern(pk), pattern(sk)) for number, (pk, sk) in declared.items()}

    @property
    def names(self) -> list[str]:
        """Names of the keys its records have."""
        return [name for number in self.pairs for name in _names(number)]

    def of(self, record: Any) -> dict[str, str]:
        """The keys of a record by name; lookups with null fields are left out."""
        keys: dict[str, str] = {}
        for number, patterns in self.pairs.items():
            rendered = [each.render(record) for each in patterns]
            if all(key is not None for key in rendered):
                keys.update(zip(_names(number), map(str, rendered), strict=True))
        return keys

    def fields_of(self, pk: str, sk: str) -> dict[str, Any] | None:
        """The typed fields in a PK and SK; None if they do not match this entity."""
        pk_pattern, sk_pattern = self.pairs[0]
        first, second = pk_pattern.parse(pk), sk_pattern.parse(sk)
        if first is None or second is None or any(first[name] != second[name] for name in first.keys() & second.keys()):
            return None
        return self._typed({**first, **second})

    def id_in(self, fields: Mapping[str, Any]) -> str | None:
        """The id that key fields contain, or that is made of them; None if they do not suffice."""
        if self.entity.id in fields:
            return str(fields[self.entity.id])
        made = pattern(self.entity.id_pattern) if self.entity.id_pattern else None
        return made.render(fields) if made is not None else None

    def partitions_of(self, pk: str) -> list[dict[str, Any]]:
        """The fields in a PK, for each different pattern that matches (the record's own and those of its lookups)."""
        parsed = (pk_pattern.parse(pk) for pk_pattern in dict.fromkeys(pk for pk, _ in self.pairs.values()))
        typed = (self._typed(fields) for fields in parsed if fields is not None)
        return [fields for fields in typed if fields is not None]

    def _typed(self, fields: Mapping[str, str]) -> dict[str, Any] | None:
        try:
            return {name: msgspec.convert(text, self._hints[name], strict=False) for name, text in fields.items()}
        except msgspec.ValidationError:
            return None

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.entity.struct, include_extras=True)


def _names(number: int) -> tuple[str, str]:
    return (f"GSI{number}PK", f"GSI{number}SK") if number else ("PK", "SK")
