"""Storing credentials that have passed their test."""

from msgspec.structs import replace

from chassis.key_ring import KeyRing
from chassis.unit import Change
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNEL_STATUS, CHANNELS, status_of
from services.slc.credential.domain import Given, check_facts, fingerprint_of, shown, stored_of
from services.slc.credential.store import CREDENTIALS
from services.slc.lifecycle.standing import healthy_again
from services.slc.shopify.states import ShopFacts


async def store_credentials(
    change: Change, channel: StoredChannel, given: Given, facts: ShopFacts, fingerprints: KeyRing
) -> StoredChannel:
    """Store tested credentials of a channel; a pause of the system for credentials ends. The channel after."""
    check_facts(channel, facts)
    before = await change.get(CREDENTIALS, channel.channel_id)
    stored = stored_of(channel, given, before, change.now)
    if before is None:
        await change.insert(CREDENTIALS, stored)
    else:
        await change.update(CREDENTIALS, stored)
    fingerprint = fingerprint_of(given.access_token, fingerprints)
    status = await status_of(change, channel.channel_id)
    credentials = shown(stored, facts, fingerprint, change.now)
    await change.update(CHANNEL_STATUS, replace(status, credentials=credentials))
    rotated = replace(channel, credentials_rotated=channel.credentials_rotated + 1)
    channel = await change.update(CHANNELS, rotated)
    change.emit(
        "slc.credentials.rotated",
        channel.channel_id,
        revision=channel.revision,
        channel_id=channel.channel_id,
        fingerprint=fingerprint,
        kind=given.kind,
    )
    return await healthy_again(change, channel)
