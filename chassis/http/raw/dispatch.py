"""Handles requests to raw endpoints. The steps, in order, with the errors each may answer:

announced size and media type of the body      413, 415
signed caller header                           401
maintenance gate                               503
role                                           401, 403
query, context and parameters of the path      400, 404
handler, which reads the body as it arrives    413 …
its answer, or a refusal in the envelope
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from time import perf_counter
from typing import Any

from aiohttp import web
from aiohttp.web import BaseRequest
from msgspec import Struct

from chassis.caller import Call
from chassis.endpoint import RawEndpoint
from chassis.errors import Invalid, Unavailable, UnsupportedMedia
from chassis.http.body import too_large
from chassis.http.decode import Decoder
from chassis.http.envelope import encode
from chassis.http.idempotency import EncodedReply
from chassis.http.meter import IN_FLIGHT_MAX, RequestMeter
from chassis.http.raw.matching import PathParameters, RawMatch, pattern_of
from chassis.http.raw.response import AnswerBroken, write
from chassis.http.route import HttpContext, RoleCheck, paths_of
from chassis.http.visit import Responder, Visit, common_headers
from chassis.raw import BodyStream, RawAnswer, RawRequest
from chassis.telemetry import trace
from chassis.telemetry.log import get_logger

STALL_SECONDS = 60.0
"""How long the next part of a body may take to arrive."""

_DEFAULTS = {"X-Content-Type-Options": "nosniff"}

log = get_logger("chassis.http.raw")


class _RawRoute:
    """A raw endpoint of a running service."""

    def __init__(self, endpoint: RawEndpoint, http_context: HttpContext) -> None:
        self.endpoint = endpoint
        self.asks = http_context.provided.arguments(endpoint.call, endpoint.asks)
        self.admit = RoleCheck(endpoint, http_context.synonyms).admit
        self.parameters = PathParameters(endpoint)
        self.methods = ("GET", "HEAD") if endpoint.method == "GET" else (endpoint.method,)
        self._decoder = Decoder(endpoint)

    def decode(self, visit: Visit) -> tuple[Call, Any]:
        """The call and the query struct. Raises `Invalid`, naming every problem."""
        endpoint = self.endpoint
        query = visit.query if endpoint.request is not None else ""
        decoded = self._decoder.from_query(query, visit.headers, lenient=endpoint.lenient)
        return visit.call_for(decoded, tenant=endpoint.tenant), decoded.body


class RawDispatcher:
    """Answers the requests to the raw endpoints of one service."""

    def __init__(
        self, endpoints: Sequence[RawEndpoint], http_context: HttpContext, responder: Responder, meter: RequestMeter
    ) -> None:
        self._http_context = http_context
        self._responder = responder
        self._meter = meter
        self._routes: list[_RawRoute] = []
        self._patterns: list[tuple[re.Pattern[str], int]] = []
        for place, endpoint in enumerate(endpoints):
            self._routes.append(_RawRoute(endpoint, http_context))
            self._patterns += [(pattern_of(path), place) for path in paths_of(http_context.service, endpoint.path)]

    def find(self, method: str, path: str) -> RawMatch | None:
        """The endpoint for a method and a path, the one declared first if several match; None if none does."""
        for pattern, place in self._patterns:
            if method in self._routes[place].methods and (found := pattern.fullmatch(path)) is not None:
                return RawMatch(place, found.groupdict())
        return None

    def methods(self, path: str) -> list[str]:
        """The methods that a path takes."""
        return [
            method
            for pattern, place in self._patterns
            if pattern.fullmatch(path) is not None
            for method in self._routes[place].methods
        ]

    async def handle(self, request: BaseRequest, visit: Visit, match: RawMatch) -> web.StreamResponse:
        """The response to a request. Raises ConnectionResetError if the answer fails after its head was sent."""
        route = self._routes[match.place]
        visit.call = route.endpoint.call
        self._meter.begin()
        try:
            with trace.span(visit.call, "server", trace.traceparent_of(visit.headers)) as traceparent:
                visit.traceparent = traceparent or trace.traceparent_of(visit.headers)
                answer = await self._answer(request, visit, route, match.texts)
                if isinstance(answer, RawAnswer):
                    response = await write(request, answer, {**common_headers(visit), **_DEFAULTS})
                else:
                    response = self._respond(visit, EncodedReply(status=200, body=encode(answer)))
        except AnswerBroken as cut:
            # The head is sent, so the error can only be shown by closing the connection.
            self._meter.end(visit.call, cut.status, perf_counter() - visit.started)
            if not isinstance(cut.__cause__, ConnectionError):
                self._responder.refusal_of(visit, _cause(cut))
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError from None
        except Exception as failure:  # noqa: BLE001  callers get an error in the envelope, the log gets the cause
            response = self._respond(visit, self._responder.refused(self._responder.refusal_of(visit, failure)))
        except BaseException:
            self._meter.abandon()
            raise
        self._meter.end(visit.call, response.status, perf_counter() - visit.started)
        return response

    def _respond(self, visit: Visit, reply: EncodedReply) -> web.Response:
        return self._responder.respond(visit, reply, perf_counter() - visit.started)

    async def _answer(
        self, request: BaseRequest, visit: Visit, route: _RawRoute, texts: Mapping[str, str]
    ) -> RawAnswer | Struct:
        endpoint = route.endpoint
        if self._meter.in_flight > IN_FLIGHT_MAX:
            raise Unavailable("too many calls are being worked on")
        length = _check_head(request, endpoint)
        visit.identify(self._http_context.verify)
        if self._http_context.gate is not None:
            self._http_context.gate.check(visit.caller.orgcode)
        route.admit(visit.caller)
        call, query = route.decode(visit)
        arguments = {**route.asks, **route.parameters.read(texts)}
        if endpoint.wants_call:
            arguments["call"] = call
        if "query" in endpoint.parameters:
            arguments["query"] = query
        if "http" in endpoint.parameters:
            arguments["http"] = RawRequest(
                method=endpoint.method,
                head=request.method == "HEAD",
                path=visit.path,
                query=visit.query,
                headers=visit.headers,
                cookies=request.cookies,
            )
        if "body" in endpoint.parameters:
            arguments["body"] = BodyStream(_parts(request), length, endpoint.body_bytes_max)
        visit.enter()
        with self._http_context.on_behalf(call, endpoint.seconds):
            answer: RawAnswer | Struct = await endpoint.handler(**arguments)
        return answer


def _check_head(request: BaseRequest, endpoint: RawEndpoint) -> int | None:
    """The announced size of the body, None if unknown. Raises `TooLarge` or `UnsupportedMedia`."""
    text = request.headers.get("Content-Length")
    length = int(text) if text is not None else (None if request.body_exists else 0)
    if not endpoint.consumes or not request.body_exists:
        return length
    if length is not None and length > endpoint.body_bytes_max:
        raise too_large(endpoint.body_bytes_max)
    media = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if "*/*" not in endpoint.consumes and media not in endpoint.consumes:
        raise UnsupportedMedia(f"the body must be {' or '.join(endpoint.consumes)}")
    return length


async def _parts(request: BaseRequest) -> AsyncIterator[bytes]:
    """The body as it arrives. aiohttp pauses the connection while about 128 KiB wait to be read."""
    content = request.content
    while True:
        try:
            async with asyncio.timeout(STALL_SECONDS):
                part = await content.readany()
        except TimeoutError:
            raise Invalid("the body did not arrive in time") from None
        except (web.RequestPayloadError, ConnectionError):
            raise Invalid("the body ended before its end") from None
        if part:
            yield part
        elif content.at_eof():
            return


def _cause(cut: AnswerBroken) -> Exception:
    return cut.__cause__ if isinstance(cut.__cause__, Exception) else cut
