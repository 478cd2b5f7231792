"""Trying whether the credentials of a channel still work, and making what the shop has forgotten of it anew."""

from msgspec.structs import replace

from chassis.caller import Call
from chassis.unit import Change, Units, View
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNEL_STATUS, CHANNELS, status_of
from services.slc.credential.access import ShopAccess
from services.slc.credential.domain import CredentialTestFailed, check_facts
from services.slc.lifecycle.standing import healthy_again, note_failure
from services.slc.lifecycle.webhooks import subscribe, webhook_address
from services.slc.settings import SlcSettings
from services.slc.shopify.errors import CredentialRefused, ShopFailed, ShopRefused, ShopUnavailable
from services.slc.shopify.states import ShopFacts


async def check(
    units: Units, call: Call, channel: StoredChannel, access: ShopAccess, settings: SlcSettings
) -> dict[str, int]:
    """Try the credentials of one channel; what is to be counted."""

    async def has_token(view: View) -> bool:
        return (await status_of(view, channel.channel_id)).credentials.present

    if not await units.view(call, has_token):
        return {}
    try:
        restored, topics = 0, None
        async with access.counted(call, channel) as shop:
            facts = await shop.account.probe()
            check_facts(channel, facts)
            if channel.is_open:
                topics, restored = await subscribe(shop, webhook_address(settings), channel.config)
    except (CredentialRefused, CredentialTestFailed, ShopUnavailable) as failure:
        return await _failed(units, call, channel.channel_id, failure)
    except (ShopFailed, ShopRefused):
        return {"checked": 1, "failing": 1}
    return await _healthy(units, call, channel.channel_id, facts, topics, restored)


async def _failed(
    units: Units, call: Call, channel_id: str, failure: CredentialRefused | CredentialTestFailed | ShopUnavailable
) -> dict[str, int]:
    async def write(change: Change) -> dict[str, int]:
        channel = await change.get(CHANNELS, channel_id)
        if channel is None:
            return {}
        if isinstance(failure, ShopUnavailable):
            after = await note_failure(change, channel, "unreachable", "shop_unavailable", failure.message)
        elif isinstance(failure, CredentialRefused):
            after = await note_failure(change, channel, "refused", "credentials", failure.message)
        else:
            is_other = failure.details.get("check") == "shop"
            code = "shop_mismatch" if is_other else "scopes_missing"
            after = await note_failure(change, channel, code, "credentials", failure.message)  # type: ignore[arg-type]
        word = "revoked" if isinstance(failure, CredentialRefused) else "failing"
        return {"checked": 1, word: 1, "paused": int(after.state != channel.state)}

    return await units.change(call, write)


async def _healthy(
    units: Units, call: Call, channel_id: str, facts: ShopFacts, topics: list[str] | None, restored: int
) -> dict[str, int]:
    async def write(change: Change) -> dict[str, int]:
        channel = await change.get(CHANNELS, channel_id)
        if channel is None:
            return {}
        status = await status_of(change, channel_id)
        known = status.credentials
        shown = replace(known, health="healthy", scopes=sorted(facts.scopes)[:64], checked_utc=change.now, failure=None)
        webhooks = status.webhooks if topics is None else topics
        await change.update(CHANNEL_STATUS, replace(status, credentials=shown, webhooks=webhooks))
        if known.health != "healthy":
            change.emit("slc.credentials.recovered", channel_id, revision=channel.revision, channel_id=channel_id)
        after = await healthy_again(change, channel)
        resumed = int(after.state != channel.state)
        return {"checked": 1, "healthy": 1, "resumed": resumed, "webhooks_restored": restored}

    return await units.change(call, write)
