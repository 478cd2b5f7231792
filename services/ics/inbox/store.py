"""Storage of inbox items."""

from collections.abc import Mapping

from chassis.entity import Entity, edge, index
from chassis.page import Page, Paged
from chassis.unit import View
from services.ics.filters import split
from services.ics.finding.domain import tokens_of
from services.ics.finding.store import Question, search
from services.ics.inbox.domain import InboxItem, texts_of
from services.ics.words import SUBJECT_KINDS

INBOX = Entity(
    "inbox_item",
    InboxItem,
    collection="inbox_items",
    id="inbox_id",
    shard_key=("orgcode", "inbox_id"),
    keys=("ORG#{orgcode}", "INBOX#{inbox_id}"),
    indexes=[
        index("inbox_id"),
        index("source", "inbox_id"),
        index("recipient", "inbox_id"),
        index("subject_id", "inbox_id"),
        index("tokens", "inbox_id"),
    ],
    edges=[edge("on", to="subject", by="subject_id", among=SUBJECT_KINDS)],
    derived={"tokens": lambda item: tokens_of(texts_of(item))},
    label="title",
)

_LEADS = (("subject_id",), ("recipient",), ("source",))


async def list_items(view: View, wanted: Mapping[str, str | None], page: Paged) -> Page[InboxItem]:
    """A page of items, newest first. Index: the first of `_LEADS` that the filters cover."""
    where, rest = split(wanted, _LEADS)
    question: Question[InboxItem] = Question((), where, rest, None, lambda _: True, ["list", where, rest])
    return await search(view, INBOX, question, page)
