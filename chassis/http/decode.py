"""Decodes a body or query into the request struct.

The fast path is one msgspec decode and a check of its result. If it fails, or the check is not certain, the text is
read a second time by `chassis/decoding/fields.py`, which brings values into their canonical form and names every
problem.
"""

from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from types import new_class
from typing import Any, Literal, cast
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct, inspect

from chassis.decoding.fields import IS_REQUIRED, Reading, from_decoder, shown_path
from chassis.decoding.json_text import COMMAS_MAX, Malformed, TooManyValues, is_plain, read
from chassis.decoding.pace import Pace
from chassis.decoding.top_level import NotAnObject, TooManyNames, scan
from chassis.endpoint import Endpoint, Request
from chassis.errors import FieldProblem, Invalid, invalid_fields
from chassis.http.canonical import canonical_check
from chassis.http.splitting import BodyParts, split
from chassis.values import Cccode, Code, Guid, IdempotencyKey, Orgcode, Text, Token

COMMON: Mapping[str, Any] = {
    "orgcode": Orgcode,
    "logical_guid": Guid,
    "channel_code": Code,
    "cccode": Cccode,
    "session_guid": Text,
    "api_key": Text,
}
"""Fields that every body may have in addition to its own."""

FROM_HEADER: Mapping[str, str] = {
    "orgcode": "x-orgcode",
    "logical_guid": "x-logical-guid",
    "channel_code": "x-channel-code",
    "cccode": "x-cccode",
    "idempotency_key": "idempotency-key",
    "secret_code": "x-secret-code",
    "vg_token": "x-vg-token",
}
"""Fields that a header may give instead of the body, also where a request declares one of them itself."""

_HEADER_KINDS: Mapping[str, Any] = {
    **COMMON,
    "idempotency_key": IdempotencyKey,
    "secret_code": Token,
    "vg_token": Token,
}
_NEVER_IN_QUERY = {"secret_code", "vg_token"}
QUERY_FIELDS_MAX = 100

LISTED_BYTES_MAX = 8 * 1024
"""Up to this size, every problem of a body is named at once."""


class Decoded(Struct, frozen=True):
    """The request for the handler (None if it takes none), and the common fields from body, query and headers."""

    body: Request | None
    context: dict[str, str | None]


