"""An endpoint prepared for requests: who may call it, how its body is decoded, how its handler is run.

Everything that does not depend on a request is computed here, once.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from chassis.auth.token import Verified
from chassis.caller import AUTHENTICATED, SIGNED_IN, Call, Caller
from chassis.clock import Clock
from chassis.endpoint import Endpoint, Request
from chassis.errors import Forbidden, StillRunning, Unauthorized, invalid_field
from chassis.frozen import Frozen
from chassis.gate import Gate
from chassis.http.decode import Decoder
from chassis.http.envelope import Build, Envelope, encode
from chassis.http.idempotency import EncodedReply, IdempotencyStore, IdempotentWork
from chassis.provided import Provided, asks_of
from chassis.telemetry.metrics import Metrics
from chassis.unit import Change, Units, View

Run = Callable[[Call, Request | None], Awaitable[EncodedReply]]
Identify = Callable[[str | None], Awaitable[Caller]]
"""The caller that a token of the service's own stands for (see `TokenGuard`)."""


class OnBehalf(Protocol):
    """Makes calls to other services on behalf of the call being handled."""

    def __call__(self, call: Call, seconds: float = ...) -> AbstractContextManager[None]:
        """Within this context, calls carry the caller and ids of `call` and end after `seconds` in all."""
        ...


class HttpContext(Frozen):
    """What the HTTP side needs of its process.

    synonyms    role word -> declared roles it stands for
    provided    what handlers may ask for, by type
    gate        None for a service that maintenance windows do not close
    """

    service: str
    synonyms: Mapping[str, Sequence[str]]
    envelope: Envelope
    build: Build
    verify: Callable[[str], Verified]
    units: Units
    gate: Gate | None
    clock: Clock
    metrics: Metrics
    provided: Provided
    on_behalf: OnBehalf


_NO_ORG_ROLES = frozenset({AUTHENTICATED, SIGNED_IN})


class RoleCheck:
    """Checks whether a caller may use an endpoint."""

    def __init__(self, endpoint: Endpoint, synonyms: Mapping[str, Sequence[str]]) -> None:
        self._tenant = endpoint.tenant
        self._roles = frozenset(endpoint.roles)
        words = self._roles - _NO_ORG_ROLES
        self._users_only = AUTHENTICATED in self._roles and SIGNED_IN not in self._roles and not words
        self._by_role = bool(words) and SIGNED_IN not in self._roles
        self._words = words | {word for word, means in synonyms.items() if not words.isdisjoint(means)}

    def admit(self, caller: Caller) -> None:
        """Raises `Unauthorized`, `Invalid` if the call needs an org and names none, or `Forbidden`."""
        if self._roles and caller.kind == "anonymous":
            raise Unauthorized("a credential is required")
        if self._users_only and caller.kind == "key":
            raise Unauthorized("a user session is required")
        if self._tenant and caller.orgcode is None:
            # Before roles: roles belong to an org, and "forbidden" would not say what is missing.
            raise invalid_field("orgcode", "is required")
        if self._by_role and not caller.has_any(self._words):
            raise Forbidden("the caller holds none of the roles this call asks for")


