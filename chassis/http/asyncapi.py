"""A service's AsyncAPI 3.0 document, made from the events it declares."""

from typing import Any

from chassis.event import EventType
from chassis.http.examples import example, resolve
from chassis.http.meanings import meanings_of
from chassis.http.openapi import information
from chassis.http.schemas import Components, Schema
from chassis.service import Parts, Service

EXCHANGE = "retailstack.events"

SERVERS: dict[str, Any] = {
    "broker": {
        "host": "{host}:{port}",
        "protocol": "amqp",
        "protocolVersion": "0.9.1",
        "description": "The stack's RabbitMQ broker. Subscribers bind queues of their own to the exchange.",
        "variables": {
            "host": {"default": "localhost", "description": "Host name of the broker."},
            "port": {"default": "5672", "description": "AMQP port of the broker."},
        },
    }
}
"""Where events are published: said once, in every document."""

COMMON: dict[str, Schema] = {
    "orgcode": {
        "type": "string",
        "description": "The org it happened in; empty if it belongs to none.",
        "examples": ["DEMO0001"],
    },
    "actor": {
        "type": "string",
        "description": "The caller who caused it: the id of a user or an API key, or `system`.",
        "examples": ["system"],
    },
    "revision": {"type": "integer", "description": "The revision of the subject after the change.", "examples": [1]},
    "cccode": {"type": ["string", "null"], "description": "The cost centre that the call was attributed to."},
}
"""Fields of every body, beside the event's own."""

_HEADERS: Schema = {
    "type": "object",
    "properties": {
        "cloudEvents:specversion": {"const": "1.0", "description": "The version of CloudEvents."},
        "cloudEvents:id": {"type": "string", "description": "The id of the event; the same when it is sent again."},
        "cloudEvents:type": {"type": "string", "description": "The type of the event, which is its routing key."},
        "cloudEvents:source": {"type": "string", "description": "The service that published it."},
        "cloudEvents:subject": {"type": "string", "description": "What it is about; events of a subject are in order."},
        "cloudEvents:time": {"type": "string", "format": "date-time", "description": "When it happened, in UTC."},
        "orgcode": {"type": "string", "description": "The org it happened in; empty if it belongs to none."},
        "traceparent": {"type": "string", "description": "W3C trace context of the call that caused it."},
    },
}
_DELIVERY = "At least once, in order per subject. CloudEvents 1.0 in binary mode over AMQP 0-9-1."


def asyncapi(service: Service, parts: Parts, build_id: str) -> dict[str, Any]:
    """The document of a service: one channel and one sending operation an event type."""
    events = sorted(parts.events, key=lambda event: event.type)
    found = Components([], [event.body for event in events], meanings_of(service))
    messages = {
        event.type: _message(event, schema, found.named) for event, schema in zip(events, found.answers, strict=True)
    }
    return {
        "asyncapi": "3.0.0",
        "info": {**_without_identifier(information(service, build_id, of="events")), "description": _DELIVERY},
        "servers": SERVERS,
        "defaultContentType": "application/json",
        "channels": {event.type: _channel(event) for event in events},
        "operations": {f"send {event.type}": _operation(event) for event in events},
        "components": {"messages": messages, "schemas": found.named},
    }


def _without_identifier(information: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI's `license` may name an SPDX identifier, AsyncAPI's may not."""
    return {**information, "license": {"name": information["license"]["name"]}}


def _channel(event: EventType) -> dict[str, Any]:
    return {
        "address": event.type,
        "messages": {event.type: {"$ref": f"#/components/messages/{event.type}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EXCHANGE, "type": "topic", "durable": True},
                "bindingVersion": "0.3.0",
            }
        },
    }


def _operation(event: EventType) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{_escaped(event.type)}"},
        "summary": event.summary or f"Publishes {event.type}.",
        "messages": [{"$ref": f"#/channels/{_escaped(event.type)}/messages/{event.type}"}],
    }


def _message(event: EventType, schema: Schema, named: dict[str, Schema]) -> dict[str, Any]:
    own = resolve(schema, named)
    required = ["orgcode", "actor", "revision", *own.get("required", ())]
    payload = {
        "type": "object",
        "properties": {**COMMON, **own.get("properties", {})},
        "required": list(dict.fromkeys(required)),
    }
    return {
        "name": event.type,
        "summary": event.summary,
        "description": f"Its subject is `{event.subject}`.",
        "contentType": "application/json",
        "headers": _HEADERS,
        "payload": payload,
        "examples": [{"payload": example(payload, named, filled=True)}],
    }


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
