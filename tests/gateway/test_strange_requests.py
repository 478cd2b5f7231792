"""Random requests of callers who are not signed in: each is answered, and none holds up the gateway's event loop."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.gateway.given import House, Reply, Upstream, a_house, request, send
from tests.holding import STRANGER_SECONDS, callbacks_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("ops", "pmc", "slc", "visualgrid")
EXAMPLES = 300
KIB = 1024

TARGETS = st.one_of(
    st.sampled_from(
        [
            *("/ics/zone/create", "/pmc/pack/create", "/slc", "/slc/webhooks/shopify", "/visualgrid/root/auth"),
            *("/docs", "/mcp", "/asyncapi.yaml", "/ics/openapi.json", "/ops/ping", "/pmc/objects/a/b", "/nowhere"),
        ]
    ),
    st.from_regex(r"/(ics|pmc|slc|ops)(/[a-z%.]{1,12}){0,6}(\?[a-z_&=%]{0,40})?", fullmatch=True),
)
NAMES = ["x-session-guid", "x-api-key", "x-orgcode", "x-cccode", "x-request-id", "cookie", "x-caller", "accept", "a"]
HEADERS = st.dictionaries(st.sampled_from(NAMES), st.text("abcXYZ0123-_ ,;=", max_size=200), max_size=6)
PIECES = [
    "{}",
    "[]",
    '""',
    "0",
    "null",
    '"\\u0041"',
    '{"a":[]}',
    "[[[[]]]]",
    '{"session_guid":"s"}',
    '"' + "x" * 60 + '"',
]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """JSON that is long, deep or has many names, or no JSON at all; up to a few hundred KiB."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=2 * KIB))
    piece, times = draw(st.sampled_from(PIECES)), draw(st.sampled_from([0, 1, 300, 10_000, 60_000]))
    inner = ",".join([piece] * times)
    name = draw(st.sampled_from(["x", "orgcode", "session_guid", "\\u0061pi_key"]))
    end = draw(st.sampled_from(["}", "", "]}", "}}"]))
    return f'{{"{name}":[{inner}]{end}'.encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    """A gateway in front of every service."""
    async with a_house(upstreams={name: Upstream() for name in SERVICES}) as found:
        await found.get("/docs", {})
        yield found


async def test_no_request_of_a_stranger_holds_the_loop(house: House) -> None:
    loop = asyncio.get_running_loop()
    statuses: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(method=st.sampled_from(["GET", "POST", "POST", "PUT"]), target=TARGETS, headers=HEADERS, body=bodies())
    def put(method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        raw = request(method, target, headers, None if method == "GET" else body)
        asked: asyncio.Future[Reply] = asyncio.run_coroutine_threadsafe(send(house.port, raw), loop)  # type: ignore[assignment]
        statuses.add(asked.result().status)

    with callbacks_of(loop) as callbacks:
        await asyncio.to_thread(put)

    assert {200, 401, 404, 405} <= statuses
    assert all(status < 500 for status in statuses), statuses
    callbacks.check(STRANGER_SECONDS)
