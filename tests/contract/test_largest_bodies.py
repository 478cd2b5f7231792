"""Every call that takes JSON is sent a body of the largest size, made of what costs most. It is refused, and neither
its decoding nor its refusal keeps the event loop from other calls.

`LARGEST_BODIES=all` sends each call every kind of body under every name that it knows.
"""

import asyncio
import os
from collections.abc import Iterator

import pytest
import requests

from chassis.auth.token import HEADER
from chassis.endpoint import BODY_BYTES_MAX, Endpoint
from chassis.service import collect
from chassis.testing.client import ServiceClient
from chassis.testing.keys import token
from tests.contract.services import OWN_SETTINGS, SERVICES
from tests.holding import CALLER_SECONDS, held_at_most
from tests.running import Engines, in_new_org
from tests.worst import bodies, named

ALL = os.environ.get("LARGEST_BODIES") == "all"
CONTENTS = bodies(BODY_BYTES_MAX - 400)
CONTEXT = {"x-logical-guid": "FAC-A", "x-channel-code": "WEB", "Content-Type": "application/json"}
ANSWER_SECONDS = 120.0


def cases(endpoints: list[Endpoint]) -> Iterator[tuple[Endpoint, bytes]]:
    """A call and a body for it: all there are, or one a call, each of another kind than the one before."""
    kinds = list(CONTENTS)
    for place, endpoint in enumerate(endpoints):
        names = ["unknown", *(endpoint.request.__struct_encode_fields__ if endpoint.request is not None else ())]
        if ALL:
            yield from ((endpoint, named(name, content)) for name in names for content in CONTENTS.values())
            continue
        name = names[place // len(kinds) % len(names)]
        yield endpoint, named(name, CONTENTS[kinds[place % len(kinds)]])


def send_all(client: ServiceClient, endpoints: list[Endpoint]) -> list[str]:
    """Send every case from this thread; what was answered in another way than the contract allows."""
    wrong = []
    service = client.application.service.name
    assert client.caller is not None
    with requests.Session() as session:
        for endpoint, body in cases(endpoints):
            if endpoint.action:
                body = b'{"action":"%b",' % endpoint.action.encode() + body[1:]  # noqa: PLW2901  the same with a name more
            answer = session.post(
                f"http://127.0.0.1:{client.application.http_port}/{service}{endpoint.path}",
                data=body,
                headers={**CONTEXT, HEADER: token(client.caller, service)},
                timeout=ANSWER_SECONDS,
            )
            if answer.status_code not in {400, 401, 403, 404, 409, 413}:
                wrong.append(f"{endpoint.call}: {answer.status_code} {answer.text[:200]}")
    return wrong


@pytest.mark.parametrize("name", SERVICES)
async def test_no_body_of_the_largest_size_keeps_the_loop_from_others(name: str, engines: Engines) -> None:
    endpoints = [each for each in collect(SERVICES[name]).endpoints if each.method == "POST"]
    prefix = f"{engines.name}.{name}."
    async with engines.serve(SERVICES[name], name, prefix=prefix, **OWN_SETTINGS.get(name, {})) as service:
        client = in_new_org(service)
        async with held_at_most(CALLER_SECONDS):
            wrong = await asyncio.to_thread(send_all, client, endpoints)

    assert wrong == []
