"""What fields mean, each said once: the descriptions and examples of every document come from here.

A service says it in `fields.yaml` of its own package, the chassis in `chassis/fields.yaml`:

    meanings:
      quantity: Number of units.                            a field of this name, in any struct
      Reservation.quantity: Number of units promised.       in this struct and those made from it
    examples:
      variant_id: TEE-M-BLACK                               as above
      ZoneUpdateRequest: {name: North wall}                 fields that the example of a whole request needs as well

A `Struct.field` comes before a plain name, and the service's file before that of the chassis.
"""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from msgspec import Struct

from chassis.service import Service

FILE = "fields.yaml"
PARTS = ("meanings", "examples")


class Undescribed(Exception):
    """A field without a meaning, or a meaning without a field."""


class Meanings:
    """Meanings and examples of the fields of one service's structs."""

    def __init__(
        self, said: Mapping[str, Mapping[str, Any]], common: Mapping[str, Mapping[str, Any]], where: str
    ) -> None:
        self.where = where
        self._said = {part: said.get(part) or {} for part in PARTS}
        self._common = {part: common.get(part) or {} for part in PARTS}
        self._used: set[tuple[str, str]] = set()

    def meaning(self, struct: type, field: str) -> str | None:
        """What a field of a struct means; None where nothing says so."""
        found = self._find("meanings", struct, field)
        return None if found is None else str(found)

    def described(self, struct: type, field: str) -> str:
        """What a field of a struct means; Undescribed says where to add it."""
        found = self.meaning(struct, field)
        if found is None:
            raise Undescribed(
                f"{self.where} does not say what {struct.__name__}.{field} means: add “{field}: …” under `meanings`, "
                f"or “{struct.__name__}.{field}: …” if another struct's {field} means something else"
            )
        return found

    def example(self, struct: type, field: str) -> Any:
        """The example of a field of a struct; None where nothing gives one."""
        return self._find("examples", struct, field)

    def whole_example(self, struct: type) -> Mapping[str, Any]:
        """Fields that the example of a struct has beside its required ones."""
        for known in struct.__mro__:
            found = self._look("examples", known.__name__)
            if found is not None:
                return dict(found)
        return {}

    def idle(self) -> list[str]:
        """Keys of the service's own file that nothing has asked for."""
        return sorted(f"{part}: {key}" for part in PARTS for key in self._said[part] if (part, key) not in self._used)

    def _find(self, part: str, struct: type, field: str) -> Any:
        for key in _keys(struct, field):
            if (found := self._look(part, key)) is not None:
                return found
        return None

    def _look(self, part: str, key: str) -> Any:
        if key in self._said[part]:
            self._used.add((part, key))
            return self._said[part][key]
        return self._common[part].get(key)


def _keys(struct: type, field: str) -> Iterator[str]:
    for known in struct.__mro__:
        if known in (Struct, object):
            break
        yield f"{known.__name__}.{field}"
    yield field


def meanings_of(service: Service) -> Meanings:
    """The meanings of a service's fields."""
    return Meanings(_read(service.package), _read("chassis"), f"{service.package.replace('.', '/')}/{FILE}")


def _read(package: str) -> Mapping[str, Mapping[str, Any]]:
    file = files(package) / FILE
    if not file.is_file():
        return {}
    import yaml  # noqa: PLC0415  10 MB that only documents need

    found: Mapping[str, Mapping[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return found
