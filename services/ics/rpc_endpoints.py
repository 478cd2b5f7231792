"""The rows of `ics.yaml` asked by messages instead of HTTP: the same roles, the same checks in the same order, the same
handlers, the same kept answers. A key used over HTTP and over gRPC is one key, since an answer is kept for its row.

A message becomes the JSON body it stands for and goes through the row's own decoder, so there is nothing here to say
twice; the answer's JSON becomes the reply, which leaves out what the message does not know.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from google.protobuf import json_format
from google.protobuf.message import Message
from msgspec.structs import replace

from chassis.caller import Call
from chassis.errors import ErrorObject, Unavailable, invalid_field
from chassis.http.decode import FROM_HEADER
from chassis.http.envelope import build_of, envelope_of
from chassis.http.idempotency import EncodedReply, IdempotencyStore
from chassis.http.route import DocumentPage, HttpContext, Route, runner
from chassis.mongo.errors import DatabaseError
from chassis.rpc.context import acting_for, current_call
from chassis.rpc.server import RpcContext
from chassis.rpc.status import revive

M = TypeVar("M", bound=Message)

CALL_SECONDS = 30.0
"""What calls to other services on behalf of one call may take together."""

REPLAYED = ("idempotent-replayed", "true")
"""Told beside an answer that was kept."""


class _NoPages:
    """There are no documents here."""

    def find(self, path: str) -> DocumentPage | None:
        del path
        return None


class RpcEndpoints:
    """The rows of a running service, by their calls."""

    def __init__(self, context: RpcContext) -> None:
        service, settings = context.service, context.settings
        self._gate = context.gate
        http_context = HttpContext(
            service=service.name,
            synonyms=service.synonyms,
            envelope=envelope_of(service, settings),
            build=build_of(settings),
            caller_key=settings.caller_key,
            units=context.units,
            gate=context.gate,
            clock=context.clock,
            metrics=context.metrics,
            provided={},
            on_behalf=lambda call: acting_for(call, CALL_SECONDS),
            pages=_NoPages(),
        )
        self._http_context = http_context
        self._idempotency_store = IdempotencyStore(context.units)
        self._endpoints = {endpoint.call: endpoint for endpoint in context.parts.endpoints}
        self._routes: dict[str, Route] = {}

    async def ask(self, row: str, request: Message, answer: M, context: Any) -> M:
        """Ask a row for what a message says, and fill the answer; its refusals are the row's."""
        call = current_call()
        self._gate.check(call.caller.orgcode)
        route = self._route(row)
        route.admit(call.caller)
        body = fields_of(request)
        about = body.pop("context", {})
        decoded = route.decoder.from_body(msgspec.json.encode(body), _headers(about))
        try:
            reply = await route.run(_call_of(call, row, decoded.context), decoded.body)
        except DatabaseError as failure:
            raise Unavailable("the database can't be reached") from failure
        if reply.replayed:
            context.set_trailing_metadata((REPLAYED,))
        return json_format.Parse(_data_of(reply), answer, ignore_unknown_fields=True)

    def _route(self, row: str) -> Route:
        route = self._routes.get(row)
        if route is None:
            endpoint = self._endpoints[row]
            run = runner(endpoint, self._http_context, self._idempotency_store)
            route = self._routes[row] = Route(endpoint, run, self._http_context.synonyms)
        return route


def fields_of(message: Message) -> dict[str, Any]:
    """The fields of a message that are set, as JSON values."""
    return {field.name: _plain(value) for field, value in message.ListFields()}


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return fields_of(value)
    if isinstance(value, str | int | float):
        return value
    return [_plain(each) for each in value]


def _headers(about: Mapping[str, Any]) -> dict[str, str]:
    """What a message says of its context, where an HTTP call has headers."""
    return {FROM_HEADER[name]: str(value) for name, value in about.items()}


def _call_of(call: Call, row: str, context: Mapping[str, str | None]) -> Call:
    """The call that asks the row: its caller's, with the row's name and the context the message gives."""
    caller = call.caller
    if caller.orgcode is None:
        raise invalid_field("orgcode", "is required")
    cccode = context.get("cccode")
    if cccode is not None and caller.cccode is not None and cccode != caller.cccode:
        raise invalid_field("cccode", "differs from the caller's cost centre")
    return replace(
        call,
        name=row,
        facility=context.get("logical_guid"),
        channel=context.get("channel_code"),
        cccode=cccode or caller.cccode,
        idempotency_key=context.get("idempotency_key"),
    )


def _data_of(reply: EncodedReply) -> bytes:
    """The data of an answer; a refusal, also one that was kept, is raised."""
    if reply.status == 200:
        return reply.body
    if reply.refusal is not None:
        raise reply.refusal
    raise revive(msgspec.json.decode(reply.body, type=ErrorObject))
