"""Wraps every servicer method: reads caller, ids and deadline, converts errors, and measures the call.

A call must carry a caller signed by the stack, or the operator's secret code in its metadata. Servicers that check
credentials themselves, health and reflection are open: their methods see an anonymous caller.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import aclosing, contextmanager
from time import monotonic
from typing import Any
from urllib.parse import unquote

import grpc
import structlog
from msgspec.structs import replace

from chassis.auth.token import Verified
from chassis.caller import ANONYMOUS, Call, Caller
from chassis.clock import Clock
from chassis.errors import Forbidden, InternalError, Refusal, Throttled, Unauthorized
from chassis.frozen import Frozen
from chassis.ids import new_id
from chassis.rpc.context import OPERATOR_ACTOR, acting_for
from chassis.rpc.refusals import code_of, trailing_of
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import RPC_REQUESTS, RPC_SECONDS, UNEXPECTED_ERRORS
from chassis.telemetry.trace import Scope, enter, leave, span, traceparent_of

CALLER_KEY = "x-caller"
SECRET_KEY = "x-secret-code"  # noqa: S105  a name, not a secret
REQUEST_ID_KEY = "x-request-id"
TRACE_KEY = "traceparent"

UNARY_SECONDS_MAX = 60.0
"""The deadline of a unary call whose caller set none, in seconds."""

OPERATOR = Caller(kind="service", actor=OPERATOR_ACTOR)

Verify = Callable[[str], Verified]
"""What a signed token says; raises `Unauthorized`."""

EVERY_SERVICE = frozenset({"*"})
"""In a servicer's `callers`: every service of the stack."""

CheckSecret = Callable[[str, str], Awaitable["SecretVerdict"]]
"""Whether a code is the operator's, for the peer that sent it."""

log = structlog.get_logger(part="rpc")


class SecretVerdict(Frozen):
    """The verdict on a code: right, wrong, or not checked because the peer is locked out.

    `code_id` tells the code that was right from those set before and after it.
    """

    ok: bool
    locked: bool = False
    retry_after_seconds: int = 0
    code_id: str = ""

    def insist(self) -> None:
        """Raise a refusal unless the code is right; a wrong and a missing code get the same one."""
        if self.locked:
            raise Throttled("too many wrong codes", self.retry_after_seconds)
        if not self.ok:
            raise Unauthorized("the secret code is wrong or missing")


