"""The documents against the real Admin schema, for the version in use and for the one before."""

import pytest
from graphql import OperationDefinitionNode, parse, validate

from services.slc.shopify.documents import DOCUMENTS
from tests.documents import node_tools
from tests.shop import schema

VERSIONS = ["2026-10", "2026-07"]
MUST_BE_IDEMPOTENT = ("inventorySetQuantities", "inventoryActivate", "inventoryAdjustQuantities")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_valid_against_the_real_schema(version: str) -> None:
    if not schema.is_there(version):
        if not node_tools.has_npm():
            pytest.skip(node_tools.NO_NPM)
        node_tools.install()
    admin = schema.schema(version)

    problems = {name: validate(admin, parse(text)) for name, text in DOCUMENTS.items()}

    assert not {name: [each.message for each in found] for name, found in problems.items() if found}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_document_holds_one_operation_named_as_its_file(name: str) -> None:
    operations = [each for each in parse(DOCUMENTS[name]).definitions if isinstance(each, OperationDefinitionNode)]

    assert [each.name.value for each in operations if each.name is not None] == [name]


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_mutations_that_demand_it_are_idempotent(name: str) -> None:
    text = DOCUMENTS[name]
    if any(each in text for each in MUST_BE_IDEMPOTENT):
        assert "@idempotent(key: $key)" in text
