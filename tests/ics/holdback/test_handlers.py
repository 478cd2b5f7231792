from typing import Any

from chassis.testing.client import ServiceClient
from tests.ics.given import FACILITY, VARIANT, an_id


async def test_a_holdback_is_found_by_facility_variant_and_channel(ics: ServiceClient) -> None:
    made = (await ics.post("/holdback/set", variant_id=VARIANT, channel_code="web", quantity=8)).data["holdback"]

    assert (made["channel_code"], made["quantity"], made["status"], made["revision"]) == ("WEB", 8, "active", 1)
    by_id = await ics.plain.post("/holdback/get", holdback_id=made["holdback_id"])
    by_key = await ics.plain.post("/holdback/get", logical_guid=FACILITY, variant_id=VARIANT, channel_code="WEB")
    assert by_id.data["holdback"] == by_key.data["holdback"] == made
    assert (await ics.plain.post("/holdback/get", logical_guid=FACILITY, variant_id=VARIANT)).status == 404
    assert (await ics.plain.post("/holdback/get", holdback_id=an_id())).status == 404
    assert ics.events == ["ics.holdback.saved"]


async def test_what_names_no_one_holdback_is_refused(ics: ServiceClient) -> None:
    for body in (
        {},
        {"variant_id": VARIANT},
        {"logical_guid": FACILITY},
        {"holdback_id": an_id(), "variant_id": VARIANT},
    ):
        answer = await ics.plain.post("/holdback/get", headers={}, **body)
        assert (answer.status, answer.error_code) == (400, "ics.validation_failed")


async def test_a_second_set_replaces_all_and_names_its_revision(ics: ServiceClient) -> None:
    said: dict[str, Any] = {
        "variant_id": VARIANT,
        "quantity": 8,
        "reason": "launch",
        "ends_utc": "2999-01-01T00:00:00Z",
    }
    assert (await ics.post("/holdback/set", **said)).data["holdback"]["ends_utc"] == "2999-01-01T00:00:00.000Z"

    blind = await ics.post("/holdback/set", variant_id=VARIANT, quantity=0)
    cleared = (await ics.post("/holdback/set", variant_id=VARIANT, quantity=0, expected_revision=1)).data["holdback"]
    revived = (await ics.post("/holdback/set", variant_id=VARIANT, quantity=2, expected_revision=2)).data["holdback"]

    assert (blind.status, blind.details) == (428, {"current_revision": 1})
    assert (cleared["status"], cleared["reason"], cleared["ends_utc"]) == ("cleared", None, None)
    assert (revived["status"], revived["revision"]) == ("active", 3)


async def test_an_end_before_the_start_is_refused_by_name(ics: ServiceClient) -> None:
    times: dict[str, Any] = {"starts_utc": "2026-01-02T00:00:00Z", "ends_utc": "2026-01-02T00:00:00.000Z"}
    answer = await ics.post("/holdback/set", variant_id=VARIANT, quantity=1, **times)
    assert (answer.status, answer.details["fields"][0]["path"]) == (400, "ends_utc")


async def test_holdbacks_are_listed_newest_first_by_what_they_are_now(ics: ServiceClient) -> None:
    spans: dict[str, dict[str, Any]] = {
        "VAR-1": {"quantity": 1},
        "VAR-2": {"quantity": 2, "starts_utc": "2999-01-01T00:00:00Z"},
        "VAR-3": {"quantity": 3, "ends_utc": "2001-01-01T00:00:00Z"},
        "VAR-4": {"quantity": 0},
        "VAR-5": {"quantity": 5},
    }
    for variant, span in spans.items():
        assert (await ics.post("/holdback/set", variant_id=variant, **span)).status == 200

    async def variants(**wanted: Any) -> list[str]:
        items = (await ics.plain.post("/holdback/list", **wanted)).data["items"]
        return [item["variant_id"] for item in items]

    assert await variants() == ["VAR-5", "VAR-1"]
    assert await variants(status="scheduled") == ["VAR-2"]
    assert await variants(status="ended", logical_guid=FACILITY) == ["VAR-3"]
    assert await variants(status="cleared") == ["VAR-4"]
    assert await variants(status="all", variant_id="VAR-4") == ["VAR-4"]
    assert await variants(status="all") == ["VAR-5", "VAR-4", "VAR-3", "VAR-2", "VAR-1"]
    assert await variants(status="all", channel_code="WEB") == []


async def test_pages_of_holdbacks_are_full_whatever_lies_between(ics: ServiceClient) -> None:
    for place in range(6):
        ended: dict[str, Any] = {"ends_utc": "2001-01-01T00:00:00Z"} if place % 2 else {}
        await ics.post("/holdback/set", variant_id=f"VAR-{place}", quantity=1, **ended)

    first = (await ics.post("/holdback/list", limit=2)).data
    second = (await ics.post("/holdback/list", limit=2, next_token=first["next_token"])).data

    assert [item["variant_id"] for item in first["items"]] == ["VAR-4", "VAR-2"]
    assert [item["variant_id"] for item in second["items"]] == ["VAR-0"]
    assert (first["count"], second["count"], second["next_token"]) == (2, 1, None)

    for status in ("scheduled", "ended", "cleared", "all"):
        other = await ics.post("/holdback/list", status=status, limit=2, next_token=first["next_token"])
        assert (other.status, list(other.problems)) == (400, ["next_token"]), status
