from typing import Any

import pytest

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from tests.ics.given import an_id


async def comment(ics: ServiceClient, body: str = "Handle with care", **given: Any) -> dict[str, Any]:
    said = {"subject_type": "variant", "subject_id": "VAR-1", "body": body} | given
    answer = await ics.plain.post("/comment", **said)
    assert answer.status == 200, answer
    made: dict[str, Any] = answer.data["comment"]
    return made


async def test_a_comment_is_current_and_found_whatever_becomes_of_it(ics: ServiceClient) -> None:
    made = await comment(ics, subject_type="transfer", subject_id="nobody-knows", source="crm")

    assert (made["status"], made["edits"], made["history"], made["reply_to"]) == ("current", 0, [], None)
    named = {"comment_id": made["comment_id"]}
    doomed = (await ics.post("/comment/status", **named, expected_revision=1, status="doomed", reason="spam")).data
    assert (await ics.post("/comment/get", **named)).data == doomed
    assert (doomed["comment"]["status"], doomed["comment"]["revision"]) == ("doomed", 2)
    assert ics.events == ["ics.comment.added", "ics.comment.status_changed"]


async def test_a_reply_is_to_a_comment_on_the_same_subject(ics: ServiceClient) -> None:
    first = await comment(ics)
    assert (await comment(ics, reply_to=first["comment_id"]))["reply_to"] == first["comment_id"]
    said = {"subject_type": "variant", "subject_id": "VAR-1", "body": "No"}
    for wrong in ({"reply_to": an_id()}, {"reply_to": first["comment_id"], "subject_id": "VAR-2"}):
        answer = await ics.post("/comment", **(said | wrong))
        assert (answer.status, list(answer.problems)) == (400, ["reply_to"])


async def test_a_revision_keeps_what_was_said_before_for_twenty_edits(ics: ServiceClient) -> None:
    made = await comment(ics, body="text 0")
    named = {"comment_id": made["comment_id"]}
    revised = made
    for number in range(1, 23):
        answer = await ics.post("/comment/revise", **named, expected_revision=number, body=f"text {number}")
        revised = answer.data["comment"]
    assert (revised["body"], revised["edits"], revised["revision"]) == ("text 22", 22, 23)
    assert [(edit["revision"], edit["body"]) for edit in revised["history"]] == [
        (number + 1, f"text {number}") for number in range(21, 1, -1)
    ]
    assert {edit["edited_by"] for edit in revised["history"]} == {"tester"}


async def test_only_the_author_or_the_owner_revises(ics: ServiceClient) -> None:
    made = await comment(ics)
    named = {"comment_id": made["comment_id"], "body": "Better"}
    other = ics.as_caller(actor="ben", owner=False)

    refused = await other.post("/comment/revise", **named)
    stale = await other.post("/comment/revise", **(named | {"comment_id": an_id()}))
    author = await ics.as_caller(owner=False).post("/comment/revise", **named, expected_revision=1)
    owner = await ics.as_caller(actor="ben", owner=True).post("/comment/revise", **named, expected_revision=2)

    assert (refused.status, refused.error_code, refused.tag) == (403, "ics.forbidden", "forbidden")
    assert stale.status == 404
    assert (author.status, owner.status) == (200, 200)


async def test_what_is_put_away_is_not_revised_and_what_is_doomed_stays_so(ics: ServiceClient) -> None:
    named = {"comment_id": (await comment(ics))["comment_id"]}

    async def status(wanted: str, revision: int) -> int:
        return (await ics.post("/comment/status", **named, status=wanted, expected_revision=revision)).status

    assert await status("current", 1) == 409
    assert await status("archived", 1) == 200
    revise = await ics.post("/comment/revise", **named, expected_revision=2, body="Better")
    assert (revise.status, revise.error_code, revise.details) == (409, "ics.conflict_state", {"status": "archived"})
    assert await status("current", 2) == 200
    assert await status("doomed", 3) == 200
    assert [await status(wanted, 4) for wanted in ("current", "archived", "doomed")] == [409, 409, 409]


