"""Refreshing expiring tokens: the new pair is stored before it is used, one refresh of a channel at a time. And
looking after all channels once a maintenance window has ended."""

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import later
from chassis.gate import Gate
from chassis.jobs.orgs import within
from chassis.sealed import Sealed
from chassis.sealing import Sealer
from chassis.unit import Change, Units, View
from chassis.work.handle import Work
from chassis.work.queue import Continue, NoPayload, Workers
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNEL_STATUS, CHANNELS, open_channels, status_of
from services.slc.connection.checking import check
from services.slc.credential.access import ShopAccess
from services.slc.credential.domain import StoredCredential, fingerprint_of
from services.slc.credential.store import CREDENTIALS, TOKENS, WINDOWS, Restored
from services.slc.lifecycle.standing import note_failure
from services.slc.order.store import catch_up
from services.slc.settings import SlcSettings
from services.slc.shopify.errors import CredentialRefused
from services.slc.shopify.states import TokenPair

CHANNELS_AT_ONCE = 20
"""Channels that one run looks after."""

workers = Workers("slc")


@workers.on(TOKENS, concurrency=4)
async def refresh(units: Units, work: Work[NoPayload], access: ShopAccess, sealer: Sealer) -> Continue | None:
    """Refresh the token of a channel."""

    async def read(view: View) -> tuple[StoredCredential, str] | None:
        stored = await view.get(CREDENTIALS, work.key)
        if stored is None or stored.refresh_token is None:
            return None
        return stored, sealer.open(CREDENTIALS, stored, "refresh_token")

    found = await units.view(work.call, read)
    if found is None:
        return None
    stored, token = found
    try:
        pair = await access.shops.tokens.refresh(stored.shop_domain, token)
    except CredentialRefused as refusal:
        message = refusal.message

        async def fail(change: Change) -> None:
            channel = await change.get(CHANNELS, work.key)
            if channel is not None:
                await note_failure(change, channel, "expired", "credentials", message)

        await units.change(work.call, fail)
        return None

    async def keep(change: Change) -> None:
        known = await change.get(CREDENTIALS, work.key)
        if known is None or known.rotated_utc != stored.rotated_utc or known.access_token is None:
            # Replaced or erased meanwhile.
            return
        await store_pair(change, known, pair, fingerprint_of(pair.access_token, access.fingerprints))

    await units.change(work.call, keep)
    return None


async def store_pair(change: Change, known: StoredCredential, pair: TokenPair, fingerprint: str) -> None:
    """Store a refreshed pair; what is shown of the credentials follows."""
    after = replace(
        known,
        access_token=Sealed.of(pair.access_token),
        refresh_token=Sealed.of(pair.refresh_token) if pair.refresh_token else known.refresh_token,
        expires_utc=later(change.now, pair.expires_in) if pair.expires_in else None,
        refresh_expires_utc=later(change.now, pair.refresh_token_expires_in)
        if pair.refresh_token_expires_in
        else known.refresh_expires_utc,
    )
    await change.update(CREDENTIALS, after)
    status = await status_of(change, known.channel_id)
    shown = replace(
        status.credentials,
        fingerprint=fingerprint,
        expires_utc=after.expires_utc,
        refresh_expires_utc=after.refresh_expires_utc,
    )
    await change.update(CHANNEL_STATUS, replace(status, credentials=shown))


@workers.on(WINDOWS, concurrency=1)
async def restore(
    units: Units, work: Work[NoPayload], access: ShopAccess, settings: SlcSettings, gate: Gate
) -> Continue | None:
    """Make missing webhook subscriptions anew and catch up on orders, in every open channel."""
    so_far: Restored = work.progress or Restored()
    channels = await units.view(work.call, open_channels)
    left = sorted((each for each in channels if each.channel_id > so_far.channel_id), key=lambda each: each.channel_id)
    for channel in left[:CHANNELS_AT_ONCE]:
        if not gate.is_closed_for(channel.orgcode):
            await _restored(units, within(work.call, channel.orgcode), channel, access, settings)
    if len(left) <= CHANNELS_AT_ONCE:
        return None

    async def keep(change: Change) -> None:
        await work.checkpoint(change, Restored(channel_id=left[CHANNELS_AT_ONCE - 1].channel_id))

    await units.change(work.call, keep)
    return Continue()


async def _restored(
    units: Units, call: Call, channel: StoredChannel, access: ShopAccess, settings: SlcSettings
) -> None:
    async def write(change: Change) -> None:
        await catch_up(change, channel.channel_id)

    await check(units, call, channel, access, settings)
    await units.change(call, write)
