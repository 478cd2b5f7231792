"""The client for calls to systems outside of the stack, a resource that services list and ask for by type:

    PMC = Service(..., resources=[http_client])

    async def pmc_media_check(http: HttpClient, ...): answer = await http.request("GET", url, peer="media")

A call ends with the deadline of the call it is made for, carries its trace, is repeated where that does no harm,
follows no redirect unless told to, and reaches public addresses only. Neither query nor headers are ever logged.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic, perf_counter
from typing import Any

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    ServerTimeoutError,
    TCPConnector,
)

from chassis.outgoing.addresses import AddressPolicy, BlockedAddress
from chassis.outgoing.message import (
    Body,
    OutgoingAnswer,
    OutgoingFailed,
    OutgoingRequest,
    OutgoingStream,
    json_body,
)
from chassis.outgoing.redirects import REDIRECTS, checked, redirected
from chassis.outgoing.retries import IDEMPOTENT_METHODS, RETRIED_STATUSES, RetryRules, is_retried, wait_before
from chassis.resource import resource
from chassis.rpc.context import acting
from chassis.settings import BaseSettings, SettingsError
from chassis.telemetry import trace
from chassis.telemetry.log import get_logger
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import OUTGOING_REQUESTS, OUTGOING_SECONDS

CALL_SECONDS = 30.0
CONNECT_SECONDS = 5.0
ANSWER_BYTES_MAX = 8 * 1024 * 1024
CONNECTIONS_MAX = 200
CONNECTIONS_PER_HOST_MAX = 20

log = get_logger("chassis.outgoing")


class HttpClient:
    """Calls over HTTP. `policy` says which addresses may be reached."""

    def __init__(
        self,
        metrics: Metrics,
        policy: AddressPolicy,
        *,
        rules: RetryRules | None = None,
        connections_per_host: int = CONNECTIONS_PER_HOST_MAX,
    ) -> None:
        self._rules = rules or RetryRules()
        self._policy = policy
        self._connections_per_host = connections_per_host
        self._requests = metrics.counter(OUTGOING_REQUESTS)
        self._seconds = metrics.histogram(OUTGOING_SECONDS)
        self._session: ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        peer: str,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: Body | None = None,
        seconds: float = CALL_SECONDS,
        idempotent: bool | None = None,
        redirects: int = 0,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> OutgoingAnswer:
        """Make a call and read the whole answer, whatever its status. Raises `OutgoingFailed`.

        peer        who is called, as metrics and spans name it: one word per system, never an address
        json        sent as JSON; else `body`, as bytes or as a stream (then the call is made once)
        seconds     for all attempts together; the deadline of the call being served may be sooner
        idempotent  whether repeating it does no harm; by default as HTTP says of the method
        redirects   how many are followed; credentials are not sent on to another host
        bytes_max   of the answer, once decompressed
        """
        sent = _made(method, url, headers, json, body)
        repeatable = not isinstance(sent.body, AsyncIterator)
        safe = (method in IDEMPOTENT_METHODS if idempotent is None else idempotent) and repeatable
        ends_at = monotonic() + _seconds_left(seconds)
        with trace.span(f"HTTP {method}", "client", **_attributes(sent, peer)) as traceparent:
            sent = _traced(sent, traceparent)
            attempt = 1
            while True:
                outcome = await self._outcome(sent, peer, redirects, bytes_max, ends_at)
                wait = None
                if repeatable and _is_repeated(outcome, safe=safe):
                    said = outcome.headers if isinstance(outcome, OutgoingAnswer) else {}
                    wait = wait_before(self._rules, attempt, said, datetime.now(UTC), random.random)
                if wait is None or monotonic() + wait >= ends_at:
                    break
                log.info("an outgoing call is repeated", peer=peer, attempt=attempt, url=sent.shown)
                await asyncio.sleep(wait)
                attempt += 1
        if isinstance(outcome, OutgoingFailed):
            raise outcome
        return outcome

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        peer: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        seconds: float = CALL_SECONDS,
    ) -> AsyncIterator[OutgoingStream]:
        """Make a call once, and read the answer as it arrives. `seconds`: for its head, and for each part."""
        sent = _made(method, url, headers, None, body)
        with trace.span(f"HTTP {method}", "client", **_attributes(sent, peer)) as traceparent:
            async with self._attempt(_traced(sent, traceparent), peer, monotonic() + seconds, seconds) as answer:
                yield answer

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def _outcome(
        self, request: OutgoingRequest, peer: str, redirects: int, bytes_max: int, ends_at: float
    ) -> OutgoingAnswer | OutgoingFailed:
        """What becomes of one attempt, redirects included."""
        try:
            async with asyncio.timeout(max(0.0, ends_at - monotonic())):
                while True:
                    async with self._attempt(request, peer, ends_at, CALL_SECONDS) as answer:
                        target = answer.headers.get("Location") if answer.status in REDIRECTS else None
                        if target is None or redirects == 0:
                            body = await _whole(answer, bytes_max)
                            return OutgoingAnswer(
                                status=answer.status, headers=answer.headers, body=body, url=answer.url
                            )
                    redirects -= 1
                    request = redirected(request, answer.status, target)
        except TimeoutError:
            return OutgoingFailed(request.url.host or "", "timeout")
        except OutgoingFailed as failure:
            return failure

    @asynccontextmanager
    async def _attempt(
        self, request: OutgoingRequest, peer: str, ends_at: float, part_seconds: float
    ) -> AsyncIterator[OutgoingStream]:
        """Send a request once, and count what becomes of it."""
        started, outcome = perf_counter(), "failed"
        try:
            async with self._exchange(request, ends_at, part_seconds) as answer:
                outcome = f"{answer.status // 100}xx"
                yield answer
        except OutgoingFailed as failure:
            outcome = failure.kind
            log.info("an outgoing call failed", peer=peer, problem=failure.kind, url=request.shown)
            raise
        finally:
            self._requests.labels(peer, outcome).inc()
            self._seconds.labels(peer).observe(perf_counter() - started)

    @asynccontextmanager
    async def _exchange(
        self, request: OutgoingRequest, ends_at: float, part_seconds: float
    ) -> AsyncIterator[OutgoingStream]:
        """The network's part; a test double has another."""
        host = request.url.host or ""
        response: ClientResponse | None = None
        try:
            async with asyncio.timeout(max(0.0, ends_at - monotonic())):
                response = await self._opened().request(
                    request.method, request.url, headers=request.headers, data=request.body, allow_redirects=False
                )
        except ClientConnectorError as failure:
            blocked = isinstance(failure.os_error, BlockedAddress)
            raise OutgoingFailed(host, "blocked" if blocked else "refused") from None
        except InvalidURL:
            raise OutgoingFailed(host, "blocked") from None
        except (TimeoutError, ServerTimeoutError):
            raise OutgoingFailed(host, "timeout") from None
        except (ClientError, OSError):
            raise OutgoingFailed(host, "broken") from None
        try:
            yield OutgoingStream(response.status, response.headers, request.url, _parts(response, host, part_seconds))
        finally:
            response.close()

    def _opened(self) -> ClientSession:
        if self._session is None:
            connector = TCPConnector(
                limit=CONNECTIONS_MAX,
                limit_per_host=self._connections_per_host,
                socket_factory=self._policy.open_socket,
            )
            self._session = ClientSession(
                connector=connector,
                cookie_jar=DummyCookieJar(),
                timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                headers={"User-Agent": "retailstack"},
            )
        return self._session


