"""The endpoints that search comments and inbox items of every domain, specified in the contract's ics.yaml."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import replace

from chassis.endpoint import Endpoints, Listed, Request
from chassis.entity import Value
from chassis.page import PageRequest
from chassis.unit import View, between, one_of
from chassis.values import Guid, Text, Utc
from services.ics.comment.domain import Comment
from services.ics.comment.store import COMMENTS
from services.ics.filters import split
from services.ics.finding.domain import QUESTION_CHARACTERS_MIN, matches, snippet, words_of
from services.ics.finding.store import Question, search
from services.ics.inbox.domain import InboxItem, InboxState, texts_of
from services.ics.inbox.store import INBOX
from services.ics.words import READ, Source, SubjectType

Sources = Annotated[list[Source], Meta(min_length=1, max_length=7)]

_COMMENT_LEADS = (("subject_id",), ("created_by",), ())
_INBOX_LEADS = (("recipient",), ())

endpoints = Endpoints("ics", "/search")


class Searching(Request, PageRequest):
    """The fields shared by both search requests."""

    q: Text | None = None
    source: Sources | None = None
    from_utc: Utc | None = None
    to_utc: Utc | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        if self.q is not None and len(self.q.strip()) < QUESTION_CHARACTERS_MIN:
            return [("q", f"takes {QUESTION_CHARACTERS_MIN} characters at least")]
        return ()

    def common(self) -> dict[str, Any]:
        """The filters that comments and inbox items share; None for a filter that is not given."""
        bounded = self.from_utc is not None or self.to_utc is not None
        return {
            "source": None if self.source is None else one_of(sorted(set(self.source))),
            "created_utc": between(at_least=self.from_utc, below=self.to_utc) if bounded else None,
        }


class CommentHit(Value):
    """A comment that matches, and the part of its text with the matched words."""

    comment: Comment
    snippet: Text


class CommentSearchRequest(Searching):
    subject_type: SubjectType | None = None
    subject_id: Guid | None = None
    author: Guid | None = None
    status: Literal["current", "archived", "doomed", "all"] = "current"


class CommentSearchEnvelope(Listed[CommentHit]):
    """One page of them."""


@endpoints.post("/comments", roles=READ)
async def ics_search_comments(view: View, body: CommentSearchRequest) -> CommentSearchEnvelope:
    """Find comments by words anywhere in them, newest first."""
    wanted = {
        **body.common(),
        "subject_type": body.subject_type,
        "subject_id": body.subject_id,
        "created_by": body.author,
        "status": None if body.status == "all" else body.status,
    }
    words = words_of(body.q or "")
    question = _question(body, words, split(wanted, _COMMENT_LEADS), lambda comment: matches(words, [comment.body]))
    found = await search(view, COMMENTS, question, body)
    items = [CommentHit(comment=each, snippet=snippet(words, [each.body])) for each in found.items]
    return CommentSearchEnvelope(items=items, count=found.count, next_token=found.next_token)


class InboxHit(Value):
    """An inbox item that matches, and the part of its text with the matched words."""

    item: InboxItem
    snippet: Text


class InboxSearchRequest(Searching):
    recipient: Guid | None = None
    state: InboxState | None = None
    status: Literal["inbox", "archived", "doomed", "all"] = "inbox"


class InboxSearchEnvelope(Listed[InboxHit]):
    """One page of them."""


@endpoints.post("/inbox", roles=READ)
async def ics_search_inbox(view: View, body: InboxSearchRequest) -> InboxSearchEnvelope:
    """Find inbox items by words anywhere in their title or body, newest first."""
    wanted = {
        **body.common(),
        "recipient": body.recipient,
        "state": body.state,
        "status": None if body.status == "all" else body.status,
    }
    words = words_of(body.q or "")
    question = _question(body, words, split(wanted, _INBOX_LEADS), lambda item: matches(words, texts_of(item)))
    found = await search(view, INBOX, question, body)
    items = [InboxHit(item=each, snippet=snippet(words, texts_of(each))) for each in found.items]
    return InboxSearchEnvelope(items=items, count=found.count, next_token=found.next_token)


def _question(
    body: Searching, words: Sequence[str], filters: tuple[dict[str, Any], dict[str, Any]], shows: Any
) -> Question[Any]:
    lead, rest = filters
    asked = [type(body).__name__, replace(body, limit=None, next_token=None)]
    return Question(words, lead, rest, body.from_utc, shows, asked)
