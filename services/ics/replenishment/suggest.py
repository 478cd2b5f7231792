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
    """A page of what a sweep would do, by rule id; with a token only where there is more, or enough was looked at."""
    size, token = items_of(page), page.next_token
    today = day_of(view.now)
    found: list[ReplenishmentSuggestion] = []
    last: PageRequest | None = None
    for _ in range(CHUNKS_MAX):
        part = await list_rules(view, wanted, PageRequest(limit=PAGE_ITEMS_MAX, next_token=token), oldest_first=True)
        ground = await ground_of(view, part.items)
        for place, rule in enumerate(part.items, 1):
            shown = suggested(rule, ground.page(rule), today, overstocked=ground.overstocked(rule))
            if shown is None:
                continue
            if last is not None:
                return Page(items=found, count=size, next_token=await _token_behind(view, wanted, last))
            found.append(shown)
            if len(found) == size:
                last = PageRequest(limit=place, next_token=token)
        token = part.next_token
        if token is None:
            break
    return Page(items=found, count=len(found), next_token=token)


async def _token_behind(view: View, wanted: Mapping[str, str | None], last: PageRequest) -> str | None:
    """The token to go on with behind the last rule of these."""
    return (await list_rules(view, wanted, last, oldest_first=True)).next_token


async def suggestion_of(view: View, rule_id: str, wanted: Mapping[str, str | None]) -> Page[ReplenishmentSuggestion]:
    """What a sweep would do about one rule, if it fits the filters and is below its minimum."""
    rule = await view.get(RULES, rule_id)
    given = {name: value for name, value in wanted.items() if value is not None}
    if rule is None or any(getattr(rule, name) != value for name, value in given.items()):
        return Page(items=[], count=0, next_token=None)
    ground = await ground_of(view, [rule])
    shown = suggested(rule, ground.page(rule), day_of(view.now), overstocked=ground.overstocked(rule))
    return Page(items=[shown] if shown else [], count=1 if shown else 0, next_token=None)
