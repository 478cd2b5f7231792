"""A double of the client for outgoing calls: it records what is sent and answers what a test says.

    fake = FakeHttpClient()
    fake.answer("GET", "https://shop.example/*", json={"ok": True})
    async with serve(PMC, doubles={HttpClient: fake}, ...) as pmc: ...
    assert [call.url.path for call in fake.calls] == ["/products"]

Retries, redirects, deadlines and size limits are those of the real client; only the network is replaced.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from multidict import CIMultiDict
from yarl import URL

from chassis.entity import Value
from chassis.outgoing.addresses import AddressPolicy
from chassis.outgoing.client import HttpClient
from chassis.outgoing.message import OutgoingFailed, OutgoingRequest, OutgoingStream
from chassis.outgoing.retries import FailureKind, RetryRules
from chassis.telemetry.metrics import Metrics


class SentCall(Value):
    """A call as it would have gone out, its body read to the end."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body decoded."""
        return msgspec.json.decode(self.body)


class FakeAnswer(Value):
    """What is answered to a call; or, with `failure`, why there is no answer."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    failure: FailureKind | None = None


Answering = Callable[[SentCall], FakeAnswer | Awaitable[FakeAnswer]]


class FakeHttpClient(HttpClient):
    """Records calls and answers them. A call that no rule is there for is an AssertionError."""

    def __init__(self, rules: RetryRules | None = None) -> None:
        super().__init__(Metrics(), AddressPolicy(), rules=rules or RetryRules(base_seconds=0.0))
        self.calls: list[SentCall] = []
        self._rules_of_answers: list[tuple[str, str, Answering]] = []

    def answer(
        self,
        method: str,
        url: str,
        *answers: FakeAnswer,
        status: int = 200,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer calls of this method to addresses that match a pattern (`*` is anything): with these answers in turn,
        the last one for ever, or else with a status and JSON. What was said last comes first."""
        left = list(answers) or [
            FakeAnswer(
                status=status,
                headers={"Content-Type": "application/json", **(headers or {})},
                body=msgspec.json.encode(json),
            )
        ]

        def next_answer(_: SentCall) -> FakeAnswer:
            return left.pop(0) if len(left) > 1 else left[0]

        self.answer_with(method, url, next_answer)

    def answer_with(self, method: str, url: str, answering: Answering) -> None:
        """Answer such calls with what a function makes of each."""
        self._rules_of_answers.insert(0, (method, url, answering))

    @asynccontextmanager
    async def _exchange(
        self,
        request: OutgoingRequest,
        ends_at: float,  # noqa: ARG002  the real client's signature
        part_seconds: float,  # noqa: ARG002
    ) -> AsyncIterator[OutgoingStream]:
        call = SentCall(
            method=request.method, url=request.url, headers=CIMultiDict(request.headers), body=await _read(request)
        )
        self.calls.append(call)
        answer = await self._found(call)
        if answer.failure is not None:
            raise OutgoingFailed(request.url.host or "", answer.failure)
        yield OutgoingStream(answer.status, CIMultiDict(answer.headers), request.url, _parts(answer.body))

    async def _found(self, call: SentCall) -> FakeAnswer:
        for method, pattern, answering in self._rules_of_answers:
            if method == call.method and fnmatchcase(str(call.url), pattern):
                answer = answering(call)
                return await answer if inspect.isawaitable(answer) else answer
        raise AssertionError(f"nothing says how {call.method} {call.url} is answered")


async def _read(request: OutgoingRequest) -> bytes:
    if isinstance(request.body, AsyncIterator):
        return b"".join([part async for part in request.body])
    return request.body or b""


async def _parts(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body
