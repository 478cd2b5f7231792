import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis.caller import Caller
from chassis.clock import FixedClock, Utc
from chassis.errors import Forbidden, Invalid, Throttled, Unauthorized
from chassis.mongo.unit import MongoUnits
from chassis.rpc.client import Channels
from chassis.rpc.interceptors import SecretVerdict
from retailstack.ops.v1.secret_pb2 import CheckSecretRequest, SetSecretRequest
from retailstack.ops.v1.secret_pb2_grpc import SecretStub, add_SecretServicer_to_server
from services.ops.announced import Announcements
from services.ops.secret.code import WAITING_MAX, Hasher
from services.ops.secret.domain import FAILURES_MAX, LOCKOUT_SECONDS, Attempts, seconds_locked, with_one_more
from services.ops.secret.rpc import SecretServicer
from services.ops.secret.service import SecretService
from services.ops.secret.store import SECRETS, the_secret
from tests.chassis.rpc.given import a_server, sign
from tests.ops.given import ops_units

NOON = Utc("2026-03-01T12:00:00.000Z")
CODE = "open sesame, please"
COST = 15


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
async def units(mongodb_uri: str, database_name: str, clock: FixedClock) -> AsyncIterator[MongoUnits]:
    async with ops_units(mongodb_uri, database_name, clock) as units:
        yield units


@pytest.fixture
def service(units: MongoUnits, clock: FixedClock) -> SecretService:
    return SecretService(units, clock, COST)


class Counting(Hasher):
    """Counts the hashes it makes."""

    made = 0

    async def _scrypt(self, code: str, salt: bytes, cost: Any) -> bytes:
        self.made += 1
        return await super()._scrypt(code, salt, cost)


def counting(service: SecretService) -> Counting:
    service._hasher = Counting(COST)
    return service._hasher


async def test_the_first_setting_needs_no_current_code_and_every_later_one_does(service: SecretService) -> None:
    await service.set(CODE, None, "10.0.0.1")
    for current in (None, "wrong"):
        with pytest.raises(Unauthorized):
            await service.set("another code", current, "10.0.0.1")
    await service.set("another code", CODE, "10.0.0.1")

    assert (await service.check("another code", "10.0.0.1")).ok
    assert not (await service.check(CODE, "10.0.0.1")).ok


async def test_a_first_setting_leaves_a_code_that_is_set(service: SecretService) -> None:
    assert await service.set(CODE, None, "10.0.0.1", only_first=True)
    assert not await service.set("another code", None, "10.0.0.1", only_first=True)
    assert (await service.check(CODE, "10.0.0.1")).ok


async def test_a_wrong_code_a_missing_one_and_no_code_set_look_the_same(service: SecretService) -> None:
    hasher = counting(service)
    none_set = await service.check(CODE, "10.0.0.1")
    await service.set(CODE, None, "10.0.0.1")
    hasher.made = 0
    wrong = await service.check("wrong", "10.0.0.1")
    missing = await service.check("", "10.0.0.1")

    assert none_set == wrong == missing == SecretVerdict(ok=False)
    # The wrong one alone: a missing one says nothing about the code, and costs nothing.
    assert hasher.made == 1


async def test_five_failures_lock_a_peer_out_for_a_quarter_of_an_hour(
    service: SecretService, clock: FixedClock
) -> None:
    await service.set(CODE, None, "10.0.0.9")
    for _ in range(FAILURES_MAX):
        assert await service.check("wrong", "10.0.0.1") == SecretVerdict(ok=False)

    sixth = await service.check(CODE, "10.0.0.1")
    assert (sixth.ok, sixth.locked, sixth.retry_after_seconds) == (False, True, LOCKOUT_SECONDS)
    with pytest.raises(Throttled):
        sixth.insist()
    assert (await service.check(CODE, "10.0.0.2")).ok

    clock.advance(LOCKOUT_SECONDS)
    assert (await service.check(CODE, "10.0.0.1")).ok


async def test_replicas_count_together(units: MongoUnits, clock: FixedClock) -> None:
    here, there = SecretService(units, clock, COST), SecretService(units, clock, COST)
    await here.set(CODE, None, "10.0.0.9")
    for service in (here, there, here, there, here):
        await service.check("wrong", "10.0.0.1")
    assert (await there.check("wrong", "10.0.0.1")).locked


async def test_guesses_sent_at_once_are_not_all_looked_at(service: SecretService) -> None:
    await service.set(CODE, None, "10.0.0.9")
    hasher = counting(service)
    verdicts = await asyncio.gather(*(service.check(f"guess {n}", "10.0.0.1") for n in range(20)))
    assert hasher.made == FAILURES_MAX
    assert sum(verdict.locked for verdict in verdicts) == 15


