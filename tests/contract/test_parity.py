"""What the services declare, held against the contract: nothing it does not know, nothing said differently."""

from collections.abc import Iterator

import msgspec
import pytest

from chassis.endpoint import Endpoint
from chassis.service import Service, collect
from tests.contract.rows import CONTEXT_FIELDS, Row, contract, fields_of
from tests.contract.schema import Comparison, Document
from tests.contract.services import DECLARED, LATER, SERVICES, document_of

COMMON_REASONS = frozenset(
    {"validation_failed", "unauthorized", "forbidden", "not_found", "expected_revision_required", "revision_conflict"}
)


def label(value: object) -> str:
    return value.call if isinstance(value, Endpoint) else getattr(value, "name", "")


def row_of(service: Service, endpoint: Endpoint) -> Row:
    return contract(service.name).rows[endpoint.method, endpoint.path]


@pytest.mark.parametrize(("service", "endpoint"), DECLARED, ids=label)
def test_a_declaration_says_what_its_row_says(service: Service, endpoint: Endpoint) -> None:
    row = row_of(service, endpoint)
    said = row.said
    assert endpoint.call == (row.call or endpoint.call)
    assert endpoint.needs == tuple(said.get("needs") or ())
    assert endpoint.revised == ("expected_revision" in row.request)
    assert endpoint.tenant == said.get("tenant", "roles" in said)
    if "roles" in said:
        assert set(endpoint.roles) == set(said["roles"])
    if "events" in said:
        assert set(endpoint.emits) == set(said["events"])
    if "idempotency" in said:
        assert endpoint.idempotent == (said["idempotency"] == "key")
    if "read_only" in said:
        assert endpoint.access in {"none", "view"}
    assert set(endpoint.refusals) - COMMON_REASONS == set(said.get("errors") or ()) - COMMON_REASONS


@pytest.mark.parametrize(("service", "endpoint"), DECLARED, ids=label)
def test_a_request_and_its_answer_look_as_the_row_says(service: Service, endpoint: Endpoint) -> None:
    row, document = row_of(service, endpoint), document_of(service.name)
    differences = [*route_differences(document, row), *request_differences(document, row)]
    assert [*differences, *answer_differences(document, row)] == []


def operation_of(document: Document, row: Row) -> dict[str, object]:
    """The operation of a row in the document; KeyError when it is missing."""
    paths = document.raw["paths"]
    path = next(path for path in (row.path, f"/{row.service}{row.path}") if path in paths)
    return dict(paths[path][row.method.lower()])


def route_differences(document: Document, row: Row) -> Iterator[str]:
    named = operation_of(document, row)["operationId"]
    if row.call and row.method == "POST" and named != row.call:
        yield f"operationId is {named}, not {row.call}"


def request_differences(document: Document, row: Row) -> Iterator[str]:
    operation = operation_of(document, row)
    wanted = dict(row.request)
    if row.method == "GET":
        parameters = [document.resolve(each) for each in operation.get("parameters", [])]  # type: ignore[attr-defined]
        have = {each["name"] for each in parameters if each["in"] == "query"}
        if have - CONTEXT_FIELDS != set(wanted):
            yield f"query takes {sorted(have)}, not {sorted(wanted)}"
        return
    body = document.resolve(operation.get("requestBody", {}))
    schema = body.get("content", {}).get("application/json", {}).get("schema", {})
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if wanted and name != row.said.get("request_schema", name):
        yield f"the request is {name}, not {row.said['request_schema']}"
    plain = document.resolve(schema)
    if plain.get("additionalProperties") is not False and plain.get("unevaluatedProperties") is not False:
        yield "unknown fields are taken"
    required = set(plain.get("required", ()))
    for field, said in wanted.items():
        must = not said.optional and field not in CONTEXT_FIELDS | {"expected_revision"}
        if must != (field in required):
            yield f"{field} is {'not ' if must else ''}required"
    given = plain.get("properties", {})
    own = {name: given[name] for name in given if name in wanted or name not in CONTEXT_FIELDS}
    comparison = Comparison(document, contract(row.service), answer=False)
    yield from comparison.of_object("request", {"properties": own}, wanted)


def answer_differences(document: Document, row: Row) -> Iterator[str]:
    answers = operation_of(document, row)["responses"]
    answer = document.resolve(answers["200"])  # type: ignore[index]
    schema = answer["content"]["application/json"]["schema"]
    wanted_name = str(row.said.get("response_schema") or "-")
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if wanted_name[0] not in "-—(" and name != wanted_name:
        yield f"the answer is {name}, not {wanted_name}"
    data = document.resolve(schema).get("properties", {}).get("data")
    if row.response:
        yield from Comparison(document, contract(row.service), answer=True).of_object("data", data, row.response)


@pytest.mark.parametrize("name", SERVICES)
def test_every_row_is_declared_or_said_to_come_later(name: str) -> None:
    service = SERVICES[name]
    have = {(endpoint.method, endpoint.path) for endpoint in collect(service).endpoints}
    assert set(contract(name).rows) - have == set(LATER[name])


@pytest.mark.parametrize("name", SERVICES)
def test_declared_events_are_the_contracts(name: str) -> None:
    known = contract(name).events
    for event in collect(SERVICES[name]).events:
        assert event.subject == known[event.type]["subject"]
        assert {field.name for field in msgspec.structs.fields(event.body)} == set(
            fields_of(known[event.type]["body"])
        ), event.type
