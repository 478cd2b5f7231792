"""The ping endpoint: is VisualGrid there."""

from typing import Literal

from chassis.endpoint import Answer, Endpoints

endpoints = Endpoints("visualgrid")


class PingResponse(Answer):
    status: Literal["ok"] = "ok"


@endpoints.get("/ping", tenant=False)
async def visualgrid_ping() -> PingResponse:
    """Answer that VisualGrid is there."""
    return PingResponse()