class Decoder:
    """Decodes the requests of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        own = endpoint.request or Request
        self._request = own
        self._has_request = endpoint.request is not None
        self._wire = wire_struct(own, with_key=keyed(endpoint), action=endpoint.action)
        self._type = inspect.type_info(self._wire)
        self._quick = msgspec.json.Decoder(self._wire).decode
        self._is_canonical = canonical_check(self._type)
        self._names = frozenset(self._wire.__struct_encode_fields__)
        self._own_names = own.__struct_fields__
        self._own_values = _getter(self._own_names)
        self._required = tuple(field.name for field in msgspec.structs.fields(own) if field.required)
        self._context_names = tuple(name for name in self._wire.__struct_fields__ if name in _CONTEXT)
        self._headers = tuple(
            (name, FROM_HEADER[name], _Header(_HEADER_KINDS[name], keep=name in COMMON))
            for name in self._wire.__struct_fields__
            if name in FROM_HEADER
        )
        self._needs = endpoint.needs
        self._has_rules = own.problems is not Request.problems
        self.unread = tuple(endpoint.unread)

    def from_body(self, body: bytes, headers: Mapping[str, str], pace: Pace | None = None) -> Decoded:
        """The request in a JSON body; an empty body counts as `{}`. Raises `Invalid`, naming every problem.

        Of a large body whose top-level names are not all known, only the unknown names are reported.
        A decoding in a thread takes a `pace`.
        """
        body = body or b"{}"
        if self.unread and (parts := split(body, self.unread)) is not None:
            return self.from_parts(parts, headers, pace)
        return self._from_plain(body, headers, pace)

    def from_parts(self, parts: BodyParts, headers: Mapping[str, str], pace: Pace | None = None) -> Decoded:
        """The request in a body that was split. Raises as `from_body`."""
        decoded = self._from_plain(parts.rest, headers, pace)
        assert decoded.body is not None
        texts = {name: msgspec.Raw(text) for name, text in parts.unread.items()}
        return Decoded(msgspec.structs.replace(decoded.body, **texts), decoded.context)

    def _from_plain(self, body: bytes, headers: Mapping[str, str], pace: Pace | None) -> Decoded:
        if pace is not None and body.count(b",") > COMMAS_MAX:
            # msgspec would keep the interpreter from the event loop for as long as it finds no mistake.
            return self._with_care(body, headers, pace)
        try:
            wire = self._quick(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._with_care(body, headers, pace)
        # msgspec's `$` also matches before a trailing line break. In JSON a line break needs an escape, and a body with
        # an escape is not plain, so it is read a second time.
        if not is_plain(body) or (self._is_canonical is not None and not self._is_canonical(wire)):
            return self._with_care(body, headers, pace)
        return self._complete(wire, headers, [])

    def from_query(self, query: str, headers: Mapping[str, str], *, lenient: bool = False) -> Decoded:
        """The request in a query string; a list is given by repeating its parameter. Raises `Invalid`.

        `lenient` ignores parameters that the request does not declare.
        """
        try:
            pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS_MAX)
        except (ValueError, UnicodeDecodeError):
            raise invalid_fields([FieldProblem("query", "can't be read")]) from None
        if lenient:
            pairs = [pair for pair in pairs if pair[0] in self._own_names]
        values: dict[str, Any] = {}
        for name in {name for name, _ in pairs} & _NEVER_IN_QUERY:
            raise invalid_fields([FieldProblem(name, "is not taken from the query: addresses are logged on their way")])
        for name, value in pairs:
            if name in values:
                known = values[name]
                values[name] = [*known, value] if isinstance(known, list) else [known, value]
            else:
                values[name] = value
        reading = Reading(lax=True)
        return self._convert(reading, values, headers)

    def _with_care(self, body: bytes, headers: Mapping[str, str], pace: Pace | None) -> Decoded:
        if len(body) > LISTED_BYTES_MAX:
            self._check_names(body)
        try:
            value = read(body, pace)
        except TooManyValues as failure:
            self._refuse_beginning(failure, pace)
            raise _malformed(failure) from None
        except Malformed as failure:
            raise _malformed(failure) from None
        return self._convert(Reading(pace=pace), value, headers)

    def _refuse_beginning(self, failure: TooManyValues, pace: Pace | None) -> None:
        """Raises `Invalid` if the first part of a body has a problem, other than what may stand in the rest."""
        reading = Reading(pace=pace)
        reading.read(self._type, failure.beginning)
        found = [each for each in reading.problems if each.problem != IS_REQUIRED]
        if found:
            raise invalid_fields(found)

    def _check_names(self, body: bytes) -> None:
        """Raises `Invalid` for names that the request does not have, without reading a value."""
        try:
            found = scan(body)
        except TooManyNames:
            raise Invalid("the body has too many fields", [FieldProblem("body", "has too many fields")]) from None
        except NotAnObject:
            # The careful reading says why.
            return
        unknown = [name for name in found.values if name not in self._names]
        if unknown:
            raise invalid_fields([FieldProblem(shown_path(name), "is not a known field") for name in unknown])

    def _convert(self, reading: Reading, value: Any, headers: Mapping[str, str]) -> Decoded:
        canonical = reading.read(self._type, value)
        if reading.problems:
            given = canonical if isinstance(canonical, dict) else {}
            missing = [name for name in self._needs if name not in given and FROM_HEADER[name] not in headers]
            raise invalid_fields([*reading.problems, *self._header_problems(headers), *map(_required, missing)])
        try:
            wire = msgspec.convert(canonical, self._wire)
        except msgspec.ValidationError as failure:
            raise invalid_fields([from_decoder(failure)]) from None
        return self._complete(wire, headers, [])

    def _header_problems(self, headers: Mapping[str, str]) -> list[FieldProblem]:
        problems: list[FieldProblem] = []
        for name, header, kind in self._headers:
            if (text := headers.get(header)) is not None:
                kind.read(text, name, problems)
        return problems

    def _complete(self, wire: Any, headers: Mapping[str, str], problems: list[FieldProblem]) -> Decoded:
        """The request and its context, after comparing headers with fields."""
        context: dict[str, str | None] = {name: getattr(wire, name) for name in self._context_names}
        filled: dict[str, str] = {}
        for name, header, kind in self._headers:
            if (text := headers.get(header)) is None:
                continue
            sent = kind.read(text, name, problems)
            said = getattr(wire, name)
            if said is None:
                context[name] = filled[name] = sent
            elif said != sent:
                problems.append(FieldProblem(name, f"differs from the header {header}"))
        values = dict(zip(self._own_names, self._own_values(wire), strict=True))
        for name in filled.keys() & values.keys():
            values[name] = filled[name]
        problems += [_required(name) for name in self._required if values[name] is None]
        problems += [_required(name) for name in self._needs if context[name] is None]
        if problems:
            raise invalid_fields(problems)
        body = self._request(**values)
        if self._has_rules and (broken := body.problems()):
            raise invalid_fields([FieldProblem(path, problem) for path, problem in broken])
        return Decoded(body if self._has_request else None, context)


def _malformed(failure: Malformed) -> Invalid:
    return Invalid(f"the body {failure}", [FieldProblem("body", str(failure))])


class _Header:
    """Reads one header as the type of its field. `keep` caches values that were read; never used for secrets."""

    def __init__(self, kind: Any, *, keep: bool) -> None:
        self._keep = keep
        self._kind = inspect.type_info(kind)
        self._known: dict[str, str] = {}

    def read(self, text: str, name: str, problems: list[FieldProblem]) -> str:
        """The canonical value; adds to `problems` if the header is malformed."""
        known = self._known.get(text)
        if known is not None:
            return known
        reading = Reading()
        value = reading.read(self._kind, text, name)
        if reading.problems:
            problems += reading.problems
            return text
        if self._keep and len(self._known) < _HEADERS_KNOWN_MAX:
            self._known[text] = value
        return str(value)


_HEADERS_KNOWN_MAX = 1024
_CONTEXT = {*COMMON, "idempotency_key"} - {"session_guid", "api_key"}


def keyed(endpoint: Endpoint) -> bool:
    """Whether the endpoint takes an idempotency key: every one that changes data does."""
    return endpoint.access == "change" or endpoint.idempotent


@cache
def wire_struct(own: type[Request], *, with_key: bool, action: str = "", name: str = "") -> type[Request]:
    """The request struct plus the common fields; fields that a header may give are optional in it."""
    common = {**COMMON, "idempotency_key": IdempotencyKey} if with_key else dict(COMMON)
    fields: list[Any] = [
        (each, kind | None, None) for each, kind in common.items() if each not in own.__struct_fields__
    ]
    fields += [
        (field.name, field.type | None, None)
        for field in msgspec.structs.fields(own)
        if field.name in FROM_HEADER and field.required
    ]
    if action:
        fields.append(("action", Literal[action]))
    namespace = {"__annotations__": {each[0]: each[1] for each in fields}}
    namespace |= {each[0]: each[2] for each in fields if len(each) > 2}
    wire: Any = new_class(
        name or own.__name__, (own,), {"forbid_unknown_fields": True}, lambda body: body.update(namespace)
    )
    return cast("type[Request]", wire)


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Reads these attributes as a tuple, also if there is one or none."""
    if not names:
        return lambda _: ()
    if len(names) == 1:
        return lambda each, name=names[0]: (getattr(each, name),)  # type: ignore[misc]
    return attrgetter(*names)


def _required(name: str) -> FieldProblem:
    return FieldProblem(name, IS_REQUIRED)
