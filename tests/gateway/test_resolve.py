import asyncio
from dataclasses import dataclass

import pytest

from chassis.errors import Unavailable
from gateway.caller import resolve
from gateway.caller.credential import Credential
from gateway.caller.resolve import Resolution, Resolver
from tests.gateway.given import GATEWAY_KEY, ORG, OTHER_ORG, SESSION, StubDirectory, a_directory

CREDENTIAL = Credential("session", SESSION)


@dataclass
class ManualClock:
    """A clock that the test sets."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


def a_resolver(directory: StubDirectory, clock: ManualClock, entries_max: int = 100) -> Resolver:
    return Resolver(directory, GATEWAY_KEY.encode(), entries_max, now=clock)


async def settle() -> None:
    """Let background tasks end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_caller_is_asked_for_once_a_second_at_most() -> None:
    directory, clock = a_directory(), ManualClock()
    resolver = a_resolver(directory, clock)
    for _ in range(50):
        await resolver.resolve(CREDENTIAL, ORG)
        clock.at += 0.019

    assert len(directory.asked) == 1


async def test_a_refresh_delays_no_caller() -> None:
    directory, clock = a_directory(), ManualClock()
    resolver = a_resolver(directory, clock)
    await resolver.resolve(CREDENTIAL, ORG)
    clock.at += resolve.FRESH_SECONDS
    known = [resolver.known(CREDENTIAL, ORG) for _ in range(3)]
    await settle()

    assert all(known)
    assert len(directory.asked) == 2


async def test_a_revoked_credential_is_forgotten_before_two_seconds_are_over() -> None:
    directory, clock = a_directory(), ManualClock()
    resolver = a_resolver(directory, clock)
    await resolver.resolve(CREDENTIAL, ORG)
    directory.known.clear()
    clock.at += 1.99

    assert resolver.known(CREDENTIAL, ORG) is None
    assert (await resolver.resolve(CREDENTIAL, ORG)).identity is None


async def test_the_age_of_an_answer_counts_from_its_question() -> None:
    directory, clock = a_directory(), ManualClock()

    class Slow(StubDirectory):
        async def resolve(self, credential: Credential, orgcode: str | None) -> Resolution:
            clock.at += 1.5
            return await directory.resolve(credential, orgcode)

    resolver = a_resolver(Slow(), clock)
    await resolver.resolve(CREDENTIAL, ORG)
    clock.at += 0.45

    assert resolver.known(CREDENTIAL, ORG) is None


async def test_a_credential_that_begins_to_work_does_so_within_two_seconds() -> None:
    directory, clock = StubDirectory(), ManualClock()
    resolver = a_resolver(directory, clock)
    assert (await resolver.resolve(CREDENTIAL, ORG)).identity is None
    directory.known, directory.orgs = a_directory().known, a_directory().orgs
    assert resolver.known(CREDENTIAL, ORG) == resolve.UNKNOWN
    clock.at += 1.99

    assert (await resolver.resolve(CREDENTIAL, ORG)).identity is not None


async def test_many_who_wait_for_the_same_answer_ask_once() -> None:
    directory = a_directory()
    resolver = a_resolver(directory, ManualClock())
    found = await asyncio.gather(*(resolver.resolve(CREDENTIAL, ORG) for _ in range(100)))

    assert len(directory.asked) == 1
    assert len({id(resolution) for resolution in found}) == 1


async def test_a_caller_who_disconnects_does_not_cancel_the_lookup_for_others() -> None:
    go_on = asyncio.Event()

    class Waiting(StubDirectory):
        async def resolve(self, credential: Credential, orgcode: str | None) -> Resolution:
            await go_on.wait()
            return await a_directory().resolve(credential, orgcode)

    resolver = a_resolver(Waiting(), ManualClock())
    first, second = (asyncio.create_task(resolver.resolve(CREDENTIAL, ORG)) for _ in range(2))
    await settle()
    first.cancel()
    go_on.set()

    assert (await second).identity is not None


async def test_each_org_is_an_answer_of_its_own() -> None:
    resolver = a_resolver(a_directory(), ManualClock())

    assert (await resolver.resolve(CREDENTIAL, ORG)).membership is not None
    assert (await resolver.resolve(CREDENTIAL, OTHER_ORG)).membership is None
    assert (await resolver.resolve(CREDENTIAL, None)).membership is None


async def test_memory_is_bounded_and_drops_the_oldest_answer_first() -> None:
    directory = a_directory()
    resolver = a_resolver(directory, ManualClock(), entries_max=10)
    for number in range(11):
        await resolver.resolve(Credential("session", f"guid-{number}"), ORG)

    assert resolver.known(Credential("session", "guid-0"), ORG) is None
    assert resolver.known(Credential("session", "guid-1"), ORG) is not None


async def test_a_change_made_here_holds_at_once_even_for_answers_on_their_way() -> None:
    go_on = asyncio.Event()

    class Waiting(StubDirectory):
        async def resolve(self, credential: Credential, orgcode: str | None) -> Resolution:
            before = await a_directory().resolve(credential, orgcode)
            await go_on.wait()
            return before

    resolver = a_resolver(Waiting(), ManualClock())
    asking = asyncio.create_task(resolver.resolve(CREDENTIAL, ORG))
    await settle()
    resolver.forget()
    go_on.set()
    await asking

    assert resolver.known(CREDENTIAL, ORG) is None


async def test_a_directory_that_fails_is_not_remembered_and_serves_what_is_known_meanwhile() -> None:
    directory, clock = a_directory(), ManualClock()
    resolver = a_resolver(directory, clock)
    await resolver.resolve(CREDENTIAL, ORG)
    directory.failure = Unavailable("the directory is down")
    clock.at += 1.2
    assert resolver.known(CREDENTIAL, ORG) is not None
    await settle()
    clock.at += 0.8
    with pytest.raises(Unavailable):
        await resolver.resolve(CREDENTIAL, ORG)
    directory.failure = None

    assert (await resolver.resolve(CREDENTIAL, ORG)).identity is not None
    await resolver.stop()
