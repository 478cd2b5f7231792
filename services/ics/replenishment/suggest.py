"""Rules below their minimum, found a stretch of rules at a time."""

from collections.abc import Mapping

from chassis.clock import day_of
from chassis.page import Page, Paged, PageRequest, items_of
from chassis.unit import View
from chassis.values import PAGE_ITEMS_MAX
from services.ics.replenishment.domain import ReplenishmentSuggestion, suggested
from services.ics.replenishment.store import RULES, ground_of, list_rules

CHUNKS_MAX = 8
"""Most stretches one call looks through for a page; after that it answers what it has, and where to go on."""


async def suggestions(view: View, wanted: Mapping[str, str | None], page: Paged) -> Page[ReplenishmentSuggestion]:
    """A page of what a sweep would do, by rule id. A page ends early, with a token, once enough was looked at."""
    size, token = items_of(page), page.next_token
    today = day_of(view.now)
    found: list[ReplenishmentSuggestion] = []
    for _ in range(CHUNKS_MAX):
        part = await list_rules(view, wanted, PageRequest(limit=PAGE_ITEMS_MAX, next_token=token), oldest_first=True)
        ground = await ground_of(view, part.items)
        for place, rule in enumerate(part.items, 1):
            shown = suggested(rule, ground.page(rule), today, overstocked=ground.overstocked(rule))
            if shown is not None:
                found.append(shown)
            if len(found) == size:
                if place < part.count:
                    last = PageRequest(limit=place, next_token=token)
                    part = await list_rules(view, wanted, last, oldest_first=True)
                return Page(items=found, count=size, next_token=part.next_token)
        token = part.next_token
        if token is None:
            break
    return Page(items=found, count=len(found), next_token=token)


async def suggestion_of(view: View, rule_id: str, wanted: Mapping[str, str | None]) -> Page[ReplenishmentSuggestion]:
    """What a sweep would do about one rule, if it fits the filters and is below its minimum."""
    rule = await view.get(RULES, rule_id)
    given = {name: value for name, value in wanted.items() if value is not None}
    if rule is None or any(getattr(rule, name) != value for name, value in given.items()):
        return Page(items=[], count=0, next_token=None)
    ground = await ground_of(view, [rule])
    shown = suggested(rule, ground.page(rule), day_of(view.now), overstocked=ground.overstocked(rule))
    return Page(items=[shown] if shown else [], count=1 if shown else 0, next_token=None)
