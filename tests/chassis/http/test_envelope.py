import json

import msgspec

from chassis.clock import Utc
from chassis.errors import Conflict, FieldProblem, InternalError, Invalid, Refusal, TooLarge, UnsupportedMedia
from chassis.http.envelope import Build, GridEnvelope, StandardEnvelope, Stats

STATS = Stats(
    service="ics",
    call="ics_stat",
    timestamp_utc=Utc("2024-01-31T12:00:00.000Z"),
    request_id="r",
    duration_ms=1.5,
    build=Build(1, 2, "b"),
)


def test_data_stands_between_success_and_stats() -> None:
    text = StandardEnvelope("ics", "standard").success(b'{"ok":true}', STATS)
    assert json.loads(text) == {
        "success": True,
        "data": {"ok": True},
        "stats": {
            "service": "ics",
            "call": "ics_stat",
            "timestamp_utc": "2024-01-31T12:00:00.000Z",
            "request_id": "r",
            "duration_ms": 1.5,
            "build": {"build_major": 1, "build_minor": 2, "build_id": "b"},
        },
    }


def test_a_refusal_is_an_error_with_details() -> None:
    envelope = StandardEnvelope("ics", "standard")
    refusal = Invalid("two fields", [FieldProblem("a", "is wrong"), FieldProblem("b.0", "is worse")])
    told = json.loads(envelope.failure(envelope.error(refusal), STATS))
    assert told["success"] is False
    assert told["error"] == {
        "error_code": "ics.validation_failed",
        "http_status": 400,
        "retryable": False,
        "major": {"tag": "validation-error", "message": {"en_US": "two fields"}},
        "details": {"fields": [{"path": "a", "problem": "is wrong"}, {"path": "b.0", "problem": "is worse"}]},
    }


def test_the_catalogue_says_invalid_input() -> None:
    def tag(refusal: Refusal) -> str:
        return str(json.loads(StandardEnvelope("pmc", "catalogue").error(refusal))["major"]["tag"])

    assert {tag(kind("no")) for kind in (Invalid, TooLarge, UnsupportedMedia)} == {"invalid-input"}
    assert (tag(Conflict("no")), tag(InternalError())) == ("conflict", "internal-error")


def test_a_service_may_spell_a_word_of_its_error_codes_otherwise() -> None:
    envelope = StandardEnvelope("sample", "catalogue", {"internal_error": "internal-error"})

    assert json.loads(envelope.error(InternalError()))["error_code"] == "sample.internal-error"
    assert json.loads(envelope.error(Conflict("no")))["error_code"] == "sample.conflict"


def test_visualgrid_has_an_envelope_of_its_own() -> None:
    envelope = GridEnvelope("visualgrid", "catalogue", "1.2+b")
    build = {"service": "visualgrid", "version": "1.2+b"}
    refused = envelope.error(Invalid("several", [FieldProblem("pk", "is required"), FieldProblem("sk", "is text")]))

    assert msgspec.json.decode(envelope.success(b'{"status":"ok"}', STATS)) == {
        "ok": True,
        "data": {"status": "ok"},
        "build": build,
    }
    assert msgspec.json.decode(envelope.failure(refused, STATS)) == {
        "ok": False,
        "error": {"tag": "invalid-input", "message": "pk: is required; sk: is text"},
        "build": build,
    }