@resource
async def http_client(settings: BaseSettings, metrics: Metrics) -> AsyncIterator[HttpClient]:
    """The client for calls to systems outside of the stack."""
    try:
        policy = AddressPolicy(settings.outgoing_allow)
    except ValueError as failure:
        raise SettingsError(f"OUTGOING_ALLOW: {failure}") from None
    client = HttpClient(metrics, policy)
    try:
        yield client
    finally:
        await client.close()


def _made(method: str, url: str, headers: Mapping[str, str] | None, json: Any, body: Body | None) -> OutgoingRequest:
    own: dict[str, str] = {}
    if json is not None:
        body, own = json_body(json)
    return OutgoingRequest(method=method, url=checked(url), headers={**own, **(headers or {})}, body=body)


def _is_repeated(outcome: OutgoingAnswer | OutgoingFailed, *, safe: bool) -> bool:
    if isinstance(outcome, OutgoingFailed):
        return is_retried(outcome.kind, idempotent=safe)
    return safe and outcome.status in RETRIED_STATUSES


def _seconds_left(seconds: float) -> float:
    """How long a call may take: as asked, or what is left for the call it is made for."""
    served = acting()
    if served is None or served.ends_at is None:
        return seconds
    return min(seconds, max(0.0, served.ends_at - monotonic()))


def _traced(request: OutgoingRequest, traceparent: str | None) -> OutgoingRequest:
    scope = trace.current()
    known = traceparent or (scope.traceparent if scope is not None else None)
    if known is None:
        return request
    headers = {**request.headers, "traceparent": known}
    return OutgoingRequest(method=request.method, url=request.url, headers=headers, body=request.body)


def _attributes(request: OutgoingRequest, peer: str) -> dict[str, Any]:
    return {
        "http.request.method": request.method,
        "peer.service": peer,
        "server.address": request.url.host or "",
        "url.full": request.shown,
    }


async def _parts(response: ClientResponse, host: str, seconds: float) -> AsyncIterator[bytes]:
    try:
        while True:
            async with asyncio.timeout(seconds):
                part = await response.content.readany()
            if not part:
                return
            yield part
    except TimeoutError:
        raise OutgoingFailed(host, "timeout") from None
    except (ClientError, OSError):
        raise OutgoingFailed(host, "broken") from None


async def _whole(answer: OutgoingStream, bytes_max: int) -> bytes:
    parts, size = [], 0
    async for part in answer:
        size += len(part)
        if size > bytes_max:
            raise OutgoingFailed(answer.url.host or "", "too_large")
        parts.append(part)
    return b"".join(parts)
