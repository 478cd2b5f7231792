"""Storage of credentials, sealed, and the queue of tokens to refresh."""

from chassis.clock import Utc
from chassis.entity import ONE_SHARD, Entity, Value, edge, index
from chassis.unit import View, between
from chassis.work.queue import NoPayload, WorkQueue
from services.slc.credential.domain import StoredCredential

SHOP_CREDENTIALS_MAX = 1000
EXPIRING_MAX = 500

CREDENTIALS = Entity(
    "credential",
    StoredCredential,
    collection="slc_credentials",
    id="channel_id",
    shard_key=ONE_SHARD,
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}#CREDENTIAL"),
    label="shop_domain",
    indexes=[
        index("channel_id", name="org"),
        index("shop_domain", name="shop", every_org=True),
        index("expires_utc", name="expiring", every_org=True),
    ],
    edges=[edge("of", to="channel", by="channel_id")],
    history=False,
)

TOKENS: WorkQueue[NoPayload] = WorkQueue("slc", "tokens", delay_seconds_max=60.0)
"""Channels whose token is to be refreshed, one refresh of a channel at a time: key `<channel_id>`."""


class Restored(Value):
    """How far the channels are looked after: the last one done."""

    channel_id: str = ""


WINDOWS: WorkQueue[NoPayload] = WorkQueue("slc", "windows", progress=Restored)
"""What is to be done in all channels after a maintenance window: key `ended`, of no org."""


async def credentials_of_shop(view: View, shop_domain: str) -> list[StoredCredential]:
    """The credentials of a shop in all orgs. Index: shop."""
    return await view.every_org().find(CREDENTIALS, {"shop_domain": shop_domain}, limit=SHOP_CREDENTIALS_MAX)


async def expiring_before(view: View, moment: Utc) -> list[StoredCredential]:
    """Credentials of all orgs whose token ends before this time. Index: expiring."""
    where = {"expires_utc": between(at_least="0", at_most=moment)}
    return await view.every_org().find(CREDENTIALS, where, order=("expires_utc",), limit=EXPIRING_MAX)
