"""Declared endpoints answered over gRPC: a servicer's method names an endpoint, and the rest is the endpoint's.

    class InventoryServicer(stock_pb2_grpc.InventoryServicer):
        def __init__(self, endpoints: RpcEndpoints) -> None: ...

        async def ShipRecord(self, request, context):
            return await self._endpoints.ask("ics_ship_record", request, pb.ShipAnswer(), context)

The message becomes the JSON body it stands for and goes through the endpoint's own decoder, roles, idempotency and
handler. The answer's JSON becomes the reply; fields the message does not know are left out.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import msgspec
from google.protobuf import json_format
from google.protobuf.message import Message

from chassis.caller import Call
from chassis.errors import ErrorObject, Refusal
from chassis.rpc.context import current_call
from chassis.rpc.refusals import revive

M = TypeVar("M", bound=Message)

REPLAYED = ("idempotent-replayed", "true")
"""Trailing metadata of an answer that was kept for its idempotency key."""


class EndpointReply(Protocol):
    """An endpoint's answer: data as JSON with status 200, else an error object."""

    @property
    def status(self) -> int: ...

    @property
    def body(self) -> bytes: ...

    @property
    def replayed(self) -> bool: ...

    @property
    def refusal(self) -> Refusal | None: ...


class Calls(Protocol):
    """Calls declared endpoints by name: `chassis.http.calls.DeclaredCalls`."""

    async def answer(self, call: Call, name: str, body: bytes, context: Mapping[str, str]) -> EndpointReply: ...


class RpcEndpoints:
    """The endpoints of a running service, for its servicers."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def ask(self, name: str, request: Message, answer: M, context: Any) -> M:
        """Call the endpoint `name` with the fields of a message, and fill `answer`. Raises the endpoint's refusals.

        A message field `context` gives what an HTTP call says in headers.
        """
        body = fields_of(request)
        about = {field: str(value) for field, value in body.pop("context", {}).items()}
        reply = await self._calls.answer(current_call(), name, msgspec.json.encode(body), about)
        if reply.replayed:
            context.set_trailing_metadata((REPLAYED,))
        return json_format.Parse(_data_of(reply), answer, ignore_unknown_fields=True)


def fields_of(message: Message) -> dict[str, Any]:
    """The fields of a message that are set, as JSON values."""
    return {field.name: _plain(value) for field, value in message.ListFields()}


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return fields_of(value)
    if isinstance(value, str | int | float):
        return value
    return [_plain(each) for each in value]


def _data_of(reply: EndpointReply) -> bytes:
    """The data of an answer. Raises the refusal, also one kept for an idempotency key."""
    if reply.status == 200:
        return reply.body
    if reply.refusal is not None:
        raise reply.refusal
    raise revive(msgspec.json.decode(reply.body, type=ErrorObject))
