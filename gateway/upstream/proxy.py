"""Forwards calls: a signed request to the best replica and its response to the caller, large bodies streamed.

A call is tried at a second replica only if nothing can have happened at the first: no connection was opened, or the
method changes nothing and no byte of a response arrived. A mutation that broke off is never repeated.
"""

from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from chassis.errors import Refusal, Unavailable, invalid_field
from gateway.http.compression import Compression
from gateway.http.error_code import CallNames
from gateway.http.exchange import Exchange
from gateway.http.headers import as_dict, pass_out
from gateway.http.reply import Reply, block_of
from gateway.upstream.balance import Replica, Upstream, unreachable
from gateway.upstream.port import (
    ConnectionBroken,
    UpstreamClient,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamTimeout,
)

ATTEMPTS_MAX = 2

Response = web.StreamResponse | Reply
"""The answer to a caller."""


class Proxy:
    """Sends calls to services on behalf of callers."""

    def __init__(
        self, upstreams: dict[str, Upstream], client: UpstreamClient, compression: Compression, calls: CallNames
    ) -> None:
        self._calls = calls
        self.upstreams = upstreams
        self.client = client
        self._compression = compression

    async def ask(self, service: str, request: UpstreamRequest, exchange: Exchange | None = None) -> UpstreamResponse:
        """The response of a replica of the service. Raises `Unavailable` if none answers."""
        upstream = self.upstreams.get(service)
        if upstream is None or not upstream.replicas:
            raise unreachable(service)
        tried: list[Replica] = []
        while True:
            replica = upstream.pick(tried if len(upstream.replicas) > 1 else ())
            if exchange is not None:
                exchange.replica = replica.authority
            replica.begin()
            try:
                answer = await self.client.ask(replica, request)
            except UpstreamError as failure:
                if failure.sent:
                    replica.failed()
                else:
                    upstream.refused(replica)
                tried.append(replica)
                if len(tried) < ATTEMPTS_MAX and _may_repeat(failure, request) and _another(upstream, tried):
                    continue
                raise _unavailable(service, failure) from None
            except BaseException:
                replica.abandoned()
                raise
            replica.succeeded()
            return answer

    async def forward(self, exchange: Exchange, service: str, request: UpstreamRequest) -> Response:
        """The response of the service as the caller gets it, with the gateway's own headers."""
        try:
            answer = await self.ask(service, request, exchange)
        except (HttpProcessingError, web.RequestPayloadError):
            raise invalid_field("body", "can't be read") from None
        exchange.mark(service)
        passed = pass_out(answer.headers)
        body = answer.body
        if answer.status >= HTTPStatus.BAD_REQUEST and body:
            self._calls.note(exchange, body)
        if body is None or exchange.method == "HEAD" or self._compression.possible(len(body)):
            headers = as_dict(passed)
            headers.update(exchange.own_headers())
            return await self._with_care(exchange, answer, headers)
        exchange.answer_bytes = len(body)
        block = block_of(passed)
        if block is None:
            raise _unavailable(service, ConnectionBroken("a header of two lines"))
        return Reply(answer.status, answer.reason, block, exchange.own_headers(), body)

    async def _with_care(
        self, exchange: Exchange, answer: UpstreamResponse, headers: CIMultiDict[str]
    ) -> web.StreamResponse:
        """A response that is streamed, compressed, or has no body (HEAD)."""
        if answer.body is None:
            return await self._streamed(exchange, answer, headers)
        if exchange.method == "HEAD":
            # The length is that of the body of a GET.
            bare = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
            bare.content_length = answer.length
            return bare
        body = answer.body
        if self._compression.worth(exchange.accept_encoding, headers, len(body)):
            body = await self._compression.whole(body, headers)
        exchange.answer_bytes = len(body)
        return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=body or None)

    async def _streamed(
        self, exchange: Exchange, answer: UpstreamResponse, headers: CIMultiDict[str]
    ) -> web.StreamResponse:
        """Forward the body in parts, no faster than the caller reads."""
        size = answer.length if answer.length is not None else self._compression.bytes_min
        compressed = self._compression.worth(exchange.accept_encoding, headers, size)
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
        if compressed:
            self._compression.stream(response)
        elif answer.length is not None:
            response.content_length = answer.length
        try:
            await response.prepare(exchange.request)
            while chunk := await answer.chunk():
                exchange.answer_bytes += len(chunk)
                await response.write(chunk)
            await response.write_eof()
        except UpstreamError:
            # The head is already sent, so the connection is aborted to show the caller that the answer is incomplete.
            exchange.cut()
            raise
        finally:
            answer.close()
        return response


def _may_repeat(failure: UpstreamError, request: UpstreamRequest) -> bool:
    """Whether the call can be sent to another replica without being executed twice."""
    if not failure.sent:
        return True
    return request.safe and not isinstance(failure, UpstreamTimeout)


def _another(upstream: Upstream, tried: list[Replica]) -> bool:
    if len(upstream.replicas) == 1:
        return upstream.replicas[0].takes()
    return any(replica.takes() for replica in upstream.replicas if replica not in tried)


def _unavailable(service: str, failure: UpstreamError) -> Refusal:
    """The refusal for the caller: 503 with a time to retry, without the cause."""
    if isinstance(failure, UpstreamTimeout):
        return Unavailable(f"{service} did not answer in time", 1)
    if failure.sent:
        return Unavailable(f"{service} broke off before its answer", 1)
    return unreachable(service)


async def read_all(answer: UpstreamResponse, bytes_max: int) -> bytes:
    """The complete body of a response to a call of the gateway itself. Raises `Unavailable` above `bytes_max`."""
    try:
        if answer.body is not None:
            return answer.body
        parts: list[bytes] = []
        size = 0
        while part := await answer.chunk():
            size += len(part)
            if size > bytes_max:
                raise Unavailable("an answer is larger than it may be", 1)
            parts.append(part)
        return b"".join(parts)
    finally:
        if answer.body is None:
            answer.close()
