"""The documents of every service, read by the tools their users have: none of them finds an error or a warning."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.contract.services import SERVICES
from tests.documents import node_tools

NAMES = (*SERVICES, "sample")


@pytest.mark.parametrize("name", NAMES)
def test_openapi_is_openapi(documents: Path, name: str) -> None:
    document: dict[str, Any] = msgspec.json.decode((documents / f"{name}.openapi.json").read_bytes())
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


@pytest.mark.usefixtures("node")
def test_redocly_finds_nothing(documents: Path) -> None:
    found = node_tools.run(
        "redocly", "lint", "--config", "redocly.yaml", "--format", "json", *sorted(documents.glob("*.openapi.json"))
    )
    reports = list(_each_json(found.stdout))
    assert len(reports) == len(NAMES), found.stderr
    assert [f"{each['ruleId']}: {each['message']}" for report in reports for each in report["problems"]] == []
    assert found.returncode == 0, found.stderr


def _each_json(text: str) -> Iterator[Any]:
    """The JSON documents that stand one after the other in a text."""
    while text := text.lstrip():
        value, end = json.JSONDecoder().raw_decode(text)
        yield value
        text = text[end:]


@pytest.mark.usefixtures("node")
def test_spectral_finds_nothing(documents: Path) -> None:
    found = node_tools.run(
        *("spectral", "lint", "--ruleset", "spectral.yaml", "--fail-severity", "warn", "--quiet"),
        *sorted(documents.glob("*.openapi.json")),
    )
    assert (found.returncode, found.stdout.strip()) == (0, ""), found.stdout + found.stderr


@pytest.mark.usefixtures("node")
def test_the_parser_of_asyncapi_finds_nothing(documents: Path) -> None:
    found = node_tools.run("node", "asyncapi.mjs", *sorted(documents.glob("*.asyncapi.json")))
    assert (found.returncode, found.stdout) == (0, ""), found.stdout + found.stderr


@pytest.mark.usefixtures("node")
def test_a_broken_document_would_be_noticed(documents: Path, tmp_path: Path) -> None:
    document = msgspec.json.decode((documents / "slc.asyncapi.json").read_bytes())
    document["channels"] = {"broken": {"messages": {"lost": {"$ref": "#/components/messages/lost"}}}}
    (tmp_path / "broken.json").write_bytes(msgspec.json.encode(document))
    found = node_tools.run("node", "asyncapi.mjs", tmp_path / "broken.json")
    assert found.returncode == 1
    assert "lost" in found.stdout
