"""Decoding the event of a message."""

import msgspec
from msgspec.structs import replace

from chassis.bus.message import BusMessage
from chassis.caller import SYSTEM, Call
from chassis.clock import Utc
from chassis.consumer import DeadLetter, Event


def event_of(message: BusMessage, name: str, now: Utc) -> Event:
    """The event of a message, for the handler called `name`. Raises `DeadLetter` if the message carries none."""
    headers = message.headers
    try:
        common = msgspec.json.decode(message.body, type=_Common)
    except msgspec.DecodeError as cause:
        raise DeadLetter(f"the body is no event: {cause}") from cause
    text = {name: str(value) for name, value in headers.items() if isinstance(value, str)}
    if not message.message_id or "cloudEvents:subject" not in text:
        raise DeadLetter("the message has no id or no subject")
    orgcode = text.get("orgcode") or common.orgcode or ""
    traceparent = text.get("traceparent")
    return Event(
        event_id=message.message_id,
        type=text.get("cloudEvents:type", message.routing_key),
        subject=text["cloudEvents:subject"],
        source=text.get("cloudEvents:source", ""),
        at_utc=Utc(text.get("cloudEvents:time", "")),
        orgcode=orgcode,
        actor=common.actor or "",
        revision=common.revision or 0,
        traceparent=traceparent,
        raw=message.body,
        call=_call(name, message.message_id, orgcode, traceparent, now),
        tries=message.tries,
        arrived=message.arrived,
    )


def _call(name: str, event_id: str, orgcode: str, traceparent: str | None, now: Utc) -> Call:
    """The call in which an event is handled: by the system, in the event's org, on the event's trace."""
    return Call(
        caller=replace(SYSTEM, orgcode=orgcode or None),
        name=name,
        request_id=event_id,
        started_utc=now,
        traceparent=traceparent,
    )


class _Common(msgspec.Struct):
    """Fields of every event's body."""

    orgcode: str | None = None
    actor: str | None = None
    revision: int | None = None
