"""The stat endpoint: whether ICS and its dependencies are up."""

from chassis.caller import AUTHENTICATED, Call
from chassis.endpoint import Answer, Endpoints
from chassis.health import Health, words
from chassis.values import Map, Utc

endpoints = Endpoints("ics")


class StatEnvelope(Answer):
    ok: bool
    now_utc: Utc
    checks: Map


@endpoints.get("/stat", roles=[AUTHENTICATED], tenant=False)
async def ics_stat(call: Call, health: Health) -> StatEnvelope:
    """Show whether ICS and its dependencies are up."""
    checks = dict(words(await health.parts()))
    return StatEnvelope(ok="down" not in checks.values(), now_utc=call.started_utc, checks=checks)
