"""Publish profiles: what a channel demands of a content before it is published there."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta

from chassis.entity import Stamped
from chassis.values import Code, Guid, Name, Text
from services.pmc.profile.fields import FieldType, field_type
from services.pmc.profile.patterns import pattern_problem
from services.pmc.words import CurrencyCode, FieldPath, Part, Severity

RuleKind = Literal[
    "required",
    "min_length",
    "max_length",
    "pattern",
    "one_of",
    "range",
    "min_count",
    "max_count",
    "gtin",
    "unique",
    "not_below",
]
OnUnpublishable = Literal["keep", "take_offline"]

BUILT_IN = frozenset({"CURRENCY", "SIZE"})
REQUIRED_PREFIX = "REQUIRED."
PATTERN_CHARACTERS_MAX = 256

_TAKES: dict[str, frozenset[str]] = {
    "min_length": frozenset({"text", "number"}),
    "max_length": frozenset({"text", "number"}),
    "pattern": frozenset({"text", "number", "list of texts"}),
    "one_of": frozenset({"text", "number", "list of texts"}),
    "range": frozenset({"number"}),
    "min_count": frozenset({"list", "list of texts"}),
    "max_count": frozenset({"list", "list of texts"}),
    "not_below": frozenset({"number"}),
}
_NAMED: dict[str, frozenset[str]] = {
    "gtin": frozenset({"barcodes"}),
    "unique": frozenset({"sku", "handle", "barcodes"}),
}


class Rule(Part):
    """One demand. What `value`, `values`, `min` and `max` mean depends on the kind."""

    rule_id: Code
    kind: RuleKind
    field: FieldPath
    severity: Severity
    weight: Annotated[int, Meta(ge=1, le=100)] | None = None
    value: Any = None
    values: Annotated[list[Text], Meta(min_length=1, max_length=256)] | None = None
    min: float | None = None
    max: float | None = None
    message: Text | None = None


class PublishProfile(Stamped):
    """What one channel demands, and how it treats products that change their verdict."""

    channel_code: Code
    channel_guid: Guid
    name: Name
    currency: CurrencyCode
    logical_guids: Annotated[list[Guid], Meta(max_length=256)]
    required_fields: Annotated[list[FieldPath], Meta(max_length=64)]
    rules: Annotated[list[Rule], Meta(max_length=100)]
    auto_online: bool
    on_unpublishable: OnUnpublishable


class StoredProfile(PublishProfile):
    """A profile as it is stored. `profile_id` is the org and the channel code, so that a profile is found by id."""

    orgcode: str = ""
    profile_id: str


def profile_id_of(orgcode: str, channel_code: str) -> str:
    """The id of a channel's profile."""
    return f"{orgcode}/{channel_code}"


def required_rule_id(field: str) -> str:
    """The rule id of a required field."""
    return f"{REQUIRED_PREFIX}{field.upper()}"


def profile_problems(required_fields: Sequence[str], rules: Sequence[Rule]) -> Iterator[tuple[str, str]]:
    """What is wrong with required fields and rules, as (path, problem)."""
    seen: set[str] = set()
    for place, field in enumerate(required_fields):
        path = f"required_fields.{place}"
        if field_type(field) is None:
            yield path, "is not a field of the content"
        if field.casefold() in seen:
            yield path, "occurs more than once"
        seen.add(field.casefold())
    ids: set[str] = set()
    for place, rule in enumerate(rules):
        path = f"rules.{place}"
        if rule.rule_id in BUILT_IN or rule.rule_id.startswith(REQUIRED_PREFIX):
            yield f"{path}.rule_id", "is reserved"
        if rule.rule_id in ids:
            yield f"{path}.rule_id", "occurs more than once"
        ids.add(rule.rule_id)
        yield from _rule_problems(rule, path)


def _rule_problems(rule: Rule, path: str) -> Iterator[tuple[str, str]]:
    found = field_type(rule.field)
    if found is None:
        yield f"{path}.field", "is not a field of the content"
    elif not _takes(rule.kind, rule.field, found):
        yield f"{path}.field", f"is not a field that {rule.kind} takes"
    yield from _operand_problems(rule, path)


def _operand_problems(rule: Rule, path: str) -> Iterator[tuple[str, str]]:
    """What is wrong with the value, values, min or max that a rule's kind needs."""
    match rule.kind:
        case "min_length" | "max_length" | "min_count" | "max_count":
            if not _is_number(rule.value):
                yield f"{path}.value", "must be a number"
        case "pattern":
            problem = _pattern_problem(rule.value)
            if problem:
                yield f"{path}.value", problem
        case "one_of":
            if rule.values is None:
                yield f"{path}.values", "is required"
        case "range":
            if rule.min is None and rule.max is None:
                yield f"{path}.min", "min or max is required"
        case "not_below":
            other = field_type(rule.value) if isinstance(rule.value, str) and _is_path(rule.value) else None
            if other is None or not _takes("not_below", rule.value, other):
                yield f"{path}.value", "must be the path of a number, not through a list"


def _takes(kind: str, field: str, found: FieldType) -> bool:
    if kind == "required":
        return True
    if kind in _NAMED:
        return field in _NAMED[kind]
    if kind == "not_below" and found.through_list:
        return False
    return found.kind == "any" or found.kind in _TAKES[kind]


def _is_path(text: str) -> bool:
    words = text.split(".")
    return (
        len(text) <= 55
        and text.isascii()
        and 1 <= len(words) <= 4
        and all(word.replace("_", "a").replace("-", "a").isalnum() for word in words)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _pattern_problem(value: Any) -> str:
    if not isinstance(value, str) or not value:
        return "must be a pattern"
    if len(value) > PATTERN_CHARACTERS_MAX:
        return f"must have at most {PATTERN_CHARACTERS_MAX} characters"
    return pattern_problem(value)
