import pytest

from chassis.errors import Throttled
from gateway.limits.rates import Limit, Rates
from tests.gateway.given import KEY, ORG, SIGNED_IN, a_house


class ManualClock:
    at = 50.0

    def __call__(self) -> float:
        return self.at


def some_rates(clock: ManualClock, style: str = "structured", burst: int = 3) -> Rates:
    limits = (Limit("credential", 2.0, burst), Limit("org", 100.0, 100))
    return Rates(limits, style, clock)  # type: ignore[arg-type]


def test_a_burst_passes_and_the_next_call_does_not() -> None:
    rates = some_rates(ManualClock())
    for _ in range(3):
        rates.take("credential", "a", {})
    with pytest.raises(Throttled) as refused:
        rates.take("credential", "a", {})

    assert refused.value.details == {"retry_after_seconds": 1, "limit": "credential"}
    assert refused.value.headers() == {"Retry-After": "1"}


def test_a_call_comes_back_with_each_interval() -> None:
    clock = ManualClock()
    rates = some_rates(clock)
    for _ in range(3):
        rates.take("credential", "a", {})
    clock.at += 0.5
    rates.take("credential", "a", {})
    with pytest.raises(Throttled):
        rates.take("credential", "a", {})


def test_each_key_has_a_bucket_of_its_own() -> None:
    rates = some_rates(ManualClock(), burst=1)
    rates.take("credential", "a", {})
    rates.take("credential", "b", {})
    with pytest.raises(Throttled):
        rates.take("credential", "a", {})


def test_a_refused_call_costs_nothing() -> None:
    clock = ManualClock()
    rates = some_rates(clock, burst=1)
    rates.take("credential", "a", {})
    for _ in range(10):
        with pytest.raises(Throttled):
            rates.take("credential", "a", {})
    clock.at += 0.5

    rates.take("credential", "a", {})


def test_the_headers_are_lists_with_an_item_a_limit() -> None:
    rates = some_rates(ManualClock())
    told: dict[str, str] = {}
    rates.take("credential", "a", told)
    rates.take("org", "o", told)

    assert told == {
        "RateLimit-Policy": '"credential";q=3;w=2, "org";q=100;w=1',
        "RateLimit": '"credential";r=2;t=1, "org";r=99;t=1',
    }


def test_the_older_three_tell_of_the_limit_that_is_nearest() -> None:
    rates = some_rates(ManualClock(), "triple")
    told: dict[str, str] = {}
    rates.take("credential", "a", told)
    rates.take("org", "o", told)

    assert told == {"RateLimit-Limit": "3", "RateLimit-Remaining": "2", "RateLimit-Reset": "1"}


def test_a_rate_of_nought_is_no_limit_and_says_nothing() -> None:
    rates = Rates((Limit("credential", 0.0, 1),), "both", ManualClock())
    told: dict[str, str] = {}
    for _ in range(1000):
        rates.take("credential", "a", told)

    assert told == {}


async def test_a_throttled_caller_is_told_when_to_retry() -> None:
    async with a_house(RATE_CREDENTIAL_PER_SECOND="0.1", RATE_CREDENTIAL_BURST="2") as house:
        replies = [await house.get("/ics/x") for _ in range(3)]
        other = await house.get("/ics/x", {"x-api-key": KEY, "x-orgcode": ORG})

    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[2].error_code == "ics.throttled"
    assert replies[2].headers["retry-after"] == "10"
    assert replies[2].json["error"]["retryable"] is True
    assert replies[2].json["error"]["details"]["retry_after_seconds"] == 10
    assert replies[2].headers["ratelimit"] == '"credential";r=0;t=10'
    assert replies[0].headers["ratelimit-policy"].startswith('"credential";q=2;w=20, "org";')
    assert other.status == 200
    assert len(house.ics.seen) == 3


async def test_an_org_is_limited_over_all_its_callers_and_strangers_take_nothing_from_it() -> None:
    async with a_house(RATE_ORG_PER_SECOND="0.1", RATE_ORG_BURST="2") as house:
        house.directory.orgs.pop(next(iter(house.directory.orgs)))
        for _ in range(5):
            assert (await house.get("/ics/x")).status == 404
        key = {"x-api-key": KEY, "x-orgcode": ORG}
        statuses = [(await house.get("/ics/x", key)).status for _ in range(3)]

    assert statuses == [200, 200, 429]


async def test_by_default_thousands_of_calls_a_second_are_let_through() -> None:
    async with a_house() as house:
        reply = await house.get("/ics/x", SIGNED_IN)

    assert '"credential";q=40000;w=2' in reply.headers["ratelimit-policy"]
