"""The conditions of a query in the server's words.

A query has two stages. The first holds what one index covers: equal fields, then at most one open field, an `$in` or a
range. The second holds the rest. MongoDB merges the two; other servers need them apart (`quirks.py`).
"""

from collections.abc import Mapping
from typing import Any

from chassis.mongo.index_choice import Plan
from chassis.mongo.quirks import least_above
from chassis.unit import OneOf, Range

Filter = dict[str, Any]


def stages_of(
    plan: Plan, conditions: Mapping[str, Any], rest: Mapping[str, Any], after: tuple[Any, ...] | None
) -> tuple[Filter, list[Filter]]:
    """The first stage, which the index covers whole, and the further ones."""
    asked = {field: _asked(wanted) for field, wanted in conditions.items()}
    second: list[Filter] = []
    if after is not None:
        head = plan.order[0]
        asked[head] = _go_on(asked.get(head), after[0], plan.down, strictly=len(plan.order) == 1)
        if len(plan.order) > 1:
            second.append(_behind(plan, after))
    first: Filter = {field: asked[field] for field, _ in plan.keys.where}
    open_end = False
    remaining: Filter = {}
    for field in plan.keys.fields:
        if field not in asked or field in first:
            continue
        (remaining if open_end else first)[field] = asked[field]
        open_end = open_end or isinstance(asked[field], dict)
    remaining.update({field: _asked(wanted) for field, wanted in rest.items() if field not in first})
    return first, [*([remaining] if remaining else []), *second]


def _asked(wanted: Any) -> Any:
    if isinstance(wanted, OneOf):
        return wanted.values[0] if len(wanted.values) == 1 else {"$in": list(wanted.values)}
    if isinstance(wanted, Range):
        return _bounds(wanted)
    return {"$eq": wanted} if isinstance(wanted, Mapping) else wanted


def _bounds(wanted: Range) -> Filter:
    """A range as the server's operators, each side by its tighter bound."""
    bounds: Filter = {}
    if wanted.above is not None and (wanted.at_least is None or wanted.above >= wanted.at_least):
        bounds["$gt"] = wanted.above
    elif wanted.at_least is not None:
        bounds["$gte"] = wanted.at_least
    ends = [] if wanted.below is None else [wanted.below]
    if wanted.at_most is not None:
        ends.append(least_above(wanted.at_most))
    if ends:
        bounds["$lt"] = min(ends)
    return bounds


def _go_on(asked: Any, mark: Any, down: bool, *, strictly: bool) -> Filter:
    """The condition narrowed to values after `mark`; values equal to it stay unless `strictly`."""
    bounds: Filter = dict(asked) if isinstance(asked, dict) else {}
    if down:
        end = mark if strictly else least_above(mark)
        bounds["$lt"] = min(bounds.get("$lt", end), end)
        return bounds
    start = bounds.get("$gt", bounds.get("$gte"))
    if start is not None and (start > mark or (start == mark and "$gt" in bounds)):
        return bounds
    upper = {operator: bound for operator, bound in bounds.items() if operator == "$lt"}
    return {"$gt" if strictly else "$gte": mark, **upper}


def _behind(plan: Plan, after: tuple[Any, ...]) -> Filter:
    """Everything after a position in an order of several fields."""
    operator = "$lt" if plan.down else "$gt"
    choices: list[Filter] = []
    for place, field in enumerate(plan.order):
        same = dict(zip(plan.order[:place], after[:place], strict=True))
        choices.append({**same, field: {operator: after[place]}})
    return {"$or": choices}
