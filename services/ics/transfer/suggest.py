"""Transfer suggestions: facilities above their target (donors) supply those below theirs (takers). Pure.

For each variant, with T the units shipped from a facility in the 28 days ending yesterday:

    here    = available - unsellable                      target  = T * target_days / 28, rounded up, + safety_stock
    have    = here + everything in transit to it          deficit = max(0, target - have)
    surplus = max(0, min(here, have - target))
"""

from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import Meta

from chassis.entity import Value
from chassis.values import Count, Guid, Qty
from services.ics.decimals import ratio

SHIPPED_DAYS = 28
"""Number of days whose shipments give the average daily demand; the last one is yesterday."""

SUGGESTIONS_MAX = 1000
CONSIDERED_MAX = 2500


class TransferSuggestion(Value):
    """Units of a variant that one facility can spare and another lacks."""

    variant_id: Guid
    from_logical_guid: Guid
    to_logical_guid: Guid
    quantity: Qty


class TransferSuggestFacility(Value):
    """The calculation for one facility, in units. `available` is the whole bucket, including unsellable lots."""

    variant_id: Guid
    logical_guid: Guid
    available: int
    inbound: Count
    average_daily: str
    safety_stock: Count
    target: Count
    surplus: Count
    deficit: Count


class SuggestFacts(Value):
    """The data of a variant in a facility, in units; `shipped` is T."""

    variant_id: str
    logical_guid: str
    available: int = 0
    unsellable: int = 0
    inbound: int = 0
    safety_stock: int = 0
    shipped: int = 0


def weighed(facts: SuggestFacts, target_days: int) -> TransferSuggestFacility:
    """The surplus or deficit of a variant in a facility, for a target of `target_days` days of demand."""
    here = facts.available - facts.unsellable
    have = here + facts.inbound
    target = -(-facts.shipped * target_days // SHIPPED_DAYS) + facts.safety_stock
    return TransferSuggestFacility(
        variant_id=facts.variant_id,
        logical_guid=facts.logical_guid,
        available=facts.available,
        inbound=facts.inbound,
        average_daily=ratio(facts.shipped, SHIPPED_DAYS),
        safety_stock=facts.safety_stock,
        target=target,
        surplus=max(0, min(here, have - target)),
        deficit=max(0, target - have),
    )


def balanced(facilities: Iterable[TransferSuggestFacility]) -> list[TransferSuggestion]:
    """Suggestions for one variant: the largest deficit is filled first, from the largest surplus."""
    each = sorted(facilities, key=lambda one: one.logical_guid)
    takers = sorted((one for one in each if one.deficit), key=lambda one: -one.deficit)
    donors = sorted((one for one in each if one.surplus), key=lambda one: -one.surplus)
    spare = {donor.logical_guid: donor.surplus for donor in donors}
    found: list[TransferSuggestion] = []
    for taker in takers:
        rest = taker.deficit
        for donor in donors:
            quantity = min(rest, spare[donor.logical_guid])
            if quantity == 0:
                continue
            spare[donor.logical_guid] -= quantity
            rest -= quantity
            found.append(
                TransferSuggestion(
                    variant_id=taker.variant_id,
                    from_logical_guid=donor.logical_guid,
                    to_logical_guid=taker.logical_guid,
                    quantity=quantity,
                )
            )
    return found


Suggestions = Annotated[list[TransferSuggestion], Meta(max_length=SUGGESTIONS_MAX)]
Weighings = Annotated[list[TransferSuggestFacility], Meta(max_length=CONSIDERED_MAX)]


def suggest(
    variants: Sequence[Sequence[SuggestFacts]], target_days: int
) -> tuple[list[TransferSuggestion], list[TransferSuggestFacility]]:
    """Suggestions in the order of `variants`, and the calculations behind them, by facility within each variant."""
    weighings = [
        sorted((weighed(facts, target_days) for facts in each), key=lambda one: one.logical_guid) for each in variants
    ]
    items = [suggestion for each in weighings for suggestion in balanced(each)]
    considered = [one for each in weighings for one in each]
    return items[:SUGGESTIONS_MAX], considered[:CONSIDERED_MAX]
