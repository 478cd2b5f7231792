"""Requests of vacuums: every refusal of the contract, over a real port."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import MongoClient

from chassis.clock import Utc, seconds_between
from chassis.errors import Conflict, Invalid, InvalidState, NotFound, Refusal, Throttled, Unauthorized, Unavailable
from retailstack.ops.v1 import vacuum_pb2 as pb
from retailstack.ops.v1.vacuum_pb2_grpc import VacuumStub
from tests.ops.vacuum.stack import CODE, Operator, a_stack

A, B = "ALPHA001", "BETA0001"


@pytest.fixture
async def patient(
    mongodb_uri: str, database_name: str, amqp_url: str, mongodb_client: MongoClient[dict[str, Any]]
) -> AsyncIterator[Operator]:
    """An operator of a stack with two orgs, in which vacuums have their usual delay."""
    async with a_stack(mongodb_uri, database_name, amqp_url, mongodb_client, vacuum_delay_seconds=300) as operator:
        await operator.an_org(A)
        await operator.an_org(B)
        yield operator


def cancel(vacuum_id: str, code: str = CODE) -> pb.CancelVacuumRequest:
    return pb.CancelVacuumRequest(secret_code=code, vacuum_id=vacuum_id)


async def test_a_vacuum_waits_five_minutes_in_which_it_can_be_cancelled(patient: Operator) -> None:
    asked = await patient.vacuum(A)
    assert (asked.scope, asked.orgcode, asked.state, asked.dry_run) == ("org", A, "pending", False)
    assert seconds_between(Utc(asked.requested_utc), Utc(asked.execute_after_utc)) == 300

    await patient.sweep()
    assert (await patient.status(asked.vacuum_id)).vacuum.state == "pending"
    answer = await patient.vacuums.CancelVacuum(cancel(asked.vacuum_id))

    assert answer.vacuum.state == "cancelled"
    assert answer.vacuum.cancelled_utc >= asked.requested_utc
    with pytest.raises(InvalidState) as refused:
        await patient.vacuums.CancelVacuum(cancel(asked.vacuum_id))
    assert refused.value.details["state"] == "cancelled"
    with pytest.raises(NotFound):
        await patient.vacuums.CancelVacuum(cancel("01900000-0000-7000-8000-000000000000"))


async def test_an_invalid_id_is_refused_and_an_empty_one_is_left_out(patient: Operator) -> None:
    asked = await patient.vacuum(A)
    for ask in (
        patient.vacuums.CancelVacuum(cancel("bogus")),
        patient.vacuums.GetVacuumStatus(pb.GetVacuumStatusRequest(vacuum_id="bogus")),
    ):
        with pytest.raises(Invalid) as refused:
            await ask
        assert [each["path"] for each in refused.value.details["fields"]] == ["vacuum_id"]

    newest = await patient.vacuums.GetVacuumStatus(pb.GetVacuumStatusRequest(vacuum_id=""))
    assert newest.vacuum.vacuum_id == asked.vacuum_id


async def test_what_has_begun_or_ended_cannot_be_cancelled(operator: Operator) -> None:
    await operator.an_org(A)
    asked = await operator.vacuum(A)
    await operator.sweep()
    for _ in range(2):
        with pytest.raises(InvalidState):
            await operator.vacuums.CancelVacuum(cancel(asked.vacuum_id))
        await operator.until(asked.vacuum_id, "completed")


async def test_a_phrase_that_differs_by_a_letter_confirms_nothing(patient: Operator) -> None:
    for orgcode, phrase in (
        (A, f"VACUUM ORG {B} PERMANENTLY"),
        (A, f"vacuum org {A} permanently"),
        (A, ""),
        (A, "VACUUM ALL DATA PERMANENTLY"),
        (None, "VACUUM ALL DATA PERMANENTLY "),
    ):
        for dry_run in (False, True):
            with pytest.raises(Invalid) as refused:
                await patient.vacuum(orgcode, confirmation_phrase=phrase, dry_run=dry_run)
            assert refused.value.details["fields"][0]["path"] == "confirmation_phrase"


async def test_an_unknown_org_and_a_request_without_a_reason_are_refused(patient: Operator) -> None:
    with pytest.raises(NotFound):
        await patient.vacuum("NOBODY01")
    with pytest.raises(NotFound):
        await patient.vacuum("NOBODY01", dry_run=True)
    for reason in ("", "r" * 257):
        with pytest.raises(Invalid):
            await patient.vacuum(A, reason=reason)
    with pytest.raises(Invalid):
        await patient.vacuum("no such code")


async def test_what_covers_the_same_records_is_in_the_way(patient: Operator) -> None:
    first = await patient.vacuum(A)
    for orgcode in (A, None):
        with pytest.raises(Conflict) as refused:
            await patient.vacuum(orgcode)
        assert refused.value.details["vacuum_id"] == first.vacuum_id
    second = await patient.vacuum(B)
    assert second.state == "pending", "another org's is not"
    assert (await patient.vacuum(A, dry_run=True)).state == "completed", "nor is counting"

    for each in (first, second):
        await patient.vacuums.CancelVacuum(cancel(each.vacuum_id))
    everything = await patient.vacuum(None)
    for orgcode in (A, None):
        with pytest.raises(Conflict) as refused:
            await patient.vacuum(orgcode)
        assert refused.value.details["vacuum_id"] == everything.vacuum_id


async def test_of_two_requests_at_once_in_two_replicas_one_wins(patient: Operator) -> None:
    await patient.stack.start("ops-2")
    channels = [patient.channels, patient.stack.channels("ops-2")]
    stubs: list[Any] = [VacuumStub(each.channel("ops")) for each in channels]
    asked: dict[str, Any] = {"secret_code": CODE, "reason": "twice"}
    org = pb.VacuumOrgRequest(orgcode=A, confirmation_phrase=f"VACUUM ORG {A} PERMANENTLY", **asked)
    everything = pb.VacuumAllRequest(confirmation_phrase="VACUUM ALL DATA PERMANENTLY", **asked)
    for _ in range(3):
        calls = [*(stub.VacuumOrg(org) for stub in stubs), *(stub.VacuumAll(everything) for stub in stubs)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        won = [answer for answer in answers if not isinstance(answer, BaseException)]
        assert len(won) == 1, answers
        assert all(isinstance(answer, Conflict) for answer in answers if answer not in won)
        await patient.vacuums.CancelVacuum(cancel(won[0].vacuum.vacuum_id))
    await channels[1].close()


async def test_only_who_knows_the_code_may_ask_but_anybody_may_look(patient: Operator) -> None:
    open_calls: list[Any] = []
    for code in ("", "wrong"):
        for attempt in (
            patient.vacuum(A, secret_code=code),
            patient.vacuum(None, secret_code=code, dry_run=True),
        ):
            with pytest.raises(Unauthorized) as refused:
                await attempt
            open_calls.append(refused.value.message)
    assert len(set(open_calls)) == 1, "wrong and missing look the same"
    with pytest.raises(Unauthorized):
        await patient.vacuums.CancelVacuum(cancel("x", "wrong"))
    for _ in range(2):
        with pytest.raises(Unauthorized):
            await patient.vacuum(A, secret_code="wrong")
    # Five wrong codes; the missing ones are no attempts.
    with pytest.raises(Throttled):
        await patient.vacuum(A, secret_code="wrong")
    with pytest.raises(NotFound):
        await patient.vacuums.GetVacuumStatus(pb.GetVacuumStatusRequest())


async def test_status_without_an_id_is_the_newest(patient: Operator) -> None:
    await patient.vacuum(A, dry_run=True)
    newest = await patient.vacuum(B)
    answer = await patient.vacuums.GetVacuumStatus(pb.GetVacuumStatusRequest())
    assert answer.vacuum.vacuum_id == newest.vacuum_id
    with pytest.raises(NotFound):
        await patient.status("01900000-0000-7000-8000-000000000000")


async def test_a_dry_run_says_what_could_not_be_counted(patient: Operator) -> None:
    await patient.stack.stop("pmc")
    found = await patient.vacuum(A, dry_run=True)
    states = {tally.service: (tally.state, bool(tally.error)) for tally in found.services}
    assert found.state == "failed"
    assert states["pmc"] == ("failed", True)
    assert states["ics"] == ("completed", False)


async def test_without_the_directory_no_org_is_said_not_to_exist(patient: Operator) -> None:
    await patient.stack.stop("gateway")
    with pytest.raises(Unavailable) as refused:
        await patient.vacuum(A)
    assert isinstance(refused.value, Refusal)
    assert refused.value.retryable
