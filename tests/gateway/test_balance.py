import asyncio
from collections import Counter

import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from chassis.errors import Unavailable
from gateway.upstream.balance import Replica, Upstream
from tests.gateway.given import Upstream as Service
from tests.gateway.given import a_house, until
from tests.waiting import within


class ManualClock:
    at = 10.0

    def __call__(self) -> float:
        return self.at


def some_replicas(count: int, clock: ManualClock | None = None) -> Upstream:
    now = clock or ManualClock()
    return Upstream("ics", [Replica("ics", f"http://10.0.0.{n}:80", 3, 0.5, now) for n in range(1, count + 1)])


def fail(replica: Replica, times: int) -> None:
    for _ in range(times):
        replica.begin()
        replica.failed()


def test_replicas_that_are_equally_busy_take_turns() -> None:
    upstream = some_replicas(3)
    picked = Counter(upstream.pick().host for _ in range(30))

    assert set(picked.values()) == {10}


def test_the_least_busy_replica_takes_the_call() -> None:
    upstream = some_replicas(3)
    for replica, busy in zip(upstream.replicas, (4, 1, 2), strict=True):
        replica.busy = busy

    assert {upstream.pick().host for _ in range(5)} == {"10.0.0.2"}


def test_a_replica_that_fails_again_and_again_is_left_alone_and_then_tried_by_one_call() -> None:
    clock = ManualClock()
    upstream = some_replicas(2, clock)
    bad, good = upstream.replicas
    fail(bad, 3)
    assert {upstream.pick() for _ in range(10)} == {good}

    clock.at += 0.5
    good.busy = 5
    assert upstream.pick() is bad
    bad.begin()
    assert upstream.pick() is good
    bad.failed()
    assert upstream.pick() is good
    clock.at += 0.5
    bad.begin()
    bad.succeeded()
    assert not bad.out
    assert upstream.pick() is bad


def test_a_success_in_between_starts_the_count_anew() -> None:
    [replica] = some_replicas(1).replicas
    for _ in range(5):
        fail(replica, 2)
        replica.begin()
        replica.succeeded()

    assert not replica.out


def test_a_probe_whose_caller_went_away_lets_another_one_try() -> None:
    clock = ManualClock()
    upstream = some_replicas(1, clock)
    [replica] = upstream.replicas
    fail(replica, 3)
    clock.at += 0.5
    replica.begin()
    replica.abandoned()

    assert upstream.pick() is replica


def test_when_no_replica_is_left_callers_are_told_at_once() -> None:
    upstream = some_replicas(2)
    for replica in upstream.replicas:
        fail(replica, 3)
    with pytest.raises(Unavailable) as refused:
        upstream.pick()

    assert refused.value.status == 503
    assert refused.value.headers() == {"Retry-After": "1"}


@pytest.mark.parametrize("address", ["ics:80", "https://ics", "http://", "http://ics/path"])
def test_an_address_that_is_none_stops_start_up(address: str) -> None:
    with pytest.raises(ValueError, match="ics"):
        Replica("ics", address)


async def test_calls_are_spread_and_go_on_when_a_replica_dies() -> None:
    one, two = Service(), Service()
    await two.start()
    await one.start()
    both = f"{one.address},{two.address}"
    async with a_house(ICS_HTTP=both) as house:
        for _ in range(10):
            assert (await house.post("/ics/x")).status == 200
        spread = (len(one.seen), len(two.seen))
        await one.stop()
        # Nothing was sent to the one that refuses, so even mutations may go to the other.
        after = [(await house.post("/ics/x")).status for _ in range(10)]
    await two.stop()

    assert spread == (5, 5)
    assert after == [200] * 10
    assert len(two.seen) == 15


async def test_a_service_that_died_is_back_within_two_seconds_of_its_return() -> None:
    async with a_house() as house:
        assert (await house.get("/ics/x")).status == 200
        await house.ics.stop()
        down = [await house.post("/ics/x") for _ in range(10)]
        await house.ics.start()
        async with within(2.0):
            while (await house.post("/ics/x")).status != 200:
                pass

    assert {(reply.status, reply.error_code) for reply in down} == {(503, "ics.upstream_failed")}
    assert all(reply.headers["retry-after"] == "1" for reply in down)


async def test_a_replica_killed_in_the_middle_ends_its_calls_in_the_envelope_and_none_is_done_twice() -> None:
    go_on = asyncio.Event()

    async def slow(_: BaseRequest, __: bytes) -> web.StreamResponse:
        await go_on.wait()
        return web.json_response({})

    dying, living = Service(slow), Service(slow)
    await dying.start()
    await living.start()
    async with a_house(ICS_HTTP=f"{dying.address},{living.address}") as house:
        calls = [asyncio.create_task(house.post("/ics/x", {"n": n})) for n in range(20)]
        await until(lambda: dying.running + living.running == 20)
        await dying.stop()
        go_on.set()
        replies = await asyncio.gather(*calls)
    await living.stop()

    assert Counter(reply.status for reply in replies) == {503: 10, 200: 10}
    bodies = [seen.body for seen in [*dying.seen, *living.seen]]
    assert len(bodies) == len(set(bodies)) == 20


async def test_a_service_that_is_not_configured_is_a_503() -> None:
    async with a_house() as house:
        reply = await house.get("/pmc/stat")

    assert (reply.status, reply.error_code) == (503, "pmc.upstream_failed")
