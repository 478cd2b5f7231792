"""Replenishment suggestions: the rules below their minimum, and what a sweep would do for each."""

from collections.abc import Mapping, Sequence

from chassis.clock import day_of
from chassis.page import Page, Paged
from chassis.unit import View
from services.ics.filters import split
from services.ics.replenishment.domain import ReplenishmentRule, ReplenishmentSuggestion, suggested
from services.ics.replenishment.store import RULE_LEADS, RULES, ground_of


async def suggestions(view: View, wanted: Mapping[str, str | None], page: Paged) -> Page[ReplenishmentSuggestion]:
    """A page of suggestions, by rule id. Index: the first of `RULE_LEADS` that the filters cover."""
    where, rest = split(wanted, RULE_LEADS)

    async def show(rules: Sequence[ReplenishmentRule]) -> list[ReplenishmentSuggestion | None]:
        return await _suggested(view, rules)

    return await view.filtered_page(RULES, where, page=page, show=show, order=("rule_id",), rest=rest)


async def _suggested(view: View, rules: Sequence[ReplenishmentRule]) -> list[ReplenishmentSuggestion | None]:
    ground, today = await ground_of(view, rules), day_of(view.now)
    return [suggested(rule, ground.item(rule), today, overstocked=ground.overstocked(rule)) for rule in rules]


async def suggestion_of(view: View, rule_id: str, wanted: Mapping[str, str | None]) -> Page[ReplenishmentSuggestion]:
    """The suggestion for one rule; an empty page if the rule is absent, does not match, or has enough units."""
    rule = await view.get(RULES, rule_id)
    given = {name: value for name, value in wanted.items() if value is not None}
    if rule is None or any(getattr(rule, name) != value for name, value in given.items()):
        return Page(items=[], count=0, next_token=None)
    items = [shown for shown in await _suggested(view, [rule]) if shown is not None]
    return Page(items=items, count=len(items), next_token=None)
