"""Storage of webhooks taken in and of OAuth's one-time states, which end with their channel; the queue of erasures."""

from typing import Literal

from chassis.clock import Utc
from chassis.entity import ONE_SHARD, Document, Entity, Expiring, edge, expires_at, expiring, index
from chassis.sealed import Sealed
from chassis.work.queue import NoPayload, WorkQueue


class Doorbell(Document, omit_defaults=True):
    """A webhook as it was taken in: ids, and of inventory_levels/update the quantity; nothing else of its content."""

    row_id: str
    webhook_id: str
    orgcode: str = ""
    channel_id: str
    topic: str
    shop_domain: str
    resource_id: str
    location_id: str | None = None
    available: int | None = None
    triggered_utc: Utc | None = None
    received_utc: Utc


class OauthState(Expiring, omit_defaults=True):
    """A one-time state, or a claim to a token that was obtained without a channel.

    digest       SHA-256 of the state or claim, which itself is kept nowhere
    kind         channel: of oauth/install-url; shop: of GET /slc; claim: holds a tested token
    asked_kind   user or key: who asked for the address; the token is stored on the channel if they may manage it still
    asked_by     their actor
    """

    digest: str
    orgcode: str = ""
    channel_id: str = ""
    kind: Literal["channel", "shop", "claim"]
    shop_domain: str
    asked_kind: str = ""
    asked_by: str = ""
    access_token: Sealed | None = None
    refresh_token: Sealed | None = None
    expires_in: int | None = None
    refresh_token_expires_in: int | None = None
    obtained_utc: Utc | None = None


DOORBELLS = Entity(
    "webhook",
    Doorbell,
    collection="slc_webhook_inbox",
    id="row_id",
    shard_key=("orgcode", "channel_id", "row_id"),
    keys=("ORG#{orgcode}", "WEBHOOK#{row_id}"),
    label="topic",
    indexes=[index("channel_id", "row_id", name="channel"), index("received_utc", name="age", every_org=True)],
    edges=[edge("of", to="channel", by="channel_id")],
    history=False,
)
OAUTH_STATES = Entity(
    "oauth",
    OauthState,
    collection="slc_oauth",
    id="digest",
    shard_key=ONE_SHARD,
    keys=("STACK", "OAUTH#{digest}"),
    label="shop_domain",
    indexes=[index("orgcode", name="org"), index("channel_id", name="channel"), expiring("expires_at")],
    edges=[edge("of", to="channel", by="channel_id")],
    derived={"expires_at": expires_at},
    org_scoped=False,
    history=False,
)

ERASURES: WorkQueue[NoPayload] = WorkQueue("slc", "erasures", attempts_max=100)
"""What deleted channels left behind: key `<channel_id>`, or `maps/<channel_id>` for maps, baselines and orders."""
