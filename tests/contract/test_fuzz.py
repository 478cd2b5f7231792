"""What a schema allows, and much it does not, put to every endpoint through its port: no 5xx, no answer of another
shape than the OpenAPI document says, and no request that holds the service's event loop longer than a caller may.

The cases are Schemathesis's own, made from the generated document, the same ones at every run. Those that fit it are
sent twice: as they are, and grounded in what there is, so that they get past the first look-up.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chassis.auth.token import HEADER
from chassis.caller import Caller
from chassis.testing.client import ServiceClient, TestAnswer
from chassis.testing.keys import token
from tests.contract.rows import CONTEXT_FIELDS
from tests.contract.services import OWN_SETTINGS, SERVICES, document_of
from tests.holding import CALLER_SECONDS, callbacks_of
from tests.ics.given import CHANNEL, FACILITY, VARIANT
from tests.ics.world import World, make_world
from tests.running import Engines, in_new_org

# The services run in this process, in a thread of their own, and may draw random numbers while a case is made.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

EXAMPLES = 12
"""Cases of each kind that an endpoint is sent."""

NEEDS_OTHERS = ("/visualgrid/root/auth",)
"""Paths that ask another service, which does not run here; without it they answer 503."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations() -> list[tuple[str, Any]]:
    """Every operation of every service. Credentials are left out: they are the gateway's, here a signature stands for
    them."""
    found = []
    for name in SERVICES:
        raw = msgspec.json.decode(msgspec.json.encode(document_of(name).raw))
        for path in NEEDS_OTHERS:
            raw["paths"].pop(path, None)
        for item in raw["paths"].values():
            for operation in item.values():
                operation["security"] = []
        found += [(name, each.ok()) for each in schemathesis.openapi.from_dict(raw).get_all_operations()]  # type: ignore[union-attr]
    return found


OPERATIONS = operations()


class Target:
    """One running service, asked as one caller by another thread than the one it runs in."""

    def __init__(self, client: ServiceClient, world: World | None) -> None:
        self.service = client.application.service.name
        self.url = f"http://127.0.0.1:{client.application.http_port}"
        self.world = world
        self.session = requests.Session()
        assert client.caller is not None
        self.caller: Caller = client.caller

    def send(self, case: Case[Any], *more: Any) -> None:
        """Send a case as the gateway passes calls on, and judge the answer."""
        passed_on = {HEADER: token(self.caller, self.service), "x-forwarded-for": "127.0.0.1"}
        response = case.call(base_url=self.url, session=self.session, headers=passed_on)
        case.validate_response(response, checks=[*CHECKS, *more])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def targets(
    engines: Engines,
) -> AsyncIterator[Callable[[str], Any]]:
    """Services by name, each started when it is first asked for."""
    running: dict[str, tuple[Any, Target]] = {}

    async def target(name: str) -> Target:
        if name not in running:
            context = engines.serve(
                SERVICES[name],
                name,
                prefix=f"{engines.name}.{name}.",
                **OWN_SETTINGS.get(name, {}),
            )
            client = in_new_org(await context.__aenter__())
            running[name] = (context, Target(client, await a_world(client) if name == "ics" else None))
        return running[name][1]

    yield target
    for context, _ in running.values():
        await context.__aexit__(None, None, None)


async def a_world(client: ServiceClient) -> World:
    async def ask(path: str, **body: Any) -> TestAnswer:
        return await client.post(path, headers={"x-channel-code": CHANNEL}, **body)

    return await make_world(ask)


def grounded(case: Case[Any], world: World) -> None:
    """Point a case at what there is: the facility, the channel, the variant, and ids of the right kind."""
    case.headers = {"x-logical-guid": FACILITY, "x-channel-code": CHANNEL}  # type: ignore[assignment]
    if isinstance(case.body, dict):
        case.body = {
            name: _known(name, value, world) for name, value in case.body.items() if name not in CONTEXT_FIELDS
        }


def _known(name: str, value: Any, world: World) -> Any:
    known = world._asdict() | {"to_zone_id": world.empty_zone_id, "from_zone_id": world.zone_id}
    if isinstance(value, list):
        return [_known(name, each, world) for each in value]
    if isinstance(value, dict):
        return {inner: _known(inner, each, world) for inner, each in value.items()}
    if name in {"variant_id", "variant_ids"}:
        return VARIANT
    return known.get(name, value) if isinstance(value, str) else value


async def put_all(put: Callable[[], None]) -> None:
    """Send all cases of an operation from another thread. None may hold the event loop longer than a caller may."""
    with callbacks_of(asyncio.get_running_loop()) as callbacks:
        await asyncio.to_thread(put)
    callbacks.check(CALLER_SECONDS)


def label(value: Any) -> str:
    return value if isinstance(value, str) else str(value.label)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=label)
async def test_what_fits_the_schema_is_answered_as_documented(
    targets: Callable[[str], Any], name: str, operation: Any
) -> None:
    target = await targets(name)

    @SETTINGS
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def put(case: Case[Any]) -> None:
        target.send(case)
        if target.world is not None:
            grounded(case, target.world)
            target.send(case)

    await put_all(put)


def takes_json(operation: Any) -> bool:
    """Whether it has a JSON body; no bytes are unfit for a raw endpoint's, so there is nothing to refuse."""
    return any(body.media_type == "application/json" for body in operation.body)


@pytest.mark.parametrize(("name", "operation"), [each for each in OPERATIONS if takes_json(each[1])], ids=label)
async def test_what_does_not_fit_the_schema_is_refused(
    targets: Callable[[str], Any], name: str, operation: Any
) -> None:
    target = await targets(name)

    @SETTINGS
    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def put(case: Case[Any]) -> None:
        target.send(case, negative_data_rejection)

    await put_all(put)
