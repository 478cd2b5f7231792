"""The filters of product/list: at most one at a time, each an exact match on indexed content."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chassis.endpoint import Request
from services.pmc.product.domain import pair_key

_PLAIN: Mapping[str, str] = {
    "style_id": "style_id",
    "vendor_id": "indexed.vendor.vendor_id",
    "variant_id": "variant_id",
    "variant_code": "indexed.variant_code",
    "style_code": "indexed.style_code",
    "barcode_value": "indexed.barcodes",
}
_IN_CHANNEL: Mapping[str, str] = {
    "category_id": "indexed.category.node_id",
    "department_id": "indexed.department.node_id",
    "division_id": "indexed.division.node_id",
}
_PAIRS: Mapping[tuple[str, str], str] = {
    ("identifier_type", "identifier_value"): "indexed.identifiers",
    ("alias_tag", "alias_value"): "indexed.aliases",
}
_CONTEXT = ("channel_guid", "channel_code", "logical_guid")


class FilterFields(Request):
    """A request whose fields are filters."""


def filter_problems(body: Any) -> Sequence[tuple[str, str]]:
    """What is wrong with the filters of a request, as (field, problem)."""
    return [*_pair_problems(body), *_mix_problems(body), *_state_problems(body)]


def filter_of(body: Any) -> dict[str, Any]:
    """The condition of the one filter that is given, the channel left out."""
    for field, stored in {**_PLAIN, **_IN_CHANNEL}.items():
        if (value := getattr(body, field)) is not None:
            return {stored: value}
    if body.sku is not None:
        return {"indexed.sku_key": body.sku.casefold()}
    for (kind, value_field), stored in _PAIRS.items():
        if (value := getattr(body, kind)) is not None:
            return {stored: pair_key(value, getattr(body, value_field))}
    return {}


def _pair_problems(body: Any) -> Iterator[tuple[str, str]]:
    for first, second in _PAIRS:
        given = [getattr(body, name) is not None for name in (first, second)]
        if given == [True, False]:
            yield second, f"is required beside {first}"
        elif given == [False, True]:
            yield first, f"is required beside {second}"


def _mix_problems(body: Any) -> Iterator[tuple[str, str]]:
    context = [name for name in _CONTEXT if getattr(body, name) is not None]
    plain = [name for name in (*_PLAIN, "sku") if getattr(body, name) is not None]
    pairs = [names for names in _PAIRS if any(getattr(body, name) is not None for name in names)]
    nodes = [name for name in _IN_CHANNEL if getattr(body, name) is not None]
    filters = [*([name] for name in plain), *(list(names) for names in pairs), *([name] for name in nodes)]
    if context and not nodes:
        filters.append(context)
    if len(filters) > 1:
        for names in filters:
            for name in names:
                if getattr(body, name) is not None:
                    yield name, "only one filter is taken at a time"
    elif nodes and not context:
        yield nodes[0], "is taken only with channel_guid, channel_code or logical_guid"


def _state_problems(body: Any) -> Iterator[tuple[str, str]]:
    if body.only_online and body.online_state not in {None, "online"}:
        yield "only_online", "says online, and online_state does not"
        yield "online_state", "says something else than only_online"
