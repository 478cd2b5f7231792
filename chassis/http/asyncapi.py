"""A service's AsyncAPI 3.0 document, made from the events it declares."""

from typing import Any

from chassis.event import EventType
from chassis.http.schemas import Schema, components, example, resolve
from chassis.service import Parts, Service

EXCHANGE = "retailstack.events"

_COMMON: dict[str, Schema] = {
    "orgcode": {"type": "string", "description": "The organisation it happened in; empty where it belongs to none."},
    "actor": {"type": "string", "description": "Who caused it: a user, an API key, or `system`."},
    "revision": {"type": "integer", "description": "The subject's revision since then."},
    "cccode": {"type": ["string", "null"], "description": "The cost centre the call was attributed to."},
}
_HEADERS: Schema = {
    "type": "object",
    "properties": {
        "cloudEvents:specversion": {"const": "1.0"},
        "cloudEvents:id": {"type": "string"},
        "cloudEvents:type": {"type": "string"},
        "cloudEvents:source": {"type": "string"},
        "cloudEvents:subject": {"type": "string"},
        "cloudEvents:time": {"type": "string", "format": "date-time"},
        "orgcode": {"type": "string"},
        "traceparent": {"type": "string"},
    },
}


def asyncapi(service: Service, parts: Parts, build_id: str) -> dict[str, Any]:
    """The document of a service: one channel and one sending operation an event type."""
    events = sorted(parts.events, key=lambda event: event.type)
    shown, named = components([event.body for event in events])
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"{service.title or service.name.upper()} events",
            "version": build_id,
            "description": "At least once, in order per subject. CloudEvents 1.0 in binary mode over AMQP 0-9-1.",
        },
        "defaultContentType": "application/json",
        "channels": {event.type: _channel(event) for event in events},
        "operations": {f"send {event.type}": _operation(event) for event in events},
        "components": {
            "messages": {
                event.type: _message(event, schema, named) for event, schema in zip(events, shown, strict=True)
            },
            "schemas": named,
        },
    }


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
        "summary": event.summary or f"Tells of {event.type}.",
        "messages": [{"$ref": f"#/channels/{_escaped(event.type)}/messages/{event.type}"}],
    }


def _message(event: EventType, schema: Schema, named: dict[str, Schema]) -> dict[str, Any]:
    own = resolve(schema, named)
    payload = {
        "type": "object",
        "properties": {**_COMMON, **own.get("properties", {})},
        "required": ["orgcode", "actor", "revision", *own.get("required", ())],
    }
    return {
        "name": event.type,
        "summary": event.summary,
        "description": f"Its subject is `{event.subject}`.",
        "contentType": "application/json",
        "headers": _HEADERS,
        "payload": payload,
        "examples": [{"payload": example(payload, named)}],
    }


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
