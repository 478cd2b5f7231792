"""Helper for jobs that process the orgs one by one."""

from msgspec.structs import replace

from chassis.caller import Call


def within(call: Call, orgcode: str) -> Call:
    """The same call, acting in an org. Ask the gate first: changes for an org that is being vacuumed are refused."""
    return replace(call, caller=replace(call.caller, orgcode=orgcode))
