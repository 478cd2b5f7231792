"""Channels to the other services of the stack.

Every call carries the caller and the ids of the call it is part of, has a deadline no later than its parent's, and
raises the refusal that the server raised. Calls are balanced over the replicas; those that the proto marks as
idempotent are retried if a replica cannot be reached.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import Any

import grpc

from chassis.caller import SYSTEM, Call, Caller
from chassis.clock import Clock, SystemClock
from chassis.errors import Refusal, Unavailable
from chassis.ids import new_id
from chassis.rpc.context import acting
from chassis.rpc.interceptors import CALLER_KEY, REQUEST_ID_KEY, SECRET_KEY, TRACE_KEY, SecretVerdict
from chassis.rpc.refusals import METADATA_BYTES_MAX, PeerUnreachable, refusal_of
from chassis.rpc.target import service_config, target_of
from chassis.rpc.tls import Tls
from chassis.telemetry.trace import current, span
from retailstack.ops.v1.secret_pb2 import CheckSecretRequest
from retailstack.ops.v1.secret_pb2_grpc import SecretStub

PEERS = ("ops", "gateway", "ics", "pmc", "slc", "visualgrid")
"""Every process of the stack that serves gRPC."""

CALL_SECONDS = 5.0
"""The deadline of a unary call for which none is given, in seconds."""

RENEW_SECONDS = 1.0
"""How long a peer must be unreachable before a new channel to it is opened."""

STREAM_SECONDS = 3600.0
MESSAGE_BYTES_MAX = 16 * 1024 * 1024

Sign = Callable[[Caller, str, str | None], str]
"""The signed token of a caller for a peer; for a user, with the token that proves them (`auth/token.py`)."""

AUDIENCES = {"directory": "gateway"}
"""The service behind a peer that is named otherwise."""

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Reconnects to a replica within a second after it is back.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
    # There is one channel per peer, so nothing is gained by sharing connections between channels.
    ("grpc.use_local_subchannel_pool", 1),
)


class Channels:
    """One channel per peer, opened on first use.

    `addresses` maps a peer to the `host:port` of each replica (or to one string, separated by commas). A service
    gives its `sign`; the operator's command line gives the `secret_code` instead.
    """

    def __init__(
        self,
        addresses: Mapping[str, str | Sequence[str]],
        *,
        sign: Sign | None = None,
        secret_code: Callable[[], str] | None = None,
        caller: Caller = SYSTEM,
        clock: Clock | None = None,
        tls: Tls | None = None,
    ) -> None:
        self.addresses = {peer: found for peer, listed in addresses.items() if (found := _listed(listed))}
        self._sign = sign
        self._secret_code = secret_code
        self._caller = caller
        self._clock = clock or SystemClock()
        self._tls = tls
        self._open: dict[str, grpc.aio.Channel] = {}
        self._absent_since: dict[str, float] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def channel(self, peer: str) -> grpc.aio.Channel:
        """The channel to a peer, for the generated stub. Raises `Unavailable` if no address of the peer is known."""
        if self._is_to_be_renewed(peer):
            self._retire(self._open.pop(peer))
        if peer not in self._open:
            if peer not in self.addresses:
                raise Unavailable(f"no address of {peer} is known")
            self._open[peer] = self._dial(peer, self.addresses[peer])
        return self._open[peer]

    def reached(self, peer: str) -> None:
        """Note that a peer has answered."""
        self._absent_since.pop(peer, None)

    def missed(self, peer: str) -> None:
        """Note that a peer could not be reached."""
        self._absent_since.setdefault(peer, monotonic())

    def _is_to_be_renewed(self, peer: str) -> bool:
        """Whether a new channel finds the peer sooner: gRPC looks for a name that failed ever more rarely."""
        since = self._absent_since.get(peer)
        if since is None or monotonic() - since < RENEW_SECONDS or peer not in self._open:
            return False
        self._absent_since[peer] = monotonic()
        return True

    def _retire(self, channel: grpc.aio.Channel) -> None:
        """Close a channel once the calls on it have ended."""
        task = asyncio.ensure_future(channel.close(grace=CALL_SECONDS))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def check_secret(self, code: str, peer: str) -> SecretVerdict:
        """OPS' verdict on a secret code sent by `peer`."""
        stub = SecretStub(self.channel("ops"))
        answer = await stub.Check(CheckSecretRequest(code=code, peer=peer), metadata=self.own_name("ops"))
        return SecretVerdict(
            ok=answer.ok,
            locked=answer.locked,
            retry_after_seconds=answer.retry_after_seconds,
            code_id=answer.code_id,
        )

    def own_name(self, peer: str) -> tuple[tuple[str, str], ...]:
        """Metadata for a call to a peer in the service's own name, instead of the caller it acts for.

        For calls that only services of the stack may make: the secret check, the graph, a vacuum.
        """
        return () if self._sign is None else ((CALLER_KEY, self._signed(self._caller, peer)),)

    async def close(self) -> None:
        """Close every channel; open calls are cancelled."""
        for channel in self._open.values():
            await channel.close()
        self._open.clear()
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def outgoing(self, peer: str, *, named: bool = False) -> tuple[list[tuple[str, str]], float | None]:
        """Metadata for a call made now, and the seconds its parent has left (None: no parent, or no deadline).

        `named`: the call names its caller itself.
        """
        on_behalf = acting()
        scope, request_id = current(), self._request_id()
        seconds = on_behalf.ends_at - monotonic() if on_behalf and on_behalf.ends_at is not None else None
        metadata = [(REQUEST_ID_KEY, request_id)]
        if scope and scope.traceparent:
            metadata.append((TRACE_KEY, scope.traceparent))
        if self._sign is not None and not named:
            token = self._signed(self._caller, peer) if on_behalf is None else self._on_behalf(on_behalf.call, peer)
            metadata.append((CALLER_KEY, token))
        elif self._secret_code is not None:
            metadata.append((SECRET_KEY, self._secret_code()))
        return metadata, seconds

    def _on_behalf(self, call: Call, peer: str) -> str:
        return self._signed(call.caller, peer, call.token if call.caller.kind != "service" else None)

    def _signed(self, caller: Caller, peer: str, proof: str | None = None) -> str:
        assert self._sign is not None
        return self._sign(caller, AUDIENCES.get(peer, peer), proof)

    def _request_id(self) -> str:
        scope, on_behalf = current(), acting()
        known = scope.request_id if scope else on_behalf.call.request_id if on_behalf else ""
        return known or new_id(self._clock.now())

    def _dial(self, peer: str, addresses: Sequence[str]) -> grpc.aio.Channel:
        target = target_of(addresses)
        options: list[tuple[str, Any]] = [*_OPTIONS, ("grpc.service_config", json.dumps(service_config()))]
        interceptors: Sequence[Any] = [_Unary(self, peer), _Streaming(self, peer)]
        if self._tls is None:
            return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)
        if target.startswith("ipv"):
            # Certificates name the service, not its addresses.
            options.append(("grpc.default_authority", peer))
        return grpc.aio.secure_channel(target, self._tls.client(), options=options, interceptors=interceptors)


