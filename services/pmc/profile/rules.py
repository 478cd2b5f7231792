"""Judging a content against a profile. Rules are pure functions, one per kind, in one table."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from services.pmc.content import CONTENT_BYTES_MAX, CanonicalContent, ProductContent
from services.pmc.profile.domain import PublishProfile, Rule, required_rule_id
from services.pmc.profile.fields import values_at
from services.pmc.profile.gtin import is_gtin
from services.pmc.profile.patterns import is_found
from services.pmc.words import Finding, Part

_DECIMAL_CHARACTERS_MAX = 64


class Served(Protocol):
    """What other products of the channel serve; asked by rules of kind unique."""

    def is_taken(self, field: str, content: ProductContent) -> bool:
        """Whether another product of the channel serves the content's value of the field."""
        ...


class Verdict(Part):
    """What judging gave: findings of severity error are reasons, the others warnings."""

    reasons: list[Finding]
    warnings: list[Finding]
    quality_score: int

    @property
    def publishable(self) -> bool:
        """Whether nothing stands in the way of publication."""
        return not self.reasons


def judge(content: CanonicalContent, profile: PublishProfile, served: Served) -> Verdict:
    """The verdict on a content: required fields, then rules, then CURRENCY and SIZE."""
    findings: list[Finding] = []
    passed = total = 0
    for field in profile.required_fields:
        total += 1
        if _required(content.content, _REQUIRED, list(values_at(content.content, field)), served):
            passed += 1
        else:
            findings.append(
                Finding(
                    rule_id=required_rule_id(field),
                    kind="required",
                    severity="error",
                    field=field,
                    message=f"{field} is required",
                )
            )
    for rule in profile.rules:
        weight = rule.weight or 1
        total += weight
        if RULES[rule.kind](content.content, rule, list(values_at(content.content, rule.field)), served):
            passed += weight
        else:
            message = rule.message or f"{rule.field} {_MESSAGES[rule.kind]}"
            findings.append(
                Finding(rule_id=rule.rule_id, kind=rule.kind, severity=rule.severity, field=rule.field, message=message)
            )
    findings += _built_in(content, profile)
    return Verdict(
        reasons=[each for each in findings if each.severity == "error"],
        warnings=[each for each in findings if each.severity == "warning"],
        quality_score=100 * passed // total if total else 100,
    )


def _built_in(content: CanonicalContent, profile: PublishProfile) -> list[Finding]:
    findings: list[Finding] = []
    for field, money in (("price", content.content.price), ("compare_at_price", content.content.compare_at_price)):
        if money is not None and money.currency != profile.currency:
            message = f"the channel's currency is {profile.currency}"
            findings.append(
                Finding(
                    rule_id="CURRENCY", kind="currency", severity="error", field=f"{field}.currency", message=message
                )
            )
            break
    if content.bytes > CONTENT_BYTES_MAX:
        message = f"the content has more than {CONTENT_BYTES_MAX} bytes"
        findings.append(Finding(rule_id="SIZE", kind="size", severity="error", message=message))
    return findings


Check = Callable[[ProductContent, Rule, Sequence[Any], Served], bool]


def _required(_content: ProductContent, _rule: Rule, found: Sequence[Any], _served: Served) -> bool:
    return any(not _is_empty(value) for value in found)


def _min_length(_content: ProductContent, rule: Rule, found: Sequence[Any], _served: Served) -> bool:
    return all(isinstance(value, str) and len(value) >= rule.value for value in found)


def _max_length(_content: ProductContent, rule: Rule, found: Sequence[Any], _served: Served) -> bool:
    return all(isinstance(value, str) and len(value) <= rule.value for value in found)


def _pattern(_content: ProductContent, rule: Rule, found: Sequence[Any], _served: Served) -> bool:
    return all(isinstance(value, str) and is_found(rule.value, value) for value in _texts(found))


def _one_of(_content: ProductContent, rule: Rule, found: Sequence[Any], _served: Served) -> bool:
    return all(isinstance(value, str) and value in (rule.values or ()) for value in _texts(found))


def _range(_content: ProductContent, rule: Rule, found: Sequence[Any], _served: Served) -> bool:
    numbers = [number_of(value) for value in found]
    low, high = number_of(rule.min), number_of(rule.max)
    return all(
        number is not None and (low is None or number >= low) and (high is None or number <= high) for number in numbers
    )


def _min_count(_content: ProductContent, rule: Rule, found: Sequence[Any], _served: Served) -> bool:
    lists = found or [[]]
    return all(isinstance(value, list) and len(value) >= rule.value for value in lists)


def _max_count(_content: ProductContent, rule: Rule, found: Sequence[Any], _served: Served) -> bool:
    return all(isinstance(value, list) and len(value) <= rule.value for value in found)


def _gtin(content: ProductContent, _rule: Rule, _found: Sequence[Any], _served: Served) -> bool:
    return all(is_gtin(each.value, each.type or "other") for each in content.barcodes)


def _unique(content: ProductContent, rule: Rule, _found: Sequence[Any], served: Served) -> bool:
    return not served.is_taken(rule.field, content)


def _not_below(content: ProductContent, rule: Rule, found: Sequence[Any], _served: Served) -> bool:
    others = list(values_at(content, rule.value))
    if not found or not others:
        return True
    number, other = number_of(found[0]), number_of(others[0])
    single = len(found) == 1 and len(others) == 1
    return single and number is not None and other is not None and number >= other


RULES: Mapping[str, Check] = {
    "required": _required,
    "min_length": _min_length,
    "max_length": _max_length,
    "pattern": _pattern,
    "one_of": _one_of,
    "range": _range,
    "min_count": _min_count,
    "max_count": _max_count,
    "gtin": _gtin,
    "unique": _unique,
    "not_below": _not_below,
}
"""What each kind of rule asks, given the values at the rule's field."""

_MESSAGES: Mapping[str, str] = {
    "required": "is required",
    "min_length": "is too short",
    "max_length": "is too long",
    "pattern": "does not match the pattern",
    "one_of": "is none of the values allowed",
    "range": "is out of range",
    "min_count": "has too few entries",
    "max_count": "has too many entries",
    "gtin": "hold a number with a wrong length or check digit",
    "unique": "is served by another product of the channel",
    "not_below": "is below the other field, or is no number",
}
_REQUIRED = Rule(rule_id="REQUIRED", kind="required", field="title", severity="error")


def number_of(value: Any) -> Decimal | None:
    """A JSON number or a decimal text as a number; None where it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, str) and len(value) <= _DECIMAL_CHARACTERS_MAX:
        digits = value.removeprefix("-").replace(".", "", 1)
        if digits.isascii() and digits.isdigit() and value[-1] != "." and value.removeprefix("-")[0] != ".":
            return Decimal(value)
    return None


def _texts(found: Sequence[Any]) -> list[Any]:
    """The values found, with lists of texts taken apart."""
    return [part for value in found for part in (value if isinstance(value, list) else [value])]


def _is_empty(value: Any) -> bool:
    if isinstance(value, msgspec.Struct):
        return False
    return isinstance(value, str | list | dict) and not value
