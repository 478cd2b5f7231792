from asyncio import timeout

from chassis.testing.client import ServiceClient

WAIT_SECONDS = 20


async def test_stat_says_that_every_part_is_up_without_an_org(ics: ServiceClient) -> None:
    asking = ics.as_caller(orgcode=None, roles=frozenset()).plain
    answer = await asking.get("/stat")
    # A service takes calls before it has reached the bus, and says so meanwhile.
    async with timeout(WAIT_SECONDS):
        while answer.data["checks"]["bus"] != "up":
            answer = await asking.get("/stat")
    assert (answer.status, answer.data["ok"]) == (200, True)
    assert answer.data["checks"]["database"] == "up"
    assert answer.data["now_utc"].endswith("Z")


async def test_stat_wants_a_user(ics: ServiceClient) -> None:
    assert (await ics.as_caller(kind="key").get("/stat")).status == 401
    assert (await ics.nobody.get("/stat")).status == 401
