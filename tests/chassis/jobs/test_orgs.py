"""Jobs of the stack act within an org at a time."""

from chassis.caller import SYSTEM
from chassis.jobs.orgs import within
from tests.chassis.bus_given import a_call


def test_a_call_can_be_turned_to_an_org() -> None:
    assert within(a_call(caller=SYSTEM), "ACME").orgcode == "ACME"
