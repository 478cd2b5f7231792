"""Storage of holdbacks: one per facility, variant and channel."""

from collections.abc import Iterable, Mapping, Sequence

from chassis.entity import HUB, Entity, edge, index, unique
from chassis.finder import found_by
from chassis.page import Page, Paged
from chassis.unit import View, between
from services.ics.filters import split
from services.ics.holdback.domain import Holdback, HoldbackStatus, channel_keys, held_back, seen
from services.ics.ledger.balance import ITEM_ID

HOLDBACKS = Entity(
    "holdback",
    Holdback,
    collection="holdbacks",
    id="holdback_id",
    shard_key=("orgcode", "logical_guid", "variant_id"),
    keys=("ORG#{orgcode}", "HOLDBACK#{holdback_id}"),
    indexes=[
        unique("logical_guid", "variant_id", "channel_key", name="item", refusal="the item has such a holdback"),
        index("holdback_id"),
        index("logical_guid", "variant_id", "holdback_id", name="balance"),
        index("logical_guid"),
        index("variant_id"),
        index("channel_key"),
    ],
    edges=[
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("from", to="channel_code", by="channel_code", service=HUB),
        edge("lowers", to="balance", by="{orgcode}/{logical_guid}/{variant_id}", back="balance"),
    ],
    finders={
        "channel_code": found_by(channel_key="{value}"),
        "balance": found_by(ITEM_ID, logical_guid="{logical_guid}", variant_id="{variant_id}"),
    },
    label="{quantity} {variant_id} @ {logical_guid} from {channel_code}",
    derived={"channel_key": lambda holdback: holdback.channel_code or ""},
)


def item_keys(items: Iterable[tuple[str, str]], channel_code: str | None) -> list[tuple[str, str, str]]:
    """Keys in the index `item` of the holdbacks that apply to these (facility, variant) on a channel."""
    return [(*item, channel) for item in items for channel in channel_keys(channel_code)]


async def held_back_from(
    view: View, items: Iterable[tuple[str, str]], channel_code: str | None
) -> dict[tuple[str, str], int]:
    """Units of each (facility, variant) withheld from a channel now, in one read. Index: item."""
    asked = list(dict.fromkeys(items))
    found = await view.lookup_many(HOLDBACKS, "item", item_keys(asked, channel_code))
    counted: dict[tuple[str, str], list[Holdback]] = {item: [] for item in asked}
    for key, holdback in found.items():
        counted[key[0], key[1]].append(holdback)
    return {item: held_back(each, channel_code, view.now) for item, each in counted.items()}


_LEADS = (("variant_id",), ("channel_key",), ("logical_guid",), ())


async def list_holdbacks(
    view: View, wanted: Mapping[str, str | None], status: HoldbackStatus | None, page: Paged
) -> Page[Holdback]:
    """A page of holdbacks with their current status, newest first; `status` None: any.

    Index: the first of `_LEADS` that the filters cover.
    """
    where, rest = split(wanted, _LEADS)
    # The query can tell cleared holdbacks by their quantity; the other statuses depend on the time.
    if status is not None:
        rest["quantity"] = 0 if status == "cleared" else between(at_least=1)

    async def show(holdbacks: Sequence[Holdback]) -> list[Holdback | None]:
        now_seen = [seen(holdback, view.now) for holdback in holdbacks]
        return [each if status in {None, each.status} else None for each in now_seen]

    return await view.filtered_page(HOLDBACKS, where, page=page, show=show, asked=status, rest=rest)
