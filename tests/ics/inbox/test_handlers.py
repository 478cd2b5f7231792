from typing import Any

from chassis.testing.client import ServiceClient


async def item(ics: ServiceClient, title: str = "Look at the dock", **given: Any) -> dict[str, Any]:
    answer = await ics.plain.post("/inbox/create", title=title, **given)
    assert answer.status == 200, answer
    made: dict[str, Any] = answer.data["item"]
    return made


async def test_an_item_begins_unread_in_the_inbox_and_getting_it_does_not_read_it(ics: ServiceClient) -> None:
    made = await item(ics, due_utc="2026-05-01T00:00:00Z", subject_type="zone", subject_id="Z-1", priority="high")

    assert (made["status"], made["state"], made["recipient"], made["body"]) == ("inbox", "unread", None, None)
    assert (made["due_utc"], made["priority"], made["source"]) == ("2026-05-01T00:00:00.000Z", "high", "ics")
    assert (await ics.post("/inbox/get", inbox_id=made["inbox_id"])).data["item"] == made
    assert ics.events == ["ics.inbox.created"]


async def test_a_subject_is_named_whole_or_not_at_all(ics: ServiceClient) -> None:
    for given, missing in (
        ({"subject_type": "zone"}, "subject_id"),
        ({"subject_id": "Z-1"}, "subject_type"),
    ):
        answer = await ics.post("/inbox/create", title="x", **given)
        assert (answer.status, list(answer.problems)) == (400, [missing])


async def test_the_work_goes_any_way_while_the_item_is_in_the_inbox(ics: ServiceClient) -> None:
    named = {"inbox_id": (await item(ics))["inbox_id"]}
    revision = 1
    for state in ("done", "read", "in_progress", "unread", "read"):
        answer = await ics.post("/inbox/state", **named, state=state, expected_revision=revision)
        revision += 1
        assert (answer.data["item"]["state"], answer.data["item"]["revision"]) == (state, revision)
    again = await ics.post("/inbox/state", **named, state="read", expected_revision=revision)
    assert (again.status, again.error_code) == (409, "ics.conflict_state")
    archived = await ics.post("/inbox/status", **named, status="archived", expected_revision=revision)
    assert (archived.data["item"]["status"], archived.data["item"]["state"]) == ("archived", "read")
    refused = await ics.post("/inbox/state", **named, state="done", expected_revision=revision + 1)
    assert (refused.status, refused.details) == (409, {"status": "archived"})
    assert ics.events[-2:] == ["ics.inbox.state_changed", "ics.inbox.status_changed"]


async def test_doomed_is_for_good(ics: ServiceClient) -> None:
    named = {"inbox_id": (await item(ics))["inbox_id"]}

    async def status(wanted: str, revision: int) -> int:
        return (await ics.post("/inbox/status", **named, status=wanted, expected_revision=revision)).status

    assert await status("inbox", 1) == 409
    assert [await status("archived", 1), await status("inbox", 2), await status("doomed", 3)] == [200, 200, 200]
    assert [await status(wanted, 4) for wanted in ("inbox", "archived", "doomed")] == [409, 409, 409]


async def test_items_of_this_domain_are_listed_newest_first(ics: ServiceClient) -> None:
    await item(ics, "one", recipient="anna", priority="low")
    done = await item(ics, "two", subject_type="zone", subject_id="Z-1")
    away = await item(ics, "three", recipient="anna")
    await item(ics, "four", source="crm")
    await ics.post("/inbox/state", inbox_id=done["inbox_id"], state="done", expected_revision=1)
    await ics.post("/inbox/status", inbox_id=away["inbox_id"], status="archived", expected_revision=1)

    async def titles(**wanted: Any) -> list[str]:
        items = (await ics.plain.post("/inbox/list", **wanted)).data["items"]
        return [found["title"] for found in items]

    assert await titles() == ["two", "one"]
    assert await titles(status="all") == ["three", "two", "one"]
    assert await titles(status="archived", recipient="anna") == ["three"]
    assert await titles(state="done") == ["two"]
    assert await titles(recipient="anna") == ["one"]
    assert await titles(priority="low") == ["one"]
    assert await titles(subject_type="zone", subject_id="Z-1") == ["two"]
    assert await titles(subject_type="bin") == []


async def test_a_list_does_not_go_on_from_a_token_of_another(ics: ServiceClient) -> None:
    for number in range(2):
        await item(ics, f"item {number}")
        await ics.post("/comment", subject_type="zone", subject_id="Z-1", body=f"comment {number}")
    token = (await ics.post("/comment/list", status="all", limit=1)).data["next_token"]
    assert (await ics.post("/comment/list", status="all", limit=1, next_token=token)).status == 200
    answer = await ics.post("/inbox/list", status="all", limit=1, next_token=token)
    assert (answer.status, list(answer.problems)) == (400, ["next_token"])