class Route:
    """A JSON endpoint of a running service."""

    def __init__(
        self,
        endpoint: Endpoint,
        run: Run,
        synonyms: Mapping[str, Sequence[str]],
        identify: Identify | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.call = endpoint.call
        self.method = endpoint.method
        self.body_bytes_max = endpoint.body_bytes_max
        self.tenant = endpoint.tenant
        self.decoder = Decoder(endpoint)
        self.run = run
        self.admit = RoleCheck(endpoint, synonyms).admit
        self.identify = identify


def paths_of(service: str, path: str) -> set[str]:
    """The paths that lead to an endpoint: with the service's base path, as callers use it, and without."""
    base = f"/{service}"
    below = path.removeprefix(base) if path.startswith(f"{base}/") else ""
    tail = below or ("" if path == base else path)
    return {base + tail, tail or "/"}


def runner(endpoint: Endpoint, http_context: HttpContext, idempotency_store: IdempotencyStore) -> Run:
    """How an endpoint's handler is run. Raises `NotProvided` if it asks for something the process does not hold."""
    asks = http_context.provided.arguments(endpoint.call, endpoint.asks)
    if endpoint.access == "view":
        return _viewing(endpoint, http_context, asks)
    if endpoint.access == "change":
        return _changing(endpoint, http_context, idempotency_store, asks)
    return _plain(endpoint, asks, http_context.on_behalf)


def identifier(endpoint: Endpoint, http_context: HttpContext) -> Identify | None:
    """How an endpoint's own token is checked; None if it has none. Raises `NotProvided` as `runner`."""
    if endpoint.guard is None:
        return None
    check = endpoint.guard.check
    asks = http_context.provided.arguments(endpoint.call, asks_of(check, beside=("token",)))
    return lambda token: check(token=token, **asks)


def _arguments(endpoint: Endpoint, call: Call, body: Request | None) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if endpoint.wants_call:
        arguments["call"] = call
    if endpoint.request is not None:
        arguments["body"] = body
    return arguments


def _plain(endpoint: Endpoint, asks: Mapping[str, Any], on_behalf: OnBehalf) -> Run:
    async def run(call: Call, body: Request | None) -> EncodedReply:
        with on_behalf(call):
            answer = await endpoint.handler(**asks, **_arguments(endpoint, call, body))
        return EncodedReply(status=200, body=encode(answer))

    return run


def _viewing(endpoint: Endpoint, http_context: HttpContext, asks: Mapping[str, Any]) -> Run:
    units = http_context.units

    async def run(call: Call, body: Request | None) -> EncodedReply:
        arguments = _arguments(endpoint, call, body)
        if endpoint.prepare is not None:
            with http_context.on_behalf(call):
                arguments["prepared"] = await endpoint.prepare(call=call, body=body, **asks)

        async def look(view: View) -> Any:
            return await endpoint.handler(view=view, **arguments)

        return EncodedReply(status=200, body=encode(await units.view(call, look, snapshot=endpoint.snapshot)))

    return run


def _changing(
    endpoint: Endpoint, http_context: HttpContext, idempotency_store: IdempotencyStore, asks: Mapping[str, Any]
) -> Run:
    emits = frozenset(endpoint.emits)
    shown = endpoint.shown

    async def run(call: Call, body: Request | None) -> EncodedReply:
        arguments = _arguments(endpoint, call, body)

        async def prepare() -> None:
            assert endpoint.prepare is not None
            with http_context.on_behalf(call):
                arguments["prepared"] = await endpoint.prepare(call=call, body=body, **asks)

        if call.idempotency_key is None or call.caller.orgcode is None:
            if endpoint.prepare is not None:
                await prepare()

            async def work(change: Change) -> Any:
                return await endpoint.handler(change=change, **arguments)

            answer = await http_context.units.change(call, work, emits=emits)
            return EncodedReply(status=200, body=encode(answer if shown is None else shown(call, answer)))

        async def encoded(change: Change) -> bytes:
            if endpoint.prepare is not None and "prepared" not in arguments:
                # The key was known a moment ago and has expired since; the caller may try again.
                raise StillRunning("the answer to this key has just been forgotten")
            return encode(await endpoint.handler(change=change, **arguments))

        request = encode((body, call.facility, call.channel, call.cccode))
        before = prepare if endpoint.prepare is not None else None
        work_once = IdempotentWork(encoded, emits, http_context.envelope.error, before)
        return _shown(endpoint, call, await idempotency_store.run(call, request, work_once))

    return run


def _shown(endpoint: Endpoint, call: Call, reply: EncodedReply) -> EncodedReply:
    """The reply as its caller may see it; what is stored may have been answered to another."""
    if endpoint.shown is None or reply.status != 200:
        return reply
    answer = msgspec.json.decode(reply.body, type=endpoint.answer)
    return replace(reply, body=encode(endpoint.shown(call, answer)))
