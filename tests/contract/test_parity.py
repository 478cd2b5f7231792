"""What the services declare, held against the contract: each difference is a line, and none is there unless listed.

Lines of `pending/` are what a service does not serve yet. A line that is not true any more has to go.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from chassis.endpoint import Endpoint
from chassis.http.decode import FROM_HEADER
from chassis.http.shapes import schema_name
from chassis.service import Service, collect
from services.ics.app import ICS
from tests.contract.rows import CONTEXT_FIELDS, Row, contract, fields_of, pending
from tests.contract.schema import Comparison, Document, other_words
from tests.contract.services import DECLARED, SERVICES, document_of

COMMON_REASONS = frozenset(
    {"validation_failed", "unauthorized", "forbidden", "not_found", "expected_revision_required", "revision_conflict"}
)


def label(value: object) -> str:
    return value.call if isinstance(value, Endpoint) else getattr(value, "name", "")


def row_of(service: Service, endpoint: Endpoint) -> Row:
    return contract(service.name).row(endpoint.method, endpoint.path, endpoint.action)


@pytest.mark.parametrize(("service", "endpoint"), DECLARED, ids=label)
def test_a_declaration_is_what_its_row_says(service: Service, endpoint: Endpoint) -> None:
    listed = pending(service.name).differences
    assert [line for line in differences(service, endpoint) if line not in listed] == []


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_listed_as_pending_differs_still(name: str) -> None:
    found = {
        line for service, endpoint in DECLARED if service.name == name for line in differences(service, endpoint)
    } | {line for event in collect(SERVICES[name]).events for line in event_differences(name, event)}
    done = sorted(pending(name).differences - found)
    assert not done, f"take these out of tests/contract/pending/{name}.yaml, they are as the contract says: {done}"


@pytest.mark.parametrize("name", SERVICES)
def test_a_row_is_served_or_listed_as_pending(name: str) -> None:
    parts = collect(SERVICES[name])
    served = {row_of(SERVICES[name], endpoint).name for endpoint in parts.endpoints}
    served |= {f"{each.method} {each.path}" for each in parts.raw_endpoints} & {
        row.name for row in contract(name).rows.values()
    }
    rows, listed = {row.name for row in contract(name).rows.values()}, pending(name).rows
    assert_split(f"tests/contract/pending/{name}.yaml", "rows", rows, served, listed)


@pytest.mark.parametrize("name", SERVICES)
def test_an_event_is_declared_or_listed_as_pending(name: str) -> None:
    declared = {event.type for event in collect(SERVICES[name]).events}
    unknown = sorted(declared - set(contract(name).events))
    assert not unknown, f"add these events to docs/contract/{name}.yaml, or take them back: {unknown}"
    where = f"tests/contract/pending/{name}.yaml"
    assert_split(where, "events", set(contract(name).events), declared, pending(name).events)


def assert_split(where: str, what: str, all_of_them: set[str], there: set[str], listed: frozenset[str]) -> None:
    """All of them are either there or listed, and none is both."""
    done, gone = sorted(listed & there), sorted(listed - all_of_them)
    missing = sorted(all_of_them - there - listed)
    assert not done, f"take these {what} out of {where}, they are served: {done}"
    assert not gone, f"take these {what} out of {where}, the contract does not have them: {gone}"
    assert not missing, f"these {what} of the contract are not served, and {where} does not list them: {missing}"


@pytest.mark.parametrize("name", SERVICES)
def test_declared_events_are_the_contracts(name: str) -> None:
    found = [line for event in collect(SERVICES[name]).events for line in event_differences(name, event)]
    assert [line for line in found if line not in pending(name).differences] == []


def event_differences(name: str, event: Any) -> Iterator[str]:
    known = contract(name).events[event.type]
    if event.subject != known["subject"]:
        yield f"{event.type}: the subject is {event.subject}, not {known['subject']}"
    have = {field.name for field in msgspec.structs.fields(event.body)}
    yield from other_words(event.type, "the field", have, fields_of(known["body"]))


def differences(service: Service, endpoint: Endpoint) -> Iterator[str]:
    """All that an endpoint declares, or its document says, otherwise than its row."""
    row, document = row_of(service, endpoint), document_of(service.name)
    yield from declaration_differences(service, endpoint, row)
    yield from route_differences(document, row)
    yield from request_differences(document, row, endpoint.call)
    yield from answer_differences(document, row, endpoint)


def declaration_differences(service: Service, endpoint: Endpoint, row: Row) -> Iterator[str]:
    said, call = row.said, endpoint.call
    if call != said.get("call", call):
        yield f"{call}: the contract calls it {said['call']}"
    if endpoint.needs != tuple(said.get("needs") or ()):
        yield f"{call}: needs {list(endpoint.needs)}, not {said.get('needs') or []}"
    if endpoint.revised != ("expected_revision" in row.request):
        yield f"{call}: {'takes' if endpoint.revised else 'does not take'} expected_revision, unlike in the contract"
    if endpoint.tenant != row.tenant:
        yield f"{call}: is {'' if endpoint.tenant else 'not '}made in an org, unlike in the contract"
    if "roles" in said:
        yield from other_words(call, "the role", endpoint.roles, said["roles"])
    if "events" in said:
        yield from other_words(call, "the event", endpoint.emits, said["events"])
    if "idempotency" in said and endpoint.idempotent != (said["idempotency"] == "key"):
        yield f"{call}: idempotent is {endpoint.idempotent}, unlike in the contract"
    if "read_only" in said and endpoint.access not in {"none", "view"}:
        yield f"{call}: changes data, and the contract says it only reads"
    if endpoint.refusals or service is ICS:
        have, wanted = set(endpoint.refusals) - COMMON_REASONS, set(said.get("errors") or ()) - COMMON_REASONS
        yield from other_words(call, "the refusal", have, wanted)


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
    if call and row.method == "POST" and not row.action and named != call:
        yield f"{call}: operationId is {named}"


def request_differences(document: Document, row: Row, call: str) -> Iterator[str]:
    wanted = dict(row.request)
    if row.method == "GET":
        yield from query_differences(document, row, call)
        return
    schema = body_of(document, row)
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if wanted and (said := str(row.said.get("request_schema", name)))[0] not in "-—(" and name != said:
        yield f"{call}: the request is {name}, not {row.said['request_schema']}"
    plain = document.resolve(schema)
    if plain.get("additionalProperties") is not False and plain.get("unevaluatedProperties") is not False:
        yield f"{call}: unknown fields are taken"
    required = set(plain.get("required", ()))
    for field in [field for field in wanted if field in plain.get("properties", {})]:
        must = not wanted[field].optional and field not in CONTEXT_FIELDS | {"expected_revision"}
        if must != (field in required):
            yield f"{call}: {field} is {'not ' if must else ''}required"
    given = plain.get("properties", {})
    own = {name: given[name] for name in given if name in wanted or name not in {*CONTEXT_FIELDS, "action"}}
    comparison = Comparison(document, contract(row.service), answer=False)
    yield from comparison.of_object(f"{call} request", {"properties": own}, wanted)


def query_differences(document: Document, row: Row, call: str) -> Iterator[str]:
    parameters = [document.resolve(each) for each in operation_of(document, row).get("parameters", ())]
    have = {each["name"] for each in parameters if each["in"] == "query"} - CONTEXT_FIELDS
    # Fields that have a header of their own are not shown in the address.
    wanted = {name for name in row.request if name not in FROM_HEADER}
    yield from other_words(call, "the query parameter", have, wanted)


def answer_of(document: Document, row: Row, endpoint: Endpoint) -> Any:
    """The schema of what a row answers: one of several where an action tells them apart."""
    answer = document.resolve(operation_of(document, row)["responses"]["200"])
    schema = answer["content"]["application/json"]["schema"]
    branches = schema.get("anyOf", []) if row.action else []
    return next((each for each in branches if each["$ref"].endswith(f"/{schema_name(endpoint)}")), schema)


def answer_differences(document: Document, row: Row, endpoint: Endpoint) -> Iterator[str]:
    schema, call = answer_of(document, row, endpoint), endpoint.call
    wanted_name = str(row.said.get("response_schema") or "-")
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if wanted_name[0] not in "-—(" and name != wanted_name:
        yield f"{call}: the answer is {name}, not {wanted_name}"
    data = document.resolve(schema).get("properties", {}).get("data")
    if row.response:
        comparison = Comparison(document, contract(row.service), answer=True)
        properties = document.resolve(data).get("properties", {})
        if len(alike := rows_with_schema(row)) > 1:
            # One schema for several rows: it has the fields of all of them.
            shared = {name for each in alike for name in each.response}
            properties = {name: said for name, said in properties.items() if name in row.response or name not in shared}
        yield from comparison.of_object(f"{call} data", {"properties": properties}, row.response)


def rows_with_schema(row: Row) -> list[Row]:
    """The rows whose answer has the same named schema as this one's, itself included."""
    name = str(row.said.get("response_schema") or "-")
    if name[0] in "-—(":
        return [row]
    return [each for each in contract(row.service).rows.values() if each.said.get("response_schema") == name]
