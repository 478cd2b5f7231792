import asyncio
from typing import Any

import pytest

from chassis.testing.client import ServiceClient
from tests.ics.given import an_id


async def a_stored_zone(ics: ServiceClient, **given: Any) -> dict[str, Any]:
    answer = await ics.post("/zone/create", **({"code": "A-01"} | given))
    assert answer.status == 200, answer
    zone: dict[str, Any] = answer.data["zone"]
    return zone


async def test_a_zone_is_opened_for_storage_unless_said_otherwise(ics: ServiceClient) -> None:
    zone = await a_stored_zone(ics, code="a-01", name="Racks")

    assert zone["code"] == "A-01"
    assert (zone["purpose"], zone["status"], zone["name"]) == ("storage", "active", "Racks")
    assert (zone["logical_guid"], zone["revision"]) == ("FAC-A", 1)
    assert (await ics.post("/zone/get", zone_id=zone["zone_id"])).data["zone"] == zone
    assert ics.events == ["ics.zone.created"]


async def test_two_zones_of_a_facility_never_share_a_code(ics: ServiceClient) -> None:
    first = await ics.post("/zone/create", code="A-01")
    second = await ics.post("/zone/create", code="a-01")
    elsewhere = await ics.post("/zone/create", code="A-01", logical_guid="FAC-B")

    assert (first.status, second.status, elsewhere.status) == (200, 409, 200)
    assert second.error_code == "ics.conflict"
    assert ics.events == ["ics.zone.created", "ics.zone.created"]


async def test_a_zone_is_closed_and_opened_again(ics: ServiceClient) -> None:
    zone = await a_stored_zone(ics)
    named: dict[str, Any] = {"zone_id": zone["zone_id"]}

    closed = await ics.post("/zone/status/set", **named, expected_revision=1, status="inactive", reason="rebuilding")
    again = await ics.post("/zone/status/set", **named, expected_revision=2, status="inactive")
    opened = await ics.post("/zone/status/set", **named, expected_revision=2, status="active")

    assert (closed.data["zone"]["status"], closed.data["zone"]["revision"]) == ("inactive", 2)
    assert (again.status, again.error_code, again.details) == (409, "ics.conflict_state", {"status": "inactive"})
    assert (opened.data["zone"]["status"], opened.data["zone"]["revision"]) == ("active", 3)
    assert ics.events == ["ics.zone.created", "ics.zone.status_changed", "ics.zone.status_changed"]


async def test_a_stale_revision_closes_nothing(ics: ServiceClient) -> None:
    zone = await a_stored_zone(ics)
    close: dict[str, Any] = {"zone_id": zone["zone_id"], "expected_revision": 1, "status": "inactive"}

    await ics.post("/zone/status/set", **close)
    stale = await ics.post("/zone/status/set", **close)

    assert (stale.status, stale.error_code) == (409, "ics.revision_conflict")
    assert stale.details == {"current_revision": 2}


async def test_a_missing_revision_is_told_which_one_it_is(ics: ServiceClient) -> None:
    zone = await a_stored_zone(ics)
    blind = await ics.post("/zone/status/set", zone_id=zone["zone_id"], status="inactive")
    unknown = await ics.post("/zone/status/set", zone_id=an_id(), status="inactive")

    assert (blind.status, blind.details) == (428, {"current_revision": 1})
    assert unknown.status == 404


async def test_zones_are_listed_by_facility_and_code(ics: ServiceClient) -> None:
    for code in ("B-01", "A-02", "A-01"):
        await a_stored_zone(ics, code=code, purpose="pick" if code == "A-02" else "storage")
    await a_stored_zone(ics, code="A-01", logical_guid="FAC-B")

    async def codes(**wanted: Any) -> list[str]:
        items = (await ics.plain.post("/zone/list", **wanted)).data["items"]
        return [f"{zone['logical_guid']} {zone['code']}" for zone in items]

    assert await codes() == ["FAC-A A-01", "FAC-A A-02", "FAC-A B-01", "FAC-B A-01"]
    assert await codes(logical_guid="FAC-A", purpose="storage") == ["FAC-A A-01", "FAC-A B-01"]
    assert await codes(code="a-01") == ["FAC-A A-01", "FAC-B A-01"]
    assert await codes(status="inactive") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 256])
async def test_pages_of_zones_repeat_none_and_skip_none(ics: ServiceClient, limit: int) -> None:
    for place in range(5):
        await a_stored_zone(ics, code=f"A-{place}")
    found: list[str] = []
    token: str | None = None
    while True:
        more: dict[str, Any] = {"next_token": token} if token else {}
        page = (await ics.post("/zone/list", limit=limit, **more)).data
        assert page["count"] == len(page["items"]) <= limit
        found += [zone["code"] for zone in page["items"]]
        token = page["next_token"]
        if token is None:
            break
    assert found == [f"A-{place}" for place in range(5)]


async def test_a_token_goes_with_the_filters_it_was_made_for(ics: ServiceClient) -> None:
    for place in range(3):
        await a_stored_zone(ics, code=f"A-{place}")
    token = (await ics.post("/zone/list", limit=1)).data["next_token"]

    other = await ics.post("/zone/list", limit=1, next_token=token, purpose="storage")
    altered = await ics.post("/zone/list", limit=1, next_token=token[:-1] + ("A" if token[-1] != "A" else "B"))

    assert (other.status, altered.status) == (400, 400)
    assert other.details["fields"][0]["path"] == "next_token"


async def test_of_many_who_open_a_zone_of_one_code_one_succeeds(ics: ServiceClient) -> None:
    answers = await asyncio.gather(*(ics.post("/zone/create", code="A-01") for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 19
    assert (await ics.post("/zone/list")).data["count"] == 1


async def test_of_many_who_saw_the_same_revision_one_succeeds(ics: ServiceClient) -> None:
    zone = await a_stored_zone(ics)
    close: dict[str, Any] = {"zone_id": zone["zone_id"], "expected_revision": 1, "status": "inactive"}
    answers = await asyncio.gather(*(ics.post("/zone/status/set", **close) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 19
    assert all(answer.details == {"current_revision": 2} for answer in answers if answer.status == 409)
