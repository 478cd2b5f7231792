"""The declared endpoints of a running service, called by name instead of over HTTP.

The same decoding, roles, kept answers and handlers: an idempotency key used here and over HTTP is one key.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from chassis.caller import Call
from chassis.endpoint import Endpoint
from chassis.errors import DatabaseError, Unavailable, invalid_field
from chassis.http.body_decoding import BodyDecoding
from chassis.http.decode import FROM_HEADER
from chassis.http.idempotency import EncodedReply, IdempotencyStore
from chassis.http.route import HttpContext, Route, runner


class DeclaredCalls:
    """Calls endpoints by their call names."""

    def __init__(self, endpoints: Sequence[Endpoint], http_context: HttpContext) -> None:
        self._http_context = http_context
        self._body_decoding = BodyDecoding()
        self._idempotency_store = IdempotencyStore(http_context.units)
        self._endpoints = {endpoint.call: endpoint for endpoint in endpoints}
        self._routes: dict[str, Route] = {}

    async def answer(self, call: Call, name: str, body: bytes, context: Mapping[str, str]) -> EncodedReply:
        """The reply of an endpoint to a JSON body. KeyError if none is called so; raises its refusals.

        `context` holds what an HTTP call says in headers: `logical_guid`, `channel_code`, `cccode`,
        `idempotency_key`.
        """
        if self._http_context.gate is not None:
            self._http_context.gate.check(call.caller.orgcode)
        route = self._route(name)
        route.admit(call.caller)
        headers = {FROM_HEADER[field]: value for field, value in context.items()}
        decoded = await self._body_decoding.decode(route.decoder, body, headers)
        try:
            return await route.run(_call_of(call, name, decoded.context), decoded.body)
        except DatabaseError as failure:
            raise Unavailable("the database can't be reached") from failure

    def _route(self, name: str) -> Route:
        # Made at the first call: most endpoints are only ever called over HTTP.
        route = self._routes.get(name)
        if route is None:
            endpoint = self._endpoints[name]
            run = runner(endpoint, self._http_context, self._idempotency_store)
            route = self._routes[name] = Route(endpoint, run, self._http_context.synonyms)
        return route


def _call_of(call: Call, name: str, context: Mapping[str, str | None]) -> Call:
    """The caller's call under the endpoint's name, with the context it was given."""
    caller = call.caller
    if caller.orgcode is None:
        raise invalid_field("orgcode", "is required")
    cccode = context.get("cccode")
    if cccode is not None and caller.cccode is not None and cccode != caller.cccode:
        raise invalid_field("cccode", "differs from the caller's cost centre")
    return replace(
        call,
        name=name,
        facility=context.get("logical_guid"),
        channel=context.get("channel_code"),
        cccode=cccode or caller.cccode,
        idempotency_key=context.get("idempotency_key"),
    )
