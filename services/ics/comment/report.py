"""Counts comments by subject type, author, domain or day. Pure.

Whole days are summed from tallies: one record per day, domain, subject type and author. The partial days at either
end of the period are counted comment by comment.
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
"""An answer has at most this many rows, the first ones by key; the total includes the others."""


class Tally(Document):
    """Numbers of comments created on one day by one author about one subject type in one domain."""

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
    """The empty tally that a comment belongs to."""
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
    """The tally with the comment added; `before`, its previous version if any, is subtracted."""
    counts = {"current": tally.current, "archived": tally.archived, "doomed": tally.doomed}
    counts[comment.status] += 1
    revised = tally.revised + (comment.edits > 0)
    if before is not None:
        counts[before.status] -= 1
        revised -= before.edits > 0
    last = max(tally.last_utc or comment.created_utc, comment.created_utc)
    return replace(tally, **counts, revised=revised, last_utc=last)


class CommentReportRow(Value):
    """Numbers of the comments in one group, by current status. `last_utc` is the creation time of the newest."""

    key: Text
    total: Qty0
    current: Qty0
    archived: Qty0
    doomed: Qty0
    revised: Qty0
    last_utc: Utc | None = None


Rows = Annotated[list[CommentReportRow], Meta(max_length=ROWS_MAX)]


class Span(Value):
    """A period split into whole days (None: there are none) and the partial days (`edges`) at either end."""

    first_day: Date | None
    last_day: Date | None
    edges: list[tuple[Utc, Utc]]


def days_of(since: Utc, until: Utc) -> tuple[Date, Date]:
    """The first and last day that overlap [since, until)."""
    last = day_of(until)
    return day_of(since), last if until > start_of(last) else days_after(last, -1)


def end_of(day: Date) -> Utc:
    """The exclusive end of a day as text: sorts after every instant of the day and before the next day."""
    return Utc(f"{day}T24")


def span(since: Utc, until: Utc, *, quiet_before: bool, quiet_after: bool) -> Span:
    """Split [since, until) into whole and partial days.

    A partial day counts as whole if its part outside the period has no comments: the first day if `quiet_before`
    (none before `since`), the last day if `quiet_after` (none from `until` on).
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
    """Sums comments by the property `group_by`."""

    def __init__(self, group_by: GroupBy) -> None:
        self._group_by = group_by
        self._sums: dict[str, Tally] = {}
        self._total: Tally | None = None

    def add(self, tallies: Iterable[Tally]) -> None:
        """Add tallies to the sums."""
        for tally in tallies:
            key = self._key(tally)
            self._sums[key] = _added(self._sums.get(key), tally)
            self._total = _added(self._total, tally)

    def add_comments(self, comments: Iterable[Comment]) -> None:
        """Add single comments to the sums."""
        self.add(counted(tally_of(comment), comment) for comment in comments)

    def rows(self) -> list[CommentReportRow]:
        """The rows in order of their keys, at most `ROWS_MAX`."""
        return [_row(key, self._sums[key]) for key in sorted(self._sums)][:ROWS_MAX]

    def total(self) -> CommentReportRow:
        """The row with the sums over all groups."""
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
