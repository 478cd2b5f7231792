"""The ping action: is SLC there."""

from typing import Literal

from chassis.endpoint import Answer, Endpoints

endpoints = Endpoints("slc")


class PingAnswer(Answer):
    status: Literal["ok"] = "ok"


@endpoints.post("/slc", action="ping", tenant=False)
async def slc_ping() -> PingAnswer:
    """Answer that SLC is there, without asking anything of database or bus."""
    return PingAnswer()
