"""Jobs that go through the orgs one by one: which may be worked for now, and in whose name."""

from contextvars import ContextVar

from msgspec.structs import replace

from chassis.caller import Call
from chassis.gate import Gate

GATE: ContextVar[Gate | None] = ContextVar("gate", default=None)
"""The gate of the process whose job runs."""


def is_open(orgcode: str) -> bool:
    """Whether a job may work for an org now. One that is being emptied is skipped: its changes would be refused."""
    gate = GATE.get()
    return gate is None or not gate.is_closed_for(orgcode)


def within(call: Call, orgcode: str) -> Call:
    """The same call, acting in an org: for jobs that go through the orgs one by one, as far as they are open."""
    return replace(call, caller=replace(call.caller, orgcode=orgcode))