async def test_comments_of_this_domain_are_listed_newest_first(ics: ServiceClient) -> None:
    first = await comment(ics, "one")
    await comment(ics, "two", subject_id="VAR-2")
    await comment(ics, "three", subject_type="zone")
    await comment(ics, "four", source="crm")
    await comment(ics.as_caller(actor="ben"), "five")
    await ics.post("/comment/status", comment_id=first["comment_id"], expected_revision=1, status="archived")

    async def bodies(**wanted: Any) -> list[str]:
        items = (await ics.plain.post("/comment/list", **wanted)).data["items"]
        return [item["body"] for item in items]

    assert await bodies() == ["five", "three", "two"]
    assert await bodies(status="all") == ["five", "three", "two", "one"]
    assert await bodies(status="archived") == ["one"]
    assert await bodies(subject_type="variant") == ["five", "two"]
    assert await bodies(subject_id="VAR-1") == ["five", "three"]
    assert await bodies(subject_type="zone", subject_id="VAR-1") == ["three"]
    assert await bodies(author="ben", subject_type="variant") == ["five"]
    assert await bodies(author="nobody") == []


async def test_pages_of_comments_neither_repeat_nor_skip_while_more_are_made(ics: ServiceClient) -> None:
    for number in range(5):
        await comment(ics, str(number))
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = (await ics.post("/comment/list", limit=2, **token)).data
        seen += [item["body"] for item in page["items"]]
        if page["next_token"] is None:
            break
        token = {"next_token": page["next_token"]}
        await comment(ics, "later")
    assert seen == ["4", "3", "2", "1", "0"]


async def test_a_report_counts_by_what_comments_have_in_common(ics: ServiceClient, clock: FixedClock) -> None:
    begin = clock.advance(86_400)
    first = await comment(ics)
    clock.advance(60)
    await comment(ics, source="crm", subject_type="zone")
    clock.advance(86_400)
    await comment(ics.as_caller(actor="ben"))
    end = clock.now()
    clock.advance(1)
    named = {"comment_id": first["comment_id"]}
    await ics.post("/comment/revise", **named, expected_revision=1, body="Better")
    await ics.post("/comment/status", **named, expected_revision=2, status="archived")

    async def counts(**wanted: Any) -> dict[str, int]:
        data = (await ics.plain.post("/comment/report", **wanted)).data
        rows = {row["key"]: row["total"] for row in data["rows"]}
        assert data["total"]["total"] == sum(rows.values())
        assert list(rows) == sorted(rows)
        return rows

    assert await counts() == {"variant": 2, "zone": 1}
    assert await counts(group_by="author") == {"ben": 1, "tester": 2}
    assert await counts(group_by="source") == {"crm": 1, "ics": 2}
    assert await counts(group_by="day") == {begin[:10]: 2, end[:10]: 1}
    assert await counts(source="ics", subject_type="variant", group_by="day") == {begin[:10]: 1, end[:10]: 1}
    assert await counts(to_utc=end) == {"variant": 1, "zone": 1}
    assert await counts(from_utc=begin, to_utc=end, source="ics") == {"variant": 1}
    assert await counts(from_utc=end) == {"variant": 1}
    data = (await ics.post("/comment/report")).data
    assert data["total"] == {
        "key": "total",
        "total": 3,
        "current": 2,
        "archived": 1,
        "doomed": 0,
        "revised": 1,
        "last_utc": end,
    }
    assert (data["to_utc"], data["group_by"]) == (clock.now(), "subject_type")


async def test_a_report_of_nothing_says_so(ics: ServiceClient) -> None:
    data = (await ics.post("/comment/report")).data
    assert (data["rows"], data["total"]["total"], data["total"]["last_utc"]) == ([], 0, None)


@pytest.mark.parametrize("field", ["from_utc", "to_utc"])
async def test_a_report_of_no_time_at_all_is_refused(ics: ServiceClient, field: str) -> None:
    times = {"from_utc": "2026-01-02T00:00:00Z", "to_utc": "2026-01-02T00:00:00Z"} | {
        field: {"from_utc": "2026-01-03T00:00:00Z", "to_utc": "2020-01-02T00:00:00Z"}[field]
    }
    answer = await ics.post("/comment/report", **times)
    assert (answer.status, list(answer.problems)) == (400, ["to_utc"])
