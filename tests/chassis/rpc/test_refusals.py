import grpc
import pytest

from chassis.errors import (
    Conflict,
    ErrorObject,
    ExpectedRevisionRequired,
    FieldProblem,
    Forbidden,
    InternalError,
    Invalid,
    InvalidState,
    MaintenanceActive,
    Major,
    Message,
    NotFound,
    Refusal,
    StaleRevision,
    StillRunning,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
    UpstreamFailed,
)
from chassis.rpc.refusals import ERROR_BYTES_MAX, code_of, error_in, revive, trailing_of
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from tests.chassis.rpc.given import ScriptedServicer, calling, serving

ALL = [
    Invalid("code: too long", [FieldProblem("code", "too long")]),
    TooLarge("the body is too large"),
    Unauthorized("who are you?"),
    Forbidden("not yours"),
    NotFound("no such zone"),
    Conflict("the code is taken – schöner Mist"),
    StaleRevision(7),
    StillRunning("the first has not ended"),
    InvalidState("the zone is inactive", status="inactive"),
    ExpectedRevisionRequired(3),
    Throttled("slow down", 12),
    UpstreamFailed("shopify failed"),
    MaintenanceActive("a window is active", 30, maintenance_id="m-1"),
    Unavailable("the broker is down"),
    InternalError(),
]


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: type(refusal).__name__)
async def test_a_refusal_arrives_as_what_it_was(refusal: Refusal) -> None:
    servicer = ScriptedServicer()

    async def refuse(_: str) -> int:
        raise refusal

    servicer.count = refuse
    async with serving(servicer) as server, calling(server) as stub:
        with pytest.raises(Refusal) as seen:
            await stub.Count(VacuumRequest())
    arrived = seen.value
    assert type(arrived) is type(refusal)
    assert (arrived.message, arrived.status, arrived.tag) == (refusal.message, refusal.status, refusal.tag)
    plain = {"fields": [{"path": "code", "problem": "too long"}]} if "fields" in refusal.details else refusal.details
    assert arrived.details == plain
    assert servicer.calls == 1


async def test_a_surprise_arrives_as_an_internal_error_and_shows_nothing() -> None:
    servicer = ScriptedServicer()

    async def break_down(_: str) -> int:
        raise ValueError("the password is swordfish")

    servicer.count = break_down
    async with serving(servicer) as server, calling(server) as stub:
        with pytest.raises(InternalError) as seen:
            await stub.Count(VacuumRequest())
    assert "swordfish" not in str(seen.value)


async def test_a_refusal_this_process_does_not_know_keeps_its_reason_and_its_nearest_class() -> None:
    said = ErrorObject(
        error_code="ics.out_of_milk",
        http_status=409,
        retryable=False,
        major=Major("invalid-state", Message("3 of 5 can be promised")),
        details={"shortages": [{"requested": 5, "available": 3}]},
    )
    refusal = revive(said)
    assert isinstance(refusal, InvalidState)
    assert (refusal.reason, refusal.details["shortages"][0]["available"]) == ("out_of_milk", 3)


def test_details_too_large_for_metadata_are_left_out() -> None:
    refusal = Invalid("much is wrong", [FieldProblem(f"lines.{n}", "x" * 100) for n in range(500)])
    trailing = trailing_of(refusal, "ics")
    assert sum(len(value) for _, value in trailing) < ERROR_BYTES_MAX
    said = error_in(trailing)
    assert said is not None
    assert (said.error_code, said.details) == ("ics.validation_failed", None)


def test_each_refusal_has_a_status_of_its_kind() -> None:
    assert {code_of(refusal) for refusal in ALL} >= {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,
    }


def test_an_object_that_cannot_be_read_is_no_object() -> None:
    assert error_in([("x-error-bin", b"{")]) is None
    assert error_in(None) is None
