"""Asking a running ICS over gRPC, as its neighbours and its operator do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import time
from typing import Any

from chassis.caller import SYSTEM, Call, Caller
from chassis.clock import SystemClock
from chassis.http.token import sign
from chassis.ids import new_id
from chassis.rpc.client import Channels
from chassis.testing.client import TEST_KEY, ServiceClient


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
        sign=lambda caller, request_id: sign(caller, request_id, TEST_KEY, time()),
        clock=SystemClock(),
    )
    try:
        yield channels.channel("ics")
    finally:
        await channels.close()


OPERATOR = SYSTEM
"""What the operator counts as once the secret code was right: a caller of the stack's own."""
