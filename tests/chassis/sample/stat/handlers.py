"""How the sample is, and two actions on one path."""

from chassis.caller import AUTHENTICATED
from chassis.endpoint import Answer, Endpoints, Request
from chassis.health import Health
from chassis.values import Text

endpoints = Endpoints("sample")


class StatAnswer(Answer):
    ok: bool


class SaidAnswer(Answer):
    said: str


class SayRequest(Request):
    word: Text


@endpoints.get("/stat", roles=[AUTHENTICATED], tenant=False)
async def sample_stat(health: Health) -> StatAnswer:
    """Whether all parts are up."""
    return StatAnswer(ok=all(part.ok for part in await health.parts()))


@endpoints.post("/do", action="ping", tenant=False)
async def sample_ping() -> SaidAnswer:
    """Answer."""
    return SaidAnswer(said="pong")


@endpoints.post("/do", action="say", roles=["sample_keeper"], body_bytes_max=200)
async def sample_say(body: SayRequest) -> SaidAnswer:
    """Say a word."""
    return SaidAnswer(said=body.word)
