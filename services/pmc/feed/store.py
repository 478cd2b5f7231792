"""Storage of the change feed."""

from chassis.entity import Entity, index
from chassis.unit import View, between
from services.pmc.feed.domain import FeedEntry, FeedHead

FEED = Entity(
    "feed_entry",
    FeedEntry,
    collection="pmc_feed",
    id="entry_id",
    shard_key=("orgcode", "channel_guid", "position"),
    indexes=[index("position"), index("channel_guid", "position", name="channel")],
    history=False,
    technical=True,
)
FEED_HEADS = Entity(
    "feed_head",
    FeedHead,
    collection="pmc_feed_heads",
    id="head_id",
    shard_key=("orgcode",),
    history=False,
    technical=True,
)

WINDOW_POSITIONS_FIRST = 4
"""How many positions are read for each entry wanted; products that changed again leave gaps."""


async def entries_after(view: View, channel_guid: str | None, position: int, limit: int) -> list[FeedEntry]:
    """The next entries behind a position, ascending. Index: position, channel.

    Positions are read in windows that grow until enough is found: a range may cost as much as all that is in it.
    """
    head = await view.get(FEED_HEADS, view.call.orgcode)
    last = head.position if head is not None else 0
    where = {} if channel_guid is None else {"channel_guid": channel_guid}
    found: list[FeedEntry] = []
    width = limit * WINDOW_POSITIONS_FIRST
    while len(found) < limit and position < last:
        end = min(position + width, last)
        window = between(above=position, at_most=end)
        found += await view.find(FEED, {**where, "position": window}, order=("position",), limit=limit - len(found))
        position, width = end, width * 2
    return found
