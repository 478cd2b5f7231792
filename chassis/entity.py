"""Records and their declarations.

An `Entity` declares everything the chassis needs to know of one kind of record: its collection, indexes, edges and
secret fields. Index creation, the operator's graph, the vacuum and history are made from it.
"""

import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import UnionType
from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Struct

from chassis.clock import Utc, to_datetime
from chassis.finder import Finder
from chassis.frozen import Frozen
from chassis.pattern import pattern
from chassis.record_history import RecordedBy, WrittenOnce
from chassis.sealed import Sealed, from_stored, to_stored


class Value(Frozen):
    """A part of a record, or any other value of the domain."""


class Document(Frozen):
    """A document stored as it is: append-only facts, or technical records without revision."""


class Record(Document):
    """A stored object with the common fields; `Change` sets these, domain code leaves them alone."""

    orgcode: str = ""
    revision: int = 0
    created_utc: Utc = Utc("")
    created_by: str = ""
    updated_utc: Utc = Utc("")
    updated_by: str = ""


class Stamped(Document):
    """The fields of a `Record` without the org: for answers that show none. The stored struct adds `orgcode`."""

    revision: int = 0
    created_utc: Utc = Utc("")
    created_by: str = ""
    updated_utc: Utc = Utc("")
    updated_by: str = ""


R = TypeVar("R", bound=Document)

ONE_SHARD: tuple[str, ...] = ()
"""The shard key of records that stay on one shard of a cluster: few, or unique among all orgs by another field."""


class Index(Struct, frozen=True):
    """One index: its fields in order (the org comes first by itself), and whether it is unique.

    `every_org` leaves the org out: for queries over all orgs, or for a key that is unique among all orgs.
    """

    fields: tuple[str, ...]
    name: str
    unique: bool = False
    refusal: str = ""
    where: Mapping[str, Any] | None = None
    expire_after_seconds: int | None = None
    every_org: bool = False


HUB = "stack"
"""The `service` of edges to a hub: a kind without records of its own, known only from the records that name it."""


class Edge(Struct, frozen=True):
    """A link to other records.

    to        the kind it leads to, or a word for the kinds in `among`
    by        pattern of this record's fields, whose values name the target
    at        the field of the target that has such a value; empty for its id
    back      the field by which records of this kind are found from the target
    """

    name: str
    to: str
    by: str
    service: str = ""
    cardinality: Literal["one", "many"] = "one"
    at: str = ""
    back: str = ""
    among: tuple[str, ...] = ()


def index(*fields: str, name: str = "", where: Mapping[str, Any] | None = None, every_org: bool = False) -> Index:
    """An index over these fields; `where` (field -> value) makes it partial. The id follows as its last field."""
    return Index(fields=fields, name=name or "_".join(fields).replace(".", "_"), where=where, every_org=every_org)


def unique(
    *fields: str, refusal: str, name: str = "", where: Mapping[str, Any] | None = None, every_org: bool = False
) -> Index:
    """An index that allows a combination of values once; `refusal` is the message for a second one."""
    return Index(
        fields=fields,
        name=name or "_".join(fields).replace(".", "_"),
        unique=True,
        refusal=refusal,
        where=where,
        every_org=every_org,
    )


def expiring(field: str, after_seconds: int = 0) -> Index:
    """An index by which the database deletes a record `after_seconds` after the time in `field` (a BSON date)."""
    return Index(fields=(field,), name=f"{field}_expires", expire_after_seconds=after_seconds)


class LongList(Struct, frozen=True):
    """A list field that may grow to thousands of items, of which a change usually touches a few.

    A record with a long list is remembered by the process, and only the items that changed are stored. An item keeps
    its place in the list until one is removed.

    field    the list
    same     (item before, item after) -> whether `derived` come out the same with either
    derived  derived field that depends on the list -> the other fields that it depends on
    """

    field: str
    same: Callable[[Any, Any], bool]
    derived: Mapping[str, tuple[str, ...]]


