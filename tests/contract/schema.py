"""An OpenAPI document's schemas held against the types of the contract, each difference said in a line."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.contract.rows import Bounds, Contract, Field, fields_of, int_of, list_of, words_of

QUANTITY_MAX = 1_000_000_000

TEXT_LIMITS = {
    "sku": (1, 64),
    "lot": (1, 64),
    "serialno": (1, 64),
    "text": (1, 512),
    "longtext": (1, 8192),
    "name": (1, 128),
    "reason": (1, 256),
    "idemkey": (1, 128),
    "udi": (1, 256),
}
PATTERNED = ("id", "guid", "orgcode", "cccode", "code", "barcode", "utc", "date")
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "qty": (1, QUANTITY_MAX),
    "qty0": (0, QUANTITY_MAX),
    "delta": (-QUANTITY_MAX, QUANTITY_MAX),
    "count": (0, None),
    "revision": (1, None),
}
JSON_TYPES = {"bool": "boolean", "map": "object", "balance": "integer", "seq": "integer", "token": "string"}
ANY_FIELD_OF = re.compile(r"<any field of (\w+)>")
BUCKETS = ("available", "quarantine", "damaged", "consignment", "reserved", "committed", "in_transit")


class Document:
    """An OpenAPI document, with its references looked up."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    def resolve(self, schema: Any) -> dict[str, Any]:
        """What a schema says, references followed."""
        while isinstance(schema, Mapping) and "$ref" in schema:
            node: Any = self.raw
            for part in schema["$ref"].removeprefix("#/").split("/"):
                node = node[part]
            schema = node
        return dict(schema) if isinstance(schema, Mapping) else {}

    def without_null(self, schema: Any) -> tuple[Any, bool]:
        """The schema of what a field holds when it is not null, and whether it may be null."""
        plain = self.resolve(schema)
        branches = plain.get("anyOf") or plain.get("oneOf") or []
        others = [branch for branch in branches if self.resolve(branch).get("type") != "null"]
        if len(others) < len(branches):
            rest = others[0] if len(others) == 1 else {**plain, "anyOf": others}
            return rest, True
        kinds = plain.get("type")
        if isinstance(kinds, list) and "null" in kinds:
            rest = [kind for kind in kinds if kind != "null"]
            words = {"enum": [word for word in plain["enum"] if word is not None]} if "enum" in plain else {}
            return {**plain, "type": rest[0] if len(rest) == 1 else rest, **words}, True
        if None in plain.get("enum", ()):
            return {**plain, "enum": [word for word in plain["enum"] if word is not None]}, True
        return schema, False


def other_words(where: str, what: str, found: Iterable[str], wanted: Iterable[str]) -> Iterator[str]:
    """Where one set of words differs from another, a line for each word."""
    for word in sorted(set(wanted) - set(found)):
        yield f"{where}: lacks {what} {word}"
    for word in sorted(set(found) - set(wanted)):
        yield f"{where}: has {what} {word}, which the contract lacks"


class Comparison:
    """One service's document and its contract, held against each other.

    Of a request every limit is compared, for it is checked; of an answer the JSON types, and which fields may be null.
    """

    def __init__(self, document: Document, contract: Contract, *, answer: bool) -> None:
        self.document = document
        self.contract = contract
        self.answer = answer

    def of_object(self, where: str, schema: Any, wanted: Mapping[str, Field]) -> Iterator[str]:
        """What an object lacks, has too much of, or says differently."""
        properties = self.document.resolve(schema).get("properties", {})
        for name in sorted(set(wanted) - set(properties)):
            yield f"{where}: lacks {name}"
        for name in sorted(set(properties) - set(wanted)):
            yield f"{where}: has {name}, which the contract lacks"
        for name in [name for name in wanted if name in properties]:
            inner, may_be_null = self.document.without_null(properties[name])
            # Null on the last page, by the conventions, whether or not the row says so again.
            can_lack = wanted[name].optional or name == "next_token"
            always_there = name == "next_token" and not wanted[name].optional and not may_be_null
            plain = wanted[name].type != "any" and not always_there
            if self.answer and may_be_null != can_lack and plain:
                yield f"{where}.{name}: {'may be' if may_be_null else 'is never'} null, unlike in the contract"
            yield from self.of_type(f"{where}.{name}", inner, wanted[name].type)

    def of_type(self, where: str, schema: Any, kind: Any) -> Iterator[str]:
        """Where a schema says something else than a contract type."""
        said = self.document.resolve(schema)
        if not isinstance(kind, str):
            yield from self.of_object(where, schema, self._spelled_out(fields_of(kind)))
        elif kind in self.contract.objects:
            yield from self._of_named(where, schema, kind)
        elif (bounds := list_of(kind)) is not None:
            yield from self._of_list(where, said, bounds)
        elif (words := BUCKETS if kind == "bucket" else words_of(kind)) is not None:
            found = said.get("enum") or ([said["const"]] if "const" in said else [])
            yield from other_words(where, "the word", found, words)
        else:
            yield from self._of_plain(where, said, kind)

    def _spelled_out(self, fields: dict[str, Field]) -> dict[str, Field]:
        """The fields, where the contract says `<any field of X>` those of X, each of which may be left out."""
        found: dict[str, Field] = {}
        for name, field in fields.items():
            if (named := ANY_FIELD_OF.fullmatch(name)) is None:
                found[name] = field
            else:
                objects = self.contract.objects[named[1]]
                found |= {each: Field(said.type, optional=True) for each, said in objects.items()}
        return found

    def _of_named(self, where: str, schema: Any, kind: str) -> Iterator[str]:
        name = str(schema.get("$ref", "")).rpartition("/")[2] if isinstance(schema, Mapping) else ""
        if name != kind and kind in self.document.raw["components"]["schemas"]:
            yield f"{where}: is {name or 'nameless'}, not {kind}"
        wanted = self.contract.objects[kind]
        # Named by the object alone: what one lacks, it lacks in every answer it is in.
        yield from self.of_object(kind, schema, wanted)

    def _of_list(self, where: str, said: Mapping[str, Any], bounds: Bounds) -> Iterator[str]:
        limits = (("minItems", bounds.least or None), ("maxItems", bounds.most))
        yield from self._of_json(where, said, "array", *limits)
        yield from self.of_type(f"{where}[]", said.get("items", {}), bounds.inner)

    def _of_plain(self, where: str, said: Mapping[str, Any], kind: str) -> Iterator[str]:
        if (bounds := int_of(kind)) is not None or kind in NUMBERS:
            least, most = (bounds.least, bounds.most) if bounds else NUMBERS[kind]
            # More than a page can hold counts as what it can.
            most = None if where.endswith(".limit") else most
            yield from self._of_json(where, said, "integer", ("minimum", least), ("maximum", most))
        elif kind in TEXT_LIMITS:
            least, most = TEXT_LIMITS[kind]
            yield from self._of_json(where, said, "string", ("minLength", least), ("maxLength", most))
        elif kind in PATTERNED:
            yield from self._of_json(where, said, "string")
            if not self.answer and "pattern" not in said:
                yield f"{where}: has no pattern"
        elif kind in JSON_TYPES:
            yield from self._of_json(where, said, JSON_TYPES[kind])

    def _of_json(
        self, where: str, said: Mapping[str, Any], kind: str, *limits: tuple[str, int | None]
    ) -> Iterator[str]:
        if said.get("type") != kind:
            yield f"{where}: is {said.get('type')}, not {kind}"
            return
        for name, limit in () if self.answer else limits:
            if limit is not None and said.get(name) != limit:
                yield f"{where}: {name} is {said.get(name)}, not {limit}"
