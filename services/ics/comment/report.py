"""Comments added up by what they are about, who wrote them, their domain or their day. Pure.

Whole days are added up from their tallies, of which there is one for each day, domain, kind of subject and author;
what a time has of a day at either end is counted comment by comment.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, assert_never

from msgspec import Meta
from msgspec.structs import replace

from chassis.clock import Date, Utc, day_of, days_after, start_of
from chassis.entity import Document, Value
from chassis.values import Guid, Qty0, Text
from services.ics.comment.domain import Comment
from services.ics.words import Source, SubjectType

GroupBy = Literal["subject_type", "author", "source", "day"]

ROWS_MAX = 1000
"""Most rows of an answer, the first by key; the total counts the others, too."""


class Tally(Document):
    """How many comments of one author about one kind of subject in one domain were created in a day."""

    tally_id: str
    orgcode: str
    day: Date
    source: Source
    subject_type: SubjectType
    author: Guid
    current: int = 0
    archived: int = 0
    doomed: int = 0
    revised: int = 0
    last_utc: Utc | None = None


def tally_of(comment: Comment) -> Tally:
    """The tally a comment counts in, with nothing in it yet."""
    day = day_of(comment.created_utc)
    parts = (comment.orgcode, day, comment.source, comment.subject_type, comment.created_by)
    return Tally(
        tally_id="/".join(parts),
        orgcode=comment.orgcode,
        day=day,
        source=comment.source,
        subject_type=comment.subject_type,
        author=comment.created_by,
    )


def counted(tally: Tally, comment: Comment, before: Comment | None = None) -> Tally:
    """The tally with a comment as it is, and no longer as it was before."""
    counts = {"current": tally.current, "archived": tally.archived, "doomed": tally.doomed}
    counts[comment.status] += 1
    revised = tally.revised + (comment.edits > 0)
    if before is not None:
        counts[before.status] -= 1
        revised -= before.edits > 0
    last = max(tally.last_utc or comment.created_utc, comment.created_utc)
    return replace(tally, **counts, revised=revised, last_utc=last)


class CommentReportRow(Value):
    """How many comments have something in common, by what they are now; `last_utc` is when the newest was made."""

    key: Text
    total: Qty0
    current: Qty0
    archived: Qty0
    doomed: Qty0
    revised: Qty0
    last_utc: Utc | None = None


Rows = Annotated[list[CommentReportRow], Meta(max_length=ROWS_MAX)]


class Span(Value):
    """A time, cut into whole days (None: there are none) and what is left of a day at either end."""

    first_day: Date | None
    last_day: Date | None
    edges: list[tuple[Utc, Utc]]


def days_of(since: Utc, until: Utc) -> tuple[Date, Date]:
    """The first and the last day that [since, until) has something of."""
    last = day_of(until)
    return day_of(since), last if until > start_of(last) else days_after(last, -1)


def end_of(day: Date) -> Utc:
    """What comes after every instant of a day and before the next one, as text sorts."""
    return Utc(f"{day}T24")


def span(since: Utc, until: Utc, *, quiet_before: bool, quiet_after: bool) -> Span:
    """The whole days of [since, until), and the rest.

    A day that nothing was said on outside the time counts as a whole one: the first when it was `quiet_before`
    `since`, the last when it was `quiet_after` `until`.
    """
    first, last = days_of(since, until)
    if first == last:
        if quiet_before and quiet_after:
            return Span(first_day=first, last_day=last, edges=[])
        return Span(first_day=None, last_day=None, edges=[(since, until)])
    edges = [] if quiet_before else [(since, end_of(first))]
    edges += [] if quiet_after else [(start_of(last), until)]
    first_day = first if quiet_before else days_after(first, 1)
    last_day = last if quiet_after else days_after(last, -1)
    if first_day > last_day:
        return Span(first_day=None, last_day=None, edges=edges)
    return Span(first_day=first_day, last_day=last_day, edges=edges)


class CommentReport:
    """Comments added up by what they have in common."""

    def __init__(self, group_by: GroupBy) -> None:
        self._group_by = group_by
        self._sums: dict[str, Tally] = {}
        self._total: Tally | None = None

    def add(self, tallies: Iterable[Tally]) -> None:
        """Add up more tallies."""
        for tally in tallies:
            key = self._key(tally)
            self._sums[key] = _added(self._sums.get(key), tally)
            self._total = _added(self._total, tally)

    def add_comments(self, comments: Iterable[Comment]) -> None:
        """Count comments one by one."""
        self.add(counted(tally_of(comment), comment) for comment in comments)

    def rows(self) -> list[CommentReportRow]:
        """The rows by key."""
        return [_row(key, self._sums[key]) for key in sorted(self._sums)][:ROWS_MAX]

    def total(self) -> CommentReportRow:
        """The row of all of them."""
        return _row("total", self._total)

    def _key(self, tally: Tally) -> str:
        match self._group_by:
            case "subject_type":
                return tally.subject_type
            case "author":
                return tally.author
            case "source":
                return tally.source
            case "day":
                return tally.day
            case never:
                assert_never(never)


def _added(sums: Tally | None, tally: Tally) -> Tally:
    if sums is None:
        return tally
    return replace(
        sums,
        current=sums.current + tally.current,
        archived=sums.archived + tally.archived,
        doomed=sums.doomed + tally.doomed,
        revised=sums.revised + tally.revised,
        last_utc=max(sums.last_utc or Utc(""), tally.last_utc or Utc("")) or None,
    )


def _row(key: str, sums: Tally | None) -> CommentReportRow:
    if sums is None:
        return CommentReportRow(key=key, total=0, current=0, archived=0, doomed=0, revised=0)
    return CommentReportRow(
        key=key,
        total=sums.current + sums.archived + sums.doomed,
        current=sums.current,
        archived=sums.archived,
        doomed=sums.doomed,
        revised=sums.revised,
        last_utc=sums.last_utc,
    )
