"""Keeping credentials good: refreshing tokens before their end, and looking every day whether each still works."""

from collections import Counter

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc, later
from chassis.entity import Value
from chassis.gate import Gate
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.jobs.rewrap import declare_rewrap
from chassis.unit import Change, Units, View
from chassis.values import Count, Id, Orgcode
from chassis.work.store import enqueue
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNEL_STATUS, CHANNELS, every_channel, status_of
from services.slc.credential.access import ShopAccess
from services.slc.credential.domain import REFRESH_SECONDS, CredentialTestFailed, StoredCredential, check_facts
from services.slc.credential.store import CREDENTIALS, TOKENS, expiring_before
from services.slc.lifecycle.standing import healthy_again, note_failure
from services.slc.lifecycle.store import OAUTH_STATES
from services.slc.lifecycle.webhooks import subscribe, webhook_address
from services.slc.settings import SlcSettings
from services.slc.shopify.errors import CredentialRefused, ShopFailed, ShopRefused, ShopUnavailable
from services.slc.shopify.states import ShopFacts

CHECK_HOUR = 6
REFRESH_EVERY_SECONDS = 60

jobs = Jobs("slc")
declare_rewrap(jobs, CREDENTIALS, OAUTH_STATES, name="rewrap_credentials")


async def refreshable(view: View) -> list[StoredCredential]:
    """Credentials of all orgs whose token ends soon and can be refreshed."""
    found = await expiring_before(view, later(view.now, REFRESH_SECONDS))
    return [each for each in found if each.refresh_token is not None]


async def first_refresh(view: View) -> Utc | None:
    """The time of the call if a token is to be refreshed."""
    return view.now if await refreshable(view) else None


class RefreshAnswer(Value):
    """How many tokens are refreshed."""

    enqueued: Count


@jobs.every(seconds=REFRESH_EVERY_SECONDS, name="token_refresh", due=first_refresh)
async def token_refresh(units: Units, call: Call, params: NoParams) -> RefreshAnswer:
    """Refresh expiring tokens ten minutes before their end."""
    del params
    due = await units.view(call, refreshable)
    for each in due:

        async def write(change: Change, channel_id: str = each.channel_id) -> None:
            await enqueue(change, TOKENS, channel_id)

        await units.change(within(call, each.orgcode), write)
    return RefreshAnswer(enqueued=len(due))


class HealthParams(Value):
    """Which channels: all, those of an org, or one."""

    orgcode: Orgcode | None = None
    channel_id: Id | None = None


class HealthAnswer(Value):
    """What was found, counted in channels; `webhooks_restored` in subscriptions."""

    checked: Count = 0
    healthy: Count = 0
    failing: Count = 0
    revoked: Count = 0
    refreshed: Count = 0
    paused: Count = 0
    resumed: Count = 0
    webhooks_restored: Count = 0


@jobs.daily(hour=CHECK_HOUR, name="SlcCredentialHealth", params=HealthParams)
async def credential_health(
    units: Units, call: Call, params: HealthParams, access: ShopAccess, settings: SlcSettings, gate: Gate
) -> HealthAnswer:
    """Try the credentials of every channel, and make missing webhook subscriptions anew."""

    async def read(view: View) -> list[StoredChannel]:
        return await every_channel(view)

    counted: Counter[str] = Counter()
    for channel in await units.view(call, read):
        is_asked = params.orgcode in {None, channel.orgcode} and params.channel_id in {None, channel.channel_id}
        if is_asked and not gate.is_closed_for(channel.orgcode):
            counted.update(await check(units, within(call, channel.orgcode), channel, access, settings))
    return HealthAnswer(**counted)


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