class Gatekeeper(grpc.aio.ServerInterceptor):
    """Wraps the methods of the stack's own services; others (health, reflection) are not wrapped.

    `open_services` holds the full names of services that check their callers themselves, `callers` the services of the
    stack that may call each; both are read at each call, so that the server can fill them while servicers register.
    """

    def __init__(
        self,
        service: str,
        clock: Clock,
        *,
        verify: Verify,
        check_secret: CheckSecret,
        open_services: set[str],
        callers: Mapping[str, Collection[str]],
        metrics: Metrics,
    ) -> None:
        self.service = service
        self.clock = clock
        self.verify = verify
        self.check_secret = check_secret
        self.open_services = open_services
        self.callers = callers
        self.requests = metrics.counter(RPC_REQUESTS)
        self.seconds = metrics.histogram(RPC_SECONDS)
        self.surprises = metrics.counter(UNEXPECTED_ERRORS)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or not method.startswith("/retailstack."):
            return handler
        coding = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.request_streaming:
            raise TypeError(f"{method} streams its requests; the stack's services do not")
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(method, handler.unary_stream), **coding)
        return grpc.unary_unary_rpc_method_handler(self._unary(method, handler.unary_unary), **coding)

    def _unary(self, method: str, behaviour: Callable[..., Awaitable[Any]]) -> Any:
        async def serve(request: Any, context: Any) -> Any:
            with self._measured(method, context):
                try:
                    call = await self._admit(method, context)
                    seconds = _seconds_left(context, UNARY_SECONDS_MAX)
                    with _served(method, call, seconds):
                        async with asyncio.timeout(seconds):
                            return await behaviour(request, context)
                except grpc.aio.AbortError:
                    raise
                except Exception as problem:  # noqa: BLE001  the border: nothing but statuses may leave
                    await self._refuse(method, context, problem)

        return serve

    def _streaming(self, method: str, behaviour: Callable[..., AsyncGenerator[Any, None]]) -> Any:
        async def serve(request: Any, context: Any) -> AsyncIterator[Any]:
            with self._measured(method, context):
                try:
                    call = await self._admit(method, context)
                    with _served(method, call, _seconds_left(context, None)):
                        async with aclosing(behaviour(request, context)) as answers:
                            async for answer in answers:
                                yield answer
                except grpc.aio.AbortError:
                    raise
                except Exception as problem:  # noqa: BLE001  the border: nothing but statuses may leave
                    await self._refuse(method, context, problem)

        return serve

    async def _admit(self, method: str, context: Any) -> Call:
        """The incoming call: its caller, and the ids of the request it is part of."""
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        peer = peer_address(context.peer())
        caller, token = await self._identify(method, metadata, peer)
        now = self.clock.now()
        return Call(
            caller=caller,
            name=method.rpartition("/")[2],
            request_id=metadata.get(REQUEST_ID_KEY) or new_id(now),
            started_utc=now,
            cccode=caller.cccode,
            traceparent=traceparent_of(metadata),
            peer=peer,
            token=token,
        )

    async def _identify(self, method: str, metadata: Mapping[str, str], peer: str) -> tuple[Caller, str | None]:
        """The caller, and the token that proves a user to further services."""
        service = method[1:].partition("/")[0]
        token = metadata.get(CALLER_KEY)
        if token is not None:
            verified = self.verify(token)
            allowed = self.callers.get(service, ())
            if allowed is not EVERY_SERVICE and verified.issuer not in allowed:
                raise Forbidden(f"{verified.issuer} may not call this")
            return verified.caller, verified.token
        if service in self.open_services:
            return ANONYMOUS, None
        code = metadata.get(SECRET_KEY)
        if not code:
            # No attempt at the code: OPS is not asked, and nothing is counted against the address.
            raise Unauthorized("a credential is required")
        (await self.check_secret(code, peer)).insist()
        return OPERATOR, None

    async def _refuse(self, method: str, context: Any, problem: Exception) -> None:
        if isinstance(problem, TimeoutError):
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the call took too long")
        refusal = problem
        if not isinstance(refusal, Refusal):
            log.error("rpc failed", method=method, peer=peer_address(context.peer()), exc_info=problem)
            self.surprises.labels("rpc").inc()
            refusal = InternalError()
        await context.abort(code_of(refusal), refusal.message, trailing_of(refusal, self.service))

    @contextmanager
    def _measured(self, method: str, context: Any) -> Iterator[None]:
        started = monotonic()
        status = "CANCELLED"
        try:
            yield
            status = "OK"
        except grpc.aio.AbortError:
            status = _status_name(context)
            raise
        finally:
            self.requests.labels(method[1:], status.lower()).inc()
            self.seconds.labels(method[1:]).observe(monotonic() - started)


@contextmanager
def _served(method: str, call: Call, seconds: float | None) -> Iterator[None]:
    """Log lines, spans and outgoing calls in this block belong to the call."""
    with span(method[1:], "server", call.traceparent) as traceparent:
        call = replace(call, traceparent=traceparent or call.traceparent)
        token = enter(Scope(call.request_id, call.name, call.traceparent))
        try:
            with acting_for(call, seconds):
                yield
        finally:
            leave(token)


def peer_address(peer: str) -> str:
    """The address in a gRPC peer name, without its port: `ipv4:10.0.0.1:5001` -> `10.0.0.1`."""
    kind, _, rest = unquote(peer).partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return peer
    return rest.rpartition(":")[0].strip("[]")


def _seconds_left(context: Any, default: float | None) -> float | None:
    remaining: float | None = context.time_remaining()
    return default if remaining is None else remaining


def _status_name(context: Any) -> str:
    code = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else "UNKNOWN"
