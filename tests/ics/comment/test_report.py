from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import Date, Utc, later, start_of
from services.ics.comment.domain import Comment
from services.ics.comment.report import CommentReport, Tally, counted, days_of, end_of, span, tally_of
from tests.ics.given import NOON, ORG, an_id

START = Utc("2026-03-01T00:00:00.000Z")
SECONDS = 4 * 86_400

comments = st.builds(
    lambda at, author, source, status, edits: a_comment(
        created_utc=later(START, at), created_by=author, source=source, status=status, edits=edits
    ),
    # Midnights and the moments about them are where days go wrong.
    st.integers(0, SECONDS) | st.sampled_from([day * 86_400 + near for day in range(1, 4) for near in (-1, 0, 1)]),
    st.sampled_from(["anna", "ben"]),
    st.sampled_from(["ics", "crm"]),
    st.sampled_from(["current", "archived", "doomed"]),
    st.integers(0, 2),
)
moments = st.integers(0, SECONDS) | st.sampled_from([0, 86_400, 2 * 86_400, 3 * 86_400])


def a_comment(**given: Any) -> Comment:
    plain: dict[str, Any] = {
        "orgcode": ORG,
        "revision": 1,
        "created_utc": NOON,
        "created_by": "anna",
        "comment_id": an_id(),
        "subject_type": "variant",
        "subject_id": "VAR-1",
        "body": "Handle with care",
    }
    return Comment(**(plain | given))


@given(made=st.lists(comments, max_size=30), low=moments, high=moments, group_by=st.sampled_from(["author", "day"]))
def test_days_and_ends_together_count_what_counting_one_by_one_does(
    made: list[Comment], low: int, high: int, group_by: Any
) -> None:
    since, until = later(START, min(low, high)), later(START, max(low, high) + 1)
    tallies: dict[str, Tally] = {}
    for comment in made:
        fresh = tally_of(comment)
        tallies[fresh.tally_id] = counted(tallies.get(fresh.tally_id, fresh), comment)

    def within(start: str, end: str) -> list[Comment]:
        return [comment for comment in made if start <= comment.created_utc < end]

    first, last = days_of(since, until)
    before, after = within(start_of(first), since), within(until, end_of(last))
    parts = span(since, until, quiet_before=not before, quiet_after=not after)
    report, plain = CommentReport(group_by), CommentReport(group_by)
    if parts.first_day is not None and parts.last_day is not None:
        report.add(tally for tally in tallies.values() if parts.first_day <= tally.day <= parts.last_day)
    for start, end in parts.edges:
        report.add_comments(within(start, end))
    plain.add_comments(within(since, until))

    assert report.rows() == plain.rows()
    assert report.total() == plain.total()
    assert report.total().total == len(within(since, until))


def test_a_comment_that_changes_counts_as_what_it_is_now() -> None:
    before = a_comment()
    tally = counted(tally_of(before), before)
    after = a_comment(comment_id=before.comment_id, status="archived", edits=1)
    tally = counted(tally, after, before)
    assert (tally.current, tally.archived, tally.doomed, tally.revised) == (0, 1, 0, 1)


def test_the_last_day_there_is_has_an_end() -> None:
    since, until = Utc("9999-12-31T00:00:00.000Z"), Utc("9999-12-31T23:59:59.999Z")
    assert days_of(since, until) == ("9999-12-31", "9999-12-31")
    assert span(since, until, quiet_before=True, quiet_after=True).last_day == Date("9999-12-31")
