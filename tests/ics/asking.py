"""Asking a running ICS over gRPC, as its neighbours and its operator do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from chassis.caller import Call, Caller
from chassis.clock import SystemClock
from chassis.ids import new_id
from chassis.rpc.client import Channels
from chassis.testing.client import ServiceClient
from chassis.testing.keys import signs_as


def acting_as(caller: Caller) -> Call:
    """A call on whose behalf something is asked."""
    now = SystemClock().now()
    return Call(caller=caller, name="test", request_id=new_id(now), started_utc=now)


def service_of(ics: ServiceClient) -> Caller:
    """Another service of the stack, acting for the client's org."""
    assert ics.caller is not None
    return Caller(kind="service", actor="slc", orgcode=ics.caller.orgcode)


@asynccontextmanager
async def channel_to(ics: ServiceClient) -> AsyncIterator[Any]:
    """A channel to the service's gRPC port, with everything the stack's own clients do."""
    address = f"127.0.0.1:{ics.application.runtime.grpc_port}"
    channels = Channels(
        {"ics": (address,)},
        sign=signs_as("slc"),
        clock=SystemClock(),
    )
    try:
        yield channels.channel("ics")
    finally:
        await channels.close()
