"""Where holdbacks are kept, one for each facility, variant and channel."""

from collections.abc import Iterable

from chassis.entity import Entity, edge, index, unique
from chassis.unit import View
from services.ics.holdback.domain import Holdback, channel_keys, held_back

HOLDBACKS = Entity(
    "holdback",
    Holdback,
    collection="holdbacks",
    id="holdback_id",
    keys=("ORG#{orgcode}", "HOLDBACK#{holdback_id}"),
    indexes=[
        unique("logical_guid", "variant_id", "channel_key", name="item", refusal="the item has such a holdback"),
        index("holdback_id"),
        index("logical_guid", "holdback_id"),
        index("variant_id", "holdback_id"),
        index("channel_key", "holdback_id"),
    ],
    edges=[
        edge("of", to="variant", by="variant_id", service="pmc"),
        edge("in", to="facility", by="logical_guid", service="gateway"),
        edge("from", to="channel", by="channel_code", service="slc"),
    ],
    derived={"channel_key": lambda holdback: holdback.channel_code or ""},
)


def item_keys(items: Iterable[tuple[str, str]], channel_code: str | None) -> list[tuple[str, str, str]]:
    """Keys, in the index `item`, of the holdbacks that count for these (facility, variant) on a channel."""
    return [(*item, channel) for item in items for channel in channel_keys(channel_code)]


async def held_back_from(
    view: View, items: Iterable[tuple[str, str]], channel_code: str | None
) -> dict[tuple[str, str], int]:
    """Units withheld of each (facility, variant) from a channel now, in one round. Index: item."""
    asked = list(dict.fromkeys(items))
    found = await view.lookup_many(HOLDBACKS, "item", item_keys(asked, channel_code))
    return {
        item: held_back((each for key, each in found.items() if key[:2] == item), channel_code, view.now)
        for item in asked
    }
