import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from chassis.http.documents import Documents
from chassis.service import collect
from chassis.testing.client import ServiceClient
from tests.chassis.process_given import ROOT
from tests.chassis.sample.app import SAMPLE

DOCUMENTS = Documents(SAMPLE, collect(SAMPLE), "b1")
OPENAPI: dict[str, Any] = json.loads(DOCUMENTS.text("openapi.json"))
ASYNCAPI: dict[str, Any] = json.loads(DOCUMENTS.text("asyncapi.json"))


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "$ref":
                yield each
            else:
                yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def resolve(document: dict[str, Any], ref: str) -> Any:
    node: Any = document
    for part in ref.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


@pytest.mark.parametrize("document", [OPENAPI, ASYNCAPI], ids=["openapi", "asyncapi"])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    assert all(resolve(document, ref) for ref in found)


def test_each_endpoint_is_an_operation_named_by_its_call() -> None:
    named = {operation["operationId"] for item in OPENAPI["paths"].values() for operation in item.values()}
    assert named == {
        "sample_crate_create",
        "sample_crate_close",
        "sample_crate_get",
        "sample_crate_echo",
        "sample_crate_ask",
        "sample_crate_break",
        "sample_stat",
        "sample_actions",
        "sample_parcel_put",
        "sample_parcel_get",
        "sample_rows",
        "sample_go",
        "sample_hook",
        "sample_label",
    }


def test_a_request_is_closed_and_says_what_it_needs() -> None:
    create = OPENAPI["paths"]["/sample/crate/create"]["post"]
    schema = resolve(OPENAPI, create["requestBody"]["content"]["application/json"]["schema"]["$ref"])
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["code"]
    assert {"code", "name", "orgcode", "idempotency_key"} <= set(schema["properties"])
    assert create["requestBody"]["content"]["application/json"]["example"] == {"code": "A-01"}
    assert create["x-needs"] == ["logical_guid"]


def test_an_answer_is_a_component_of_the_contracts_name_around_its_data() -> None:
    for path in ("/sample/crate/create", "/sample/crate/close"):
        answer = OPENAPI["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer == {"$ref": "#/components/schemas/CrateEnvelope"}
    whole = OPENAPI["components"]["schemas"]["CrateEnvelope"]
    assert whole["required"] == ["success", "data", "stats"]
    assert set(resolve(OPENAPI, whole["properties"]["data"]["$ref"])["properties"]) == {"crate"}


def test_a_query_is_parameters_and_no_secret_is_among_them() -> None:
    parameters = OPENAPI["paths"]["/sample/crate/ask"]["get"]["parameters"]
    assert [each["name"] for each in parameters if "name" in each] == ["quantity", "exact", "states"]
    assert {"$ref": "#/components/parameters/secret_code"} in parameters


def test_actions_are_variants_of_one_body() -> None:
    body = OPENAPI["paths"]["/sample/do"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    variants = [resolve(OPENAPI, each["$ref"]) for each in body["oneOf"]]
    assert [variant["properties"]["action"]["enum"] for variant in variants] == [["ping"], ["say"]]
    assert all("action" in variant["required"] for variant in variants)


def test_open_calls_ask_for_nothing() -> None:
    assert OPENAPI["paths"]["/sample/stat"]["get"]["security"] == [{"session": []}]
    assert OPENAPI["paths"]["/sample/crate/ask"]["get"]["security"] == [{"session": []}, {"key": []}]
    assert {} in OPENAPI["paths"]["/sample/do"]["post"]["security"]


def test_every_refusal_there_is_can_be_found() -> None:
    for item in OPENAPI["paths"].values():
        for operation in item.values():
            assert {"400", "401", "403", "404", "409", "413", "415", "428", "429", "500", "503"} <= set(
                operation["responses"]
            )


def test_events_are_channels_with_their_whole_payload() -> None:
    assert set(ASYNCAPI["channels"]) == {"sample.crate.created", "sample.crate.closed"}
    payload = ASYNCAPI["components"]["messages"]["sample.crate.created"]["payload"]
    assert {"orgcode", "actor", "revision", "crate"} <= set(payload["properties"])
    assert ASYNCAPI["channels"]["sample.crate.created"]["bindings"]["amqp"]["exchange"]["name"] == "retailstack.events"


def test_yaml_and_json_say_the_same() -> None:
    assert yaml.safe_load(DOCUMENTS.text("openapi.yaml")) == OPENAPI
    assert yaml.safe_load(DOCUMENTS.text("asyncapi.yaml")) == ASYNCAPI


def test_the_inventory_names_every_call() -> None:
    page = DOCUMENTS.text("PROTOCOL.md").decode()
    tools = json.loads(DOCUMENTS.text("tools.json"))["tools"]
    assert {tool["name"] for tool in tools} == {endpoint.call for endpoint in collect(SAMPLE).endpoints}
    assert all(f"## {tool['name']}\n" in page for tool in tools)
    create = next(tool for tool in tools if tool["name"] == "sample_crate_create")
    assert create["inputSchema"]["type"] == "object"
    assert create["annotations"]["readOnlyHint"] is False
    assert all(ref.startswith("#/$defs/") for ref in references(create))


async def test_documents_are_served_to_everybody(sample: ServiceClient) -> None:
    for path, kind in (
        ("/openapi.json", "application/json"),
        ("/openapi.yaml", "application/yaml"),
        ("/asyncapi.yaml", "application/yaml"),
    ):
        answer = await sample.nobody.send("GET", path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
        assert yaml.safe_load(answer.raw)["info"]["version"] == "dev"


async def test_a_document_is_made_once_and_sent_again_only_where_it_has_changed(sample: ServiceClient) -> None:
    for encoding in ("identity", "gzip"):
        first = await sample.nobody.send("GET", "/openapi.json", None, {"Accept-Encoding": encoding})
        again = {"Accept-Encoding": encoding, "If-None-Match": first.headers["ETag"]}
        same = await sample.nobody.send("GET", "/openapi.json", None, again)
        assert first.headers.get("Content-Encoding", "identity") == encoding
        assert (first.headers["Cache-Control"], first.headers["Vary"]) == ("no-cache", "Accept-Encoding")
        assert (same.status, same.raw, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert json.loads(first.raw)["paths"].keys() == OPENAPI["paths"].keys()
    head = await sample.nobody.send("HEAD", "/openapi.json", None, {"Accept-Encoding": "identity"})
    assert (head.status, head.raw, int(head.headers["Content-Length"]) > 10_000) == (200, b"", True)


async def test_two_who_ask_at_once_have_a_document_made_once() -> None:
    documents = Documents(SAMPLE, collect(SAMPLE), "b1")
    first, second = await asyncio.gather(documents.at("/openapi.json"), documents.at("/sample/openapi.json"))
    assert first is second
    assert not documents.has("/openapi.txt")


def test_a_document_can_be_had_without_starting_anything() -> None:
    command = [sys.executable, "-m", "chassis.http.documents", "tests.chassis.sample.app:SAMPLE", "openapi.json"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert json.loads(told.stdout)["paths"].keys() == OPENAPI["paths"].keys()
