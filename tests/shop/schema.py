"""The real Admin schema, from the introspection files of the npm package that `tests/node` installs."""

import gzip
import json
from functools import cache
from pathlib import Path

from graphql import GraphQLSchema, build_client_schema

from tests.shop.execution import Validator

FOLDER = Path(__file__).parents[1] / "node/node_modules/@shopify/dev-mcp/dist/data"


def is_there(version: str) -> bool:
    """Whether the schema of an API version is installed."""
    return (FOLDER / f"admin_{version}.json.gz").exists()


@cache
def schema(version: str) -> GraphQLSchema:
    """The schema of an API version. Takes some seconds, once a process."""
    found = json.loads(gzip.decompress((FOLDER / f"admin_{version}.json.gz").read_bytes()))
    return build_client_schema(found.get("data", found), assume_valid=True)


@cache
def validator(version: str) -> Validator:
    """Validates documents against an API version."""
    return Validator(schema(version))
