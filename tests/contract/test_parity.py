"""What the services declare, held against the contract: nothing it does not know, nothing said differently."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from chassis.endpoint import Endpoint
from chassis.http.decode import FROM_HEADER
from chassis.service import Service, collect
from services.ics.app import ICS
from tests.contract.rows import CONTEXT_FIELDS, Row, contract, fields_of
from tests.contract.schema import Comparison, Document
from tests.contract.services import DECLARED, SERVICES, document_of, is_whole

COMMON_REASONS = frozenset(
    {"validation_failed", "unauthorized", "forbidden", "not_found", "expected_revision_required", "revision_conflict"}
)


def label(value: object) -> str:
    return value.call if isinstance(value, Endpoint) else getattr(value, "name", "")


def row_of(service: Service, endpoint: Endpoint) -> Row:
    return contract(service.name).rows[endpoint.method, endpoint.path, endpoint.action]


@pytest.mark.parametrize(("service", "endpoint"), DECLARED, ids=label)
def test_a_declaration_says_what_its_row_says(service: Service, endpoint: Endpoint) -> None:
    row = row_of(service, endpoint)
    said = row.said
    assert endpoint.call == said.get("call", endpoint.call)
    assert endpoint.needs == tuple(said.get("needs") or ())
    assert endpoint.revised == ("expected_revision" in row.request)
    assert endpoint.tenant == row.tenant
    if "roles" in said:
        assert set(endpoint.roles) == set(said["roles"])
    if "events" in said:
        assert set(endpoint.emits) == set(said["events"])
    if "idempotency" in said:
        assert endpoint.idempotent == (said["idempotency"] == "key")
    if "read_only" in said:
        assert endpoint.access in {"none", "view"}
    if endpoint.refusals or service is ICS:
        assert set(endpoint.refusals) - COMMON_REASONS == set(said.get("errors") or ()) - COMMON_REASONS


@pytest.mark.parametrize(("service", "endpoint"), DECLARED, ids=label)
def test_a_request_and_its_answer_look_as_the_row_says(service: Service, endpoint: Endpoint) -> None:
    row, document = row_of(service, endpoint), document_of(service.name)
    differences = [*route_differences(document, row), *request_differences(document, row)]
    assert [*differences, *answer_differences(document, row)] == []


def operation_of(document: Document, row: Row) -> dict[str, Any]:
    """The operation of a row in the document; StopIteration when it is missing."""
    paths = document.raw["paths"]
    path = next(path for path in (row.path, f"/{row.service}{row.path}") if path in paths)
    operation: dict[str, Any] = paths[path][row.method.lower()]
    return operation


def body_of(document: Document, row: Row) -> Any:
    """The schema of what a row takes: one of several where an action tells them apart."""
    body = document.resolve(operation_of(document, row).get("requestBody", {}))
    schema = body.get("content", {}).get("application/json", {}).get("schema", {})
    if not row.action:
        return schema
    words = [document.resolve(document.resolve(each)["properties"]["action"]) for each in schema["oneOf"]]
    by_action = {word.get("const") or word["enum"][0]: each for word, each in zip(words, schema["oneOf"], strict=True)}
    return by_action[row.action]


def route_differences(document: Document, row: Row) -> Iterator[str]:
    named = operation_of(document, row)["operationId"]
    call = row.said.get("call")
    if call and row.method == "POST" and named != call:
        yield f"operationId is {named}, not {call}"


def request_differences(document: Document, row: Row) -> Iterator[str]:
    wanted = dict(row.request)
    if row.method == "GET":
        yield from query_differences(document, row)
        return
    schema = body_of(document, row)
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
    own = {name: given[name] for name in given if name in wanted or name not in {*CONTEXT_FIELDS, "action"}}
    comparison = Comparison(document, contract(row.service), answer=False)
    yield from comparison.of_object("request", {"properties": own}, wanted)


def query_differences(document: Document, row: Row) -> Iterator[str]:
    parameters = [document.resolve(each) for each in operation_of(document, row).get("parameters", ())]
    have = {each["name"] for each in parameters if each["in"] == "query"} - CONTEXT_FIELDS
    # Fields that have a header of their own are not shown in the address.
    wanted = {name for name in row.request if name not in FROM_HEADER}
    if have != wanted:
        yield f"the query takes {sorted(have)}, not {sorted(wanted)}"


def answer_differences(document: Document, row: Row) -> Iterator[str]:
    answers = operation_of(document, row)["responses"]
    answer = document.resolve(answers["200"])
    schema = answer["content"]["application/json"]["schema"]
    wanted_name = str(row.said.get("response_schema") or "-")
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if wanted_name[0] not in "-—(" and name != wanted_name:
        yield f"the answer is {name}, not {wanted_name}"
    data = document.resolve(schema).get("properties", {}).get("data")
    if row.response:
        yield from Comparison(document, contract(row.service), answer=True).of_object("data", data, row.response)


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_declared_is_declared_to_the_last_row(name: str) -> None:
    have = {(endpoint.method, endpoint.path, endpoint.action) for endpoint in collect(SERVICES[name]).endpoints}
    assert have == {key for key, row in contract(name).rows.items() if is_whole(row)}


@pytest.mark.parametrize("name", [name for name in SERVICES if contract(name).events])
def test_declared_events_are_the_contracts(name: str) -> None:
    known = contract(name).events
    for event in collect(SERVICES[name]).events:
        assert event.subject == known[event.type]["subject"]
        assert {field.name for field in msgspec.structs.fields(event.body)} == set(
            fields_of(known[event.type]["body"])
        ), event.type