@pytest.mark.parametrize("remembered", [True, False])
async def test_a_success_forgives_the_failures_before_it(service: SecretService, remembered: bool) -> None:
    await service.set(CODE, None, "10.0.0.9")
    await service.check(CODE, "10.0.0.9")
    for _ in range(2):
        for _ in range(FAILURES_MAX - 1):
            await service.check("wrong", "10.0.0.1")
        if not remembered:
            service._known = None
        assert (await service.check(CODE, "10.0.0.1")).ok


async def test_a_burst_of_calls_costs_one_hash_and_rotation_forgets_it(units: MongoUnits, clock: FixedClock) -> None:
    here, there = SecretService(units, clock, COST), SecretService(units, clock, COST)
    await here.set(CODE, None, "10.0.0.1")
    hasher = counting(here)
    verdicts = await asyncio.gather(*(here.check(CODE, "10.0.0.1") for _ in range(50)))
    assert all(verdict.ok for verdict in verdicts)
    assert hasher.made == 1

    await there.set("another code", CODE, "10.0.0.1")
    assert not (await here.check(CODE, "10.0.0.1")).ok
    assert (await here.check("another code", "10.0.0.1")).ok


async def test_the_code_itself_is_kept_nowhere(
    service: SecretService, mongodb_client: Any, database_name: str, units: MongoUnits
) -> None:
    await service.set(CODE, None, "10.0.0.1")
    await service.check(CODE, "10.0.0.1")
    database = mongodb_client[database_name]
    documents = [document for name in database.list_collection_names() for document in database[name].find()]
    assert documents
    text = repr(documents)
    assert CODE not in text
    secret = next(document for document in documents if document["_id"] == "operator")
    events = [document for document in documents if document.get("subject") == "operator"]
    assert secret["hashed"] not in repr(events)
    assert secret["cost"] == {"exponent": COST, "block": 8, "lanes": 1}


async def test_a_hash_is_made_anew_once_it_shall_cost_more(units: MongoUnits, clock: FixedClock) -> None:
    await SecretService(units, clock, COST).set(CODE, None, "10.0.0.1")
    dearer = SecretService(units, clock, COST + 1)
    assert (await dearer.check(CODE, "10.0.0.1")).ok

    secret = await units.view(dearer._call("look"), the_secret)
    assert secret is not None
    assert (secret.cost.exponent, secret.revision) == (COST + 1, 2)
    assert (await dearer.check(CODE, "10.0.0.1")).ok


@pytest.mark.parametrize("code", ["", "short", "x" * 513])
async def test_a_code_has_a_sensible_length(service: SecretService, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        await service.set(code, None, "10.0.0.1")
    assert refused.value.details["fields"][0].path == "new_code"


async def test_no_more_codes_wait_than_can_be_checked_soon() -> None:
    hasher = Hasher(COST)
    tries = [hasher.matches("x", None) for _ in range(WAITING_MAX + 8)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, Throttled) for each in done) == 8


def test_attempts_older_than_a_quarter_of_an_hour_do_not_count() -> None:
    attempts = Attempts(peer="p")
    at = FixedClock(NOON)
    for _ in range(10):
        attempts = with_one_more(attempts, at.now())
        at.advance(4 * 60)
    assert seconds_locked(attempts, at.now()) == 0


async def test_over_the_wire_strangers_may_set_but_only_the_stack_may_check(
    service: SecretService, units: MongoUnits, clock: FixedClock
) -> None:
    announcements = Announcements(units, clock)
    server = a_server((add_SecretServicer_to_server, SecretServicer(service, announcements)))
    await server.start()
    address = {"ops": f"127.0.0.1:{server.port}"}
    stranger, stack = Channels(address), Channels(address, sign=sign)
    key = Channels(address, sign=sign, caller=Caller(kind="key", actor="k"))
    try:
        assert (await SecretStub(stranger.channel("ops")).Set(SetSecretRequest(new_code=CODE))).ok
        for channels in (stranger, key):
            with pytest.raises(Forbidden):
                await SecretStub(channels.channel("ops")).Check(CheckSecretRequest(code=CODE, peer="p"))
        assert (await stack.check_secret(CODE, "p")).ok
        assert not (await stack.check_secret("wrong", "p")).ok
    finally:
        for channels in (stranger, stack, key):
            await channels.close()
        await server.stop(0)


def test_the_hash_is_sealed() -> None:
    assert set(SECRETS.sealed) == {"salt", "hashed"}