class Expiring(Document):
    """A record that the database deletes some time after `expires_utc`. Its entity declares
    `indexes=[expiring("expires_at")]` and `derived={"expires_at": expires_at}`."""

    expires_utc: Utc


def expires_at(record: Expiring) -> datetime:
    """When a record expires, as the date type by which the database deletes."""
    return to_datetime(record.expires_utc)


def edge(
    name: str,
    *,
    to: str,
    by: str,
    service: str = "",
    cardinality: Literal["one", "many"] = "one",
    at: str | None = None,
    back: str = "",
    among: Sequence[str] = (),
) -> Edge:
    """An edge `name` to the kind `to` (of another service, if named) by the field `by` of this record.

    `by` may be a pattern of several fields; `back` then names the field (of a `Finder`) by which this kind is found by
    such a value. One of many targets is found by its field `by`, a single one by its id, unless `at` says otherwise.
    """
    field = pattern(by).fields[-1] if "{" in by else by
    if at is None:
        at = field if cardinality == "many" and service != HUB else ""
    return Edge(
        name=name,
        to=to,
        by=by if "{" in by else f"{{{by}}}",
        service=service,
        cardinality=cardinality,
        at=at,
        back=back or field,
        among=tuple(among),
    )


class Entity(Generic[R]):
    """One kind of record, declared once.

    name        what one of them is called in the graph and in events
    struct      the msgspec struct that is document and answer in one
    collection  the collection they are stored in; several entities may share one
    id          the field kept as `_id`
    shard_key   the fields by which a sharded cluster spreads the collection, or `ONE_SHARD`; no change alters them
    keys        PK and SK patterns over the record's fields, for the operator's graph
    indexes     besides `_id`; org comes first in each when `org_scoped`
    lookups     further keys an operator can follow: GSI number -> (PK pattern, SK pattern)
    edges       links to other records
    finders     fields that no index begins with -> how records are found by them; also fields that only edges name
    org_scoped  False for the few that belong to no org
    sealed      fields never shown: secrets and their hashes; those declared as `Sealed` come by themselves
    derived     stored beside the record for its indexes, never answered: field -> function of the record
    history     whether a change without an event of its own is logged for history
    in_history  what of a record is logged for that; all of it by default
    history_from  where the history comes from if not from the event log
    operation   the field that names the operation a record belongs to; the events of its change name it, too
    technical   True keeps it out of the graph (leases, inbox, idempotency)
    label       the field a person knows it by, or a pattern of several; the id where none is given
    id_pattern  how the id is made of the key fields, where they do not contain it
    newest_by   the field whose largest values are the newest records, where that is not the id
    kind        tells entities that share a collection apart: stored in the field `kind`; one without reads them all
    long_list   a list that may grow long, so that records with it are remembered, and stored item by item
    """

    def __init__(
        self,
        name: str,
        struct: type[R],
        *,
        collection: str,
        id: str,  # noqa: A002  the declaration reads like the record
        shard_key: tuple[str, ...] | None = None,
        keys: tuple[str, str] = ("", ""),
        indexes: Sequence[Index] = (),
        lookups: Mapping[int, tuple[str, str]] | None = None,
        edges: Sequence[Edge] = (),
        org_scoped: bool = True,
        sealed: Sequence[str] = (),
        derived: Mapping[str, Callable[[R], Any]] | None = None,
        history: bool = True,
        technical: bool = False,
        label: str = "",
        kind: str = "",
        finders: Mapping[str, Finder] | None = None,
        in_history: Callable[[R], Any] | None = None,
        history_from: WrittenOnce | RecordedBy | None = None,
        operation: str = "",
        id_pattern: str = "",
        newest_by: str = "",
        long_list: LongList | None = None,
    ) -> None:
        self.name = name
        self.struct = struct
        self.collection = collection
        self.id = id
        self.shard_key = shard_key
        self.keys = keys
        self.org_scoped = org_scoped
        self.indexes = tuple(indexes)
        self.lookups = dict(lookups or {})
        self.edges = tuple(edges)
        self.seals = _sealed_fields(struct)
        self.sealed = tuple(dict.fromkeys([*sealed, *self.seals]))
        self.derived = dict(derived or {})
        self.history = history
        self.technical = technical
        self.label = label if "{" in label else f"{{{label or id}}}"
        self.kind = kind
        self.finders = dict(finders or {})
        self.in_history = in_history
        self.history_from = history_from
        self.operation = operation
        self.id_pattern = id_pattern
        self.newest_by = newest_by or id
        self.long_list = long_list
        self.versioned = issubclass(struct, Record | Stamped)

    def id_of(self, record: R) -> str:
        """The id of a record."""
        return str(getattr(record, self.id))

    def index_named(self, name: str) -> Index:
        """The index of that name. KeyError if none is declared."""
        for candidate in self.indexes:
            if candidate.name == name:
                return candidate
        raise KeyError(f"{self.name} declares no index {name!r}")

    def fields_of(self, which: Index) -> tuple[str, ...]:
        """An index's fields in the database: the org first if the entity belongs to one, and the id last unless the
        index is unique, so that every order is total.
        """
        fields = tuple("_id" if field == self.id else field for field in which.fields)
        if which.expire_after_seconds is not None:
            return fields
        if self.org_scoped and not which.every_org and "orgcode" not in fields:
            fields = ("orgcode", *fields)
        return fields if which.unique or "_id" in fields else (*fields, "_id")

    def to_document(self, record: R) -> dict[str, Any]:
        """The stored form of a record, with derived fields."""
        document: dict[str, Any] = msgspec.to_builtins(record, enc_hook=to_stored)
        document["_id"] = document.pop(self.id)
        if self.kind:
            document["kind"] = self.kind
        for field, derive in self.derived.items():
            document[field] = derive(record)
        return document

    def from_document(self, document: Mapping[str, Any]) -> R:
        """The record of a stored document."""
        plain = dict(document)
        plain[self.id] = plain.pop("_id")
        return msgspec.convert(plain, self.struct, dec_hook=from_stored)

    def __repr__(self) -> str:
        return f"Entity({self.name!r})"


