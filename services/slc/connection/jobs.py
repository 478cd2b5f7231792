"""Keeping credentials good: refreshing tokens before their end, and looking every day whether each still works."""

from collections import Counter

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
from services.slc.channel.store import every_channel
from services.slc.connection.checking import check
from services.slc.credential.access import ShopAccess
from services.slc.credential.domain import REFRESH_SECONDS, StoredCredential
from services.slc.credential.store import CREDENTIALS, TOKENS, expiring_before
from services.slc.lifecycle.store import OAUTH_STATES
from services.slc.settings import SlcSettings

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
