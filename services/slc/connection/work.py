"""Refreshing expiring tokens: the new pair is stored before it is used, one refresh of a channel at a time."""

from msgspec.structs import replace

from chassis.clock import later
from chassis.sealed import Sealed
from chassis.sealing import Sealer
from chassis.unit import Change, Units, View
from chassis.work.handle import Work
from chassis.work.queue import Continue, NoPayload, Workers
from services.slc.channel.store import CHANNEL_STATUS, CHANNELS, status_of
from services.slc.credential.access import ShopAccess
from services.slc.credential.domain import StoredCredential, fingerprint_of
from services.slc.credential.store import CREDENTIALS, TOKENS
from services.slc.lifecycle.standing import note_failure
from services.slc.shopify.errors import CredentialRefused
from services.slc.shopify.states import TokenPair

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
