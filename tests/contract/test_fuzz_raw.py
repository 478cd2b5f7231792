"""Raw endpoints put to the same questions as all others, on the service that has one of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import given
from schemathesis import Case, GenerationMode

from chassis.http.openapi import openapi
from chassis.service import collect
from tests.chassis.sample.app import SAMPLE
from tests.contract.test_fuzz import SETTINGS, Target, label, put_all
from tests.running import Engines

# The service runs in this process, in a thread of its own, and may draw random numbers while a case is made.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")


def operations() -> list[Any]:
    """The operations of the sample's raw endpoints."""
    raw = msgspec.json.decode(msgspec.json.encode(openapi(SAMPLE, collect(SAMPLE), "dev")))
    for item in raw["paths"].values():
        for operation in item.values():
            operation["security"] = []
    calls = {endpoint.call for endpoint in collect(SAMPLE).raw_endpoints}
    found = [each.ok() for each in schemathesis.openapi.from_dict(raw).get_all_operations()]  # type: ignore[union-attr]
    return [each for each in found if each.definition.raw["operationId"] in calls]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    folder: Path = tmp_path_factory.mktemp("parcels")
    async with engines.serve(SAMPLE, sample_folder=str(folder)) as client:
        yield Target(client, None)


@pytest.mark.parametrize("operation", operations(), ids=label)
async def test_a_raw_endpoint_answers_as_documented(target: Target, operation: Any) -> None:
    @SETTINGS
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def put(case: Case[Any]) -> None:
        target.send(case)

    await put_all(put)
