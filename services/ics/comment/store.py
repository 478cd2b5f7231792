"""Storage of comments and of the daily tallies that reports are built from."""

from collections.abc import Mapping
from typing import Any

from chassis.clock import Date, Utc
from chassis.entity import Entity, edge, index
from chassis.page import Page, Paged
from chassis.unit import Change, View, between
from services.ics.comment.domain import Comment
from services.ics.comment.report import Tally, counted, tally_of
from services.ics.filters import split
from services.ics.finding.domain import tokens_of
from services.ics.finding.store import Question, search
from services.ics.words import SUBJECT_KINDS

_FIND_LIMIT = 1000

COMMENTS = Entity(
    "comment",
    Comment,
    collection="comments",
    id="comment_id",
    shard_key=("orgcode", "comment_id"),
    keys=("ORG#{orgcode}", "COMMENT#{comment_id}"),
    indexes=[
        index("comment_id"),
        index("source", "comment_id"),
        index("source", "subject_type", "comment_id"),
        index("subject_id", "comment_id"),
        index("created_by", "comment_id"),
        index("created_utc"),
        index("tokens", "comment_id"),
        index("reply_to", "comment_id"),
    ],
    edges=[
        edge("on", to="subject", by="subject_id", among=SUBJECT_KINDS),
        edge("replies_to", to="comment", by="reply_to"),
    ],
    derived={"tokens": lambda comment: tokens_of([comment.body])},
    label="{body}",
)

TALLIES = Entity(
    "comment_tally",
    Tally,
    collection="comment_tallies",
    id="tally_id",
    shard_key=("orgcode",),
    indexes=[index("day")],
    history=False,
    technical=True,
)

_LEADS = (("subject_id",), ("created_by",), ("source", "subject_type"), ("source",))


async def list_comments(view: View, wanted: Mapping[str, str | None], page: Paged) -> Page[Comment]:
    """A page of comments, newest first. Index: the first of `_LEADS` that the filters cover."""
    where, rest = split(wanted, _LEADS)
    question: Question[Comment] = Question((), where, rest, None, lambda _: True, ["list", where, rest])
    return await search(view, COMMENTS, question, page)


async def comments_on(view: View, subject_type: str, subject_id: str, limit: int) -> list[Comment]:
    """Current comments on a subject, newest first. Index: subject_id."""
    rest = {"subject_type": subject_type, "status": "current"}
    return await view.find(COMMENTS, {"subject_id": subject_id}, order=("-comment_id",), limit=limit, rest=rest)


async def count_in(change: Change, comment: Comment, before: Comment | None = None) -> None:
    """Update the daily tally with a new or changed comment; `before` is the version before the change."""
    fresh = tally_of(comment)
    known = await change.get(TALLIES, fresh.tally_id)
    if known is None:
        await change.insert(TALLIES, counted(fresh, comment, before))
    else:
        await change.update(TALLIES, counted(known, comment, before))


async def tallies(view: View, first: Date, last: Date, rest: Mapping[str, Any], limit: int) -> list[Tally]:
    """The tallies from `first` to `last`, both included. Returns `limit` + 1 records if there are more than `limit`.
    Index: day."""
    where = {"day": between(at_least=first, at_most=last)}
    return await view.find(TALLIES, where, order=("day",), limit=limit + 1, rest=rest)


async def created_between(view: View, since: Utc, until: Utc, rest: Mapping[str, Any], limit: int) -> list[Comment]:
    """Comments created in [since, until). Returns `limit` + 1 records if there are more than `limit`.
    Index: created_utc."""
    where = {"created_utc": between(at_least=since, below=until)}
    return await view.find(COMMENTS, where, order=("created_utc",), limit=limit + 1, rest=rest)
