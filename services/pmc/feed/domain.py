"""The change feed: each product at its latest change of what its channel shows, in the order of publication."""

from typing import Literal

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import Document

ChangeKind = Literal["served", "online", "offline"]


class FeedEntry(Document):
    """A product's place in the feed. `revision` is that of the product when it changed so."""

    entry_id: str
    orgcode: str = ""
    channel_guid: str
    position: int
    change: ChangeKind
    at_utc: Utc
    revision: int


class FeedHead(Document):
    """The last position assigned in an org."""

    head_id: str
    orgcode: str = ""
    position: int = 0


def advanced(head: FeedHead) -> FeedHead:
    """The head after one more change."""
    return replace(head, position=head.position + 1)
