from typing import Any

from chassis.testing.client import ServiceClient
from tests.ics.given import an_id


async def a_stored_zone(ics: ServiceClient, **given: Any) -> dict[str, Any]:
    zone: dict[str, Any] = (await ics.post("/zone/create", **({"code": "A-01"} | given))).data["zone"]
    return zone


async def test_a_bin_is_opened_in_a_zone_of_the_facility(ics: ServiceClient) -> None:
    zone = await a_stored_zone(ics)
    made = (await ics.post("/bin/create", zone_id=zone["zone_id"], code="p-01", capacity=40)).data["bin"]

    assert (made["code"], made["capacity"], made["status"], made["logical_guid"]) == ("P-01", 40, "active", "FAC-A")
    assert (await ics.post("/bin/get", bin_id=made["bin_id"])).data["bin"] == made
    assert ics.events == ["ics.zone.created", "ics.bin.created"]


async def test_a_zone_that_is_not_there_gets_no_bin(ics: ServiceClient) -> None:
    elsewhere = await a_stored_zone(ics, logical_guid="FAC-B")
    for zone_id in (an_id(), elsewhere["zone_id"]):
        assert (await ics.post("/bin/create", zone_id=zone_id, code="P-01")).status == 404


async def test_a_code_is_taken_once_a_zone(ics: ServiceClient) -> None:
    first, second = await a_stored_zone(ics), await a_stored_zone(ics, code="A-02")
    assert (await ics.post("/bin/create", zone_id=first["zone_id"], code="P-01")).status == 200
    assert (await ics.post("/bin/create", zone_id=first["zone_id"], code="P-01")).error_code == "ics.conflict"
    assert (await ics.post("/bin/create", zone_id=second["zone_id"], code="P-01")).status == 200


async def test_a_closed_zone_gets_no_new_bin(ics: ServiceClient) -> None:
    zone = await a_stored_zone(ics)
    await ics.post("/bin/create", zone_id=zone["zone_id"], code="P-01")
    await ics.post("/zone/status/set", zone_id=zone["zone_id"], expected_revision=1, status="inactive")

    new = await ics.post("/bin/create", zone_id=zone["zone_id"], code="P-02")
    taken = await ics.post("/bin/create", zone_id=zone["zone_id"], code="P-01")

    assert (new.status, new.error_code, new.details) == (409, "ics.conflict_state", {"status": "inactive"})
    assert taken.error_code == "ics.conflict"
    assert [each["code"] for each in (await ics.post("/bin/list")).data["items"]] == ["P-01"]


async def test_an_empty_bin_is_closed_and_opened_again(ics: ServiceClient) -> None:
    zone = await a_stored_zone(ics)
    made = (await ics.post("/bin/create", zone_id=zone["zone_id"], code="P-01")).data["bin"]
    named: dict[str, Any] = {"bin_id": made["bin_id"]}

    assert (await ics.post("/bin/status/set", **named, status="inactive")).status == 428
    closed = await ics.post("/bin/status/set", **named, status="inactive", expected_revision=1)
    stale = await ics.post("/bin/status/set", **named, status="active", expected_revision=1)
    opened = await ics.post("/bin/status/set", **named, status="active", expected_revision=2)

    assert closed.data["bin"]["status"] == "inactive"
    assert (stale.status, stale.details) == (409, {"current_revision": 2})
    assert (opened.data["bin"]["status"], opened.data["bin"]["revision"]) == ("active", 3)


async def test_a_place_that_holds_units_stays_open(ics: ServiceClient) -> None:
    zone = await a_stored_zone(ics)
    made = (await ics.post("/bin/create", zone_id=zone["zone_id"], code="P-01")).data["bin"]
    line: dict[str, Any] = {"variant_id": "VAR-1", "quantity": 3, "bin_id": made["bin_id"]}
    assert (await ics.post("/receive/record", lines=[line])).status == 200

    bin_closed = await ics.post("/bin/status/set", bin_id=made["bin_id"], status="inactive", expected_revision=1)
    zone_closed = await ics.post("/zone/status/set", zone_id=zone["zone_id"], status="inactive", expected_revision=1)

    for refused in (bin_closed, zone_closed):
        assert (refused.status, refused.error_code) == (409, "ics.conflict_state")
        assert refused.details == {"status": "active", "units_held": 3}


async def test_bins_are_listed_by_zone_and_code(ics: ServiceClient) -> None:
    zones = [await a_stored_zone(ics, code=code) for code in ("A-02", "A-01")]
    for zone in zones:
        for code in ("P-02", "P-01"):
            await ics.post("/bin/create", zone_id=zone["zone_id"], code=code)

    async def places(**wanted: Any) -> list[tuple[str, str]]:
        items = (await ics.plain.post("/bin/list", **wanted)).data["items"]
        return [(each["zone_id"], each["code"]) for each in items]

    everything = sorted((zone["zone_id"], code) for zone in zones for code in ("P-01", "P-02"))
    assert await places() == everything
    assert await places(logical_guid="FAC-A") == everything
    assert await places(logical_guid="FAC-B") == []
    assert await places(code="P-01") == [place for place in everything if place[1] == "P-01"]
    assert await places(zone_id=zones[0]["zone_id"], status="active") == [
        place for place in everything if place[0] == zones[0]["zone_id"]
    ]
    assert await places(status="inactive") == []
    assert await places(logical_guid="FAC-A", status="active", code="P-02") == [
        place for place in everything if place[1] == "P-02"
    ]