class _Unary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, channels: Channels, peer: str) -> None:
        self.channels = channels
        self.peer = peer

    async def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], Awaitable[Any]], client_call_details: Any, request: Any
    ) -> Any:
        with span(_name_of(client_call_details), "client") as traceparent:
            details = _complete(self.channels, self.peer, client_call_details, CALL_SECONDS, traceparent)
            call = await continuation(details, request)
            try:
                answer = await call
            except grpc.aio.AioRpcError as error:
                raise _noted(self.channels, self.peer, refusal_of(error, self.peer))  # noqa: B904  it has a cause
            self.channels.reached(self.peer)
            return answer


class _Streaming(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, channels: Channels, peer: str) -> None:
        self.channels = channels
        self.peer = peer

    async def intercept_unary_stream(
        self, continuation: Callable[[Any, Any], Awaitable[Any]], client_call_details: Any, request: Any
    ) -> AsyncIterator[Any]:
        details = _complete(self.channels, self.peer, client_call_details, STREAM_SECONDS)
        return self._answers(await continuation(details, request))

    async def _answers(self, call: Any) -> AsyncIterator[Any]:
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise _noted(self.channels, self.peer, refusal_of(error, self.peer))  # noqa: B904  it has a cause
        finally:
            call.cancel()


def _noted(channels: Channels, peer: str, refusal: Refusal) -> Refusal:
    """The refusal, after noting whether it is the peer's own."""
    if isinstance(refusal, PeerUnreachable):
        channels.missed(peer)
    else:
        channels.reached(peer)
    return refusal


def _name_of(details: Any) -> str:
    method: str | bytes = details.method
    return (method.decode() if isinstance(method, bytes) else method).lstrip("/")


def _complete(
    channels: Channels, peer: str, details: Any, seconds_default: float, traceparent: str | None = None
) -> Any:
    """The call details, with the metadata and deadline that every call has."""
    given = list(details.metadata or ())
    ours, seconds_left = channels.outgoing(peer, named=any(key == CALLER_KEY for key, _ in given))
    if traceparent:
        given.append((TRACE_KEY, traceparent))
    named = {key for key, _ in given}
    seconds = details.timeout if details.timeout is not None else seconds_default
    if seconds_left is not None:
        if seconds_left <= 0:
            raise Unavailable(f"no time was left to ask {peer}")
        seconds = min(seconds, seconds_left)
    metadata = grpc.aio.Metadata(*given, *((key, value) for key, value in ours if key not in named))
    return details._replace(timeout=seconds, metadata=metadata)


def _listed(addresses: str | Sequence[str]) -> tuple[str, ...]:
    parts = addresses.split(",") if isinstance(addresses, str) else addresses
    return tuple(part.strip() for part in parts if part.strip())