class Excerpt(Entity[R]):
    """Some fields of an entity's records, which `find` and `page` read without the others: for lists of large records.

    `struct` has these fields, nested ones in structs of its own. Excerpts cannot be written, nor read by id or key.
    """

    def __init__(self, whole: Entity[Any], struct: type[R]) -> None:
        vars(self).update(vars(whole))
        self.struct = struct
        self.derived = {}
        self.fields = tuple("_id" if path == whole.id else path for path in _paths(struct, whole.struct))


def _paths(struct: type, whole: type, head: str = "") -> Iterator[str]:
    """The stored fields of a struct; where it has fewer of a nested one than the whole, those with dots."""
    hints = {field.name: field.type for field in msgspec.structs.fields(whole)}
    for field in msgspec.structs.fields(struct):
        nested, known = _struct_in(field.type), _struct_in(hints[field.name])
        if nested is None or known is None or nested is known:
            yield head + field.encode_name
        else:
            yield from _paths(nested, known, f"{head}{field.encode_name}.")


def _struct_in(hint: Any) -> type | None:
    """The struct of a field that holds one, or may."""
    choices = (hint, *(typing.get_args(hint) if typing.get_origin(hint) in {typing.Union, UnionType} else ()))
    return next((each for each in choices if isinstance(each, type) and issubclass(each, Struct)), None)


def _sealed_fields(struct: type) -> tuple[str, ...]:
    """The fields of a record that hold a `Sealed`, or may."""
    found = []
    for name, hint in typing.get_type_hints(struct).items():
        if Sealed in (hint, *typing.get_args(hint)):
            found.append(name)
    return tuple(found)
