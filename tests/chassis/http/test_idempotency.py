import asyncio
from typing import Any

import pytest

from chassis.clock import FixedClock, SystemClock
from chassis.http.idempotency import IDEMPOTENCY, KEPT_SECONDS, KEPT_SECONDS_FOR_SERVICES
from chassis.testing.client import ServiceClient, TestAnswer, serve
from tests.chassis.sample.app import SAMPLE

UNKNOWN = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a"


def without_stats(answer: TestAnswer) -> bytes:
    return answer.raw.partition(b'"stats"')[0]


async def kept(sample: ServiceClient) -> int:
    return len(await sample.application.runtime.database.collection(IDEMPOTENCY.collection).find({}))


async def test_the_same_key_is_answered_the_same_byte_for_byte(sample: ServiceClient) -> None:
    first = await sample.post("/crate/create", code="A-01", idempotency_key="k1")
    again = await sample.post("/crate/create", code="A-01", idempotency_key="k1")
    header = await sample.post("/crate/create", code="A-01", headers={"Idempotency-Key": "k1"})

    assert (first.status, again.status, header.status) == (200, 200, 200)
    assert without_stats(first) == without_stats(again) == without_stats(header)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == header.headers["Idempotent-Replayed"] == "true"
    assert sample.events == ["sample.crate.created"]


async def test_the_same_key_with_another_body_is_a_conflict(sample: ServiceClient) -> None:
    await sample.post("/crate/create", code="A-01", idempotency_key="k1")
    other = await sample.post("/crate/create", code="A-02", idempotency_key="k1")
    elsewhere = await sample.post("/crate/create", code="A-01", idempotency_key="k1", logical_guid="FAC-B")
    again = await sample.post("/crate/create", code="A-01", idempotency_key="k1")

    assert (other.status, other.error_code) == (elsewhere.status, elsewhere.error_code) == (409, "sample.conflict")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert sample.events == ["sample.crate.created"]


async def test_a_key_belongs_to_no_caller(sample: ServiceClient) -> None:
    first = await sample.post("/crate/create", code="A-01", idempotency_key="k1")
    refused = await sample.post("/crate/close", crate_id=UNKNOWN, idempotency_key="k2")
    for other in (sample.as_caller(actor="somebody-else"), sample.as_caller(kind="key")):
        again = await other.post("/crate/create", code="A-01", idempotency_key="k1")
        assert (again.headers["Idempotent-Replayed"], without_stats(again)) == ("true", without_stats(first))
        absent = await other.post("/crate/close", crate_id=UNKNOWN, idempotency_key="k2")
        assert (absent.status, without_stats(absent)) == (404, without_stats(refused))
        changed = await other.post("/crate/create", code="A-02", idempotency_key="k1")
        assert (changed.status, changed.error_code, changed.error["retryable"]) == (409, "sample.conflict", False)
    assert sample.events == ["sample.crate.created"]


async def test_a_key_opens_nothing_to_who_lacks_the_role(sample: ServiceClient) -> None:
    await sample.post("/crate/create", code="A-01", idempotency_key="k1")
    stranger = await sample.with_roles().post("/crate/create", code="A-01", idempotency_key="k1")
    assert stranger.status == 403


async def test_the_same_body_may_be_written_otherwise(sample: ServiceClient) -> None:
    head = {"Content-Type": "application/json", "x-logical-guid": "FAC-A"}
    first = await sample.send("POST", "/crate/create", b'{"code":"A-01","idempotency_key":"k"}', head)
    again = await sample.send("POST", "/crate/create", b'{ "idempotency_key": "k", "code": "a-01" }', head)

    assert without_stats(first) == without_stats(again)


async def test_keys_are_of_an_org_and_an_endpoint(sample: ServiceClient) -> None:
    other = sample.as_caller(orgcode="OTHR0001")
    mine = await sample.post("/crate/create", code="A-01", idempotency_key="k1")
    theirs = await other.post("/crate/create", code="A-01", idempotency_key="k1")
    crate = mine.data["crate"]["crate_id"]
    closed = await sample.post("/crate/close", crate_id=crate, expected_revision=1, idempotency_key="k1")

    assert theirs.data["crate"]["crate_id"] != crate
    assert closed.data["crate"]["state"] == "closed"


