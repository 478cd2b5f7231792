"""Setting and replacing the credentials of a channel."""

from typing import Annotated

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Endpoints, Revised
from chassis.entity import Value
from chassis.key_ring import KeyRing
from chassis.unit import Change, Units
from chassis.values import Id
from services.slc.channel.handlers import ChannelEnvelope
from services.slc.channel.store import CHANNELS, channel_answer
from services.slc.closing.store import refused_while_emptied
from services.slc.connection.storing import store_credentials
from services.slc.credential.access import ShopAccess
from services.slc.credential.domain import Given
from services.slc.lifecycle.revisions import channel_to_change
from services.slc.shopify.states import ShopFacts
from services.slc.words import MANAGE, SecretText

endpoints = Endpoints("slc")

Seconds = Annotated[int, Meta(ge=60, le=31_536_000)]


class CredentialsRotateRequest(Revised):
    channel_id: Id
    access_token: SecretText
    refresh_token: SecretText | None = None
    expires_in: Seconds | None = None
    refresh_token_expires_in: Seconds | None = None
    webhook_secret: SecretText | None = None

    def __repr__(self) -> str:
        return "CredentialsRotateRequest(…)"


class Tested(Value):
    """What the shop said of the token, and the key that fingerprints are made with."""

    facts: ShopFacts
    fingerprints: KeyRing


async def test_token(call: Call, body: CredentialsRotateRequest, units: Units, access: ShopAccess) -> Tested:
    """Try a token at the channel's shop. Raises `CredentialTestFailed`."""
    channel, _ = await channel_to_change(units, call, body.channel_id, body.expected_revision)
    facts = await access.tested_or_unreachable(call, channel, _given(body))
    return Tested(facts=facts, fingerprints=access.fingerprints)


@endpoints.post(
    "/slc",
    action="credentials/rotate",
    roles=MANAGE,
    emits=["slc.credentials.rotated", "slc.channel.resumed"],
    prepare=test_token,
    refusals={
        "credential-test-failed": "the test failed; details.check of reachable, accepted, shop, scopes; "
        "details.missing_scopes; the stored credential stays as it was. A shop that does not answer is check reachable "
        "here, 502 in every other action"
    },
)
@refused_while_emptied
async def slc_credentials_rotate(change: Change, body: CredentialsRotateRequest, prepared: Tested) -> ChannelEnvelope:
    """Set or replace the token of a channel's shop, after testing it there."""
    channel = await change.load(CHANNELS, body.channel_id, body.expected_revision)
    stored = await store_credentials(change, channel, _given(body), prepared.facts, prepared.fingerprints)
    return ChannelEnvelope(channel=await channel_answer(change, stored))


def _given(body: CredentialsRotateRequest) -> Given:
    return Given(
        kind="admin_token",
        access_token=body.access_token,
        refresh_token=body.refresh_token,
        expires_in=body.expires_in,
        refresh_token_expires_in=body.refresh_token_expires_in,
        webhook_secret=body.webhook_secret,
    )
