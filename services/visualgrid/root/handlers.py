"""Signing in: a root token for the secret code."""

import os
from typing import Annotated

from msgspec import Meta

from chassis.caller import Call, public_peer
from chassis.clock import Clock, Utc
from chassis.endpoint import Answer, Endpoints, Request
from chassis.rpc.client import Channels
from chassis.unit import Change, Units
from services.visualgrid.root.domain import TOKEN_BYTES, TOKEN_SECONDS, kept_of, token_from
from services.visualgrid.root.store import ROOT_TOKENS

endpoints = Endpoints("visualgrid", "/root")

CODE_LENGTH_MAX = 512
REFUSALS = {
    "unauthorized": "the code is wrong, empty or missing (one answer for all)",
    "invalid-input": "an unknown field, no text, or over 512 characters; this is no attempt",
    "throttled": "5 wrong codes from one address within 15 minutes",
    "maintenance-active": "OPS cannot be asked",
}


class RootAuthRequest(Request):
    # An empty one is answered as a wrong one.
    secret_code: Annotated[str, Meta(max_length=CODE_LENGTH_MAX, extra_json_schema={"minLength": 1})] | None = None


class RootAuthResponse(Answer):
    token: str
    expires_utc: Utc
    ttl_seconds: int


@endpoints.post("/auth", tenant=False, refusals=REFUSALS)
async def visualgrid_root_auth(
    call: Call, units: Units, clock: Clock, channels: Channels, body: RootAuthRequest
) -> RootAuthResponse:
    """Give a root token for the secret code; OPS checks the code and counts failures."""
    verdict = await channels.check_secret(body.secret_code or "", public_peer(call.peer))
    verdict.insist()
    token = token_from(os.urandom(TOKEN_BYTES))
    kept = kept_of(token, verdict.code_id, clock.now())

    async def keep(change: Change) -> None:
        await change.insert(ROOT_TOKENS, kept)

    await units.change(call, keep)
    return RootAuthResponse(token=token, expires_utc=kept.expires_utc, ttl_seconds=TOKEN_SECONDS)