async def test_refusals_that_passed_validation_are_kept(sample: ServiceClient) -> None:
    crate = (await sample.post("/crate/create", code="A-01")).data["crate"]["crate_id"]
    await sample.post("/crate/close", crate_id=crate, expected_revision=1)

    async def refused(key: str, **fields: object) -> list[TestAnswer]:
        return [await sample.post("/crate/close", idempotency_key=key, **fields) for _ in range(2)]

    absent = await refused("absent", crate_id=UNKNOWN)
    stale = await refused("stale", crate_id=crate, expected_revision=1)
    closed = await refused("closed", crate_id=crate, expected_revision=2)
    for (first, again), status in ((absent, 404), (stale, 409), (closed, 409)):
        assert first.status == again.status == status
        assert without_stats(first) == without_stats(again)
        assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_taken_code_is_kept_although_the_commit_decides_it(sample: ServiceClient) -> None:
    await sample.post("/crate/create", code="A-01")
    first = await sample.post("/crate/create", code="A-01", idempotency_key="k")
    again = await sample.post("/crate/create", code="A-01", idempotency_key="k")

    assert (first.status, again.status) == (409, 409)
    assert without_stats(first) == without_stats(again)
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_what_may_end_otherwise_next_time_is_not_kept(sample: ServiceClient) -> None:
    crate = (await sample.post("/crate/create", code="A-01")).data["crate"]["crate_id"]
    blind = await sample.post("/crate/close", crate_id=crate, idempotency_key="k")
    wrong = await sample.post("/crate/create", code="!", idempotency_key="k")
    broken = await sample.post("/crate/break", idempotency_key="k")

    assert (blind.status, wrong.status, broken.status) == (428, 400, 500)
    assert await kept(sample) == 0
    assert (await sample.post("/crate/close", crate_id=crate, expected_revision=1, idempotency_key="k")).status == 200


async def test_many_with_one_key_do_the_work_once(sample: ServiceClient) -> None:
    answers = await asyncio.gather(*(sample.post("/crate/create", code="A-01", idempotency_key="k") for _ in range(20)))

    done = [answer for answer in answers if answer.status == 200]
    running = [answer for answer in answers if answer.status != 200]
    assert len({without_stats(answer) for answer in done}) == 1
    assert all((answer.status, answer.error["retryable"]) == (409, True) for answer in running)
    assert await sample.collect_events() == ["sample.crate.created"]


@pytest.mark.parametrize(("kind", "seconds"), [("user", KEPT_SECONDS), ("key", KEPT_SECONDS_FOR_SERVICES)])
async def test_a_key_is_free_again_after_its_time(
    mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str, kind: str, seconds: int
) -> None:
    clock = FixedClock(SystemClock().now())
    place: dict[str, Any] = {
        "mongodb_uri": mongodb_uri,
        "database": database_name,
        "amqp_url": amqp_url,
        "prefix": bus_prefix,
    }
    async with serve(SAMPLE, clock=clock, **place) as service:
        sample = service.as_caller(kind=kind)
        await sample.post("/crate/create", code="A-01", idempotency_key="k")
        clock.advance(seconds - 1)
        assert (await sample.post("/crate/create", code="A-02", idempotency_key="k")).status == 409
        clock.advance(1)
        assert (await sample.post("/crate/create", code="A-02", idempotency_key="k")).status == 200
        assert (await sample.post("/crate/create", code="A-02", idempotency_key="k")).status == 200


async def test_reading_calls_take_no_key(sample: ServiceClient) -> None:
    answer = await sample.post("/crate/echo", variant_id="v", quantity=1, idempotency_key="k")

    assert answer.problems == {"idempotency_key": "is not a known field"}
