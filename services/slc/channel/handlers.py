"""The channel endpoints that need no shop. What each promises its callers is in the contract's slc.yaml."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.errors import NotFound
from chassis.page import PageLimit
from chassis.unit import Change, View
from chassis.values import Code, Id, Name, Token, Utc
from services.slc.channel.config import (
    ChannelConfig,
    MatchBy,
    OfflineEffect,
    OnRemove,
    OrderEffect,
    OrderTrigger,
    StockSource,
    default_config,
    with_config,
)
from services.slc.channel.domain import Channel, Credentials, FacilityBinding, StoredChannel, VariantTally
from services.slc.channel.store import (
    CHANNELS,
    channel_answer,
    channel_answers,
    insert_channel,
    list_channels,
)
from services.slc.closing.store import refused_while_emptied
from services.slc.settings import SlcSettings
from services.slc.words import (
    MANAGE,
    VIEW,
    AskedGid,
    ChannelState,
    ChannelType,
    Part,
    ShopDomain,
    SyncField,
    gid_of,
)

endpoints = Endpoints("slc")


class ChannelEnvelope(Answer):
    channel: Channel


class ChannelConfigRequest(Request):
    """Any fields of the config; those left out stay as they are, or get the defaults of the type."""

    pmc_channel_code: Code | None = None
    sync_fields: Annotated[list[SyncField], Meta(min_length=1, max_length=17)] | None = None
    match_by: MatchBy | None = None
    stock_source: StockSource | None = None
    stock_buffer: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    stock_cap: Annotated[int, Meta(ge=0, le=1_000_000)] | UnsetType | None = UNSET
    order_trigger: OrderTrigger | None = None
    order_effect: OrderEffect | None = None
    offline_effect: OfflineEffect | None = None
    on_remove: OnRemove | None = None
    drift_repair: bool | None = None
    watch_shop_edits: bool | None = None
    shadow: bool | None = None
    fulfilment_push: bool | None = None
    debounce_ms: Annotated[int, Meta(ge=0, le=60_000)] | None = None
    reserve_percent: Annotated[int, Meta(ge=0, le=90)] | None = None
    media_mode: Literal["create_only"] | None = None
    publication_ids: Annotated[list[AskedGid], Meta(max_length=20)] | None = None
    metafield_namespace: Name | None = None

    def given(self) -> dict[str, Any]:
        """The fields that were given, in their stored form. Raises `Invalid` for an id of another kind."""
        found = {name: getattr(self, name) for name in self.__struct_fields__ if name != "stock_cap"}
        found = {name: value for name, value in found.items() if value is not None}
        if self.stock_cap is not UNSET:
            found["stock_cap"] = self.stock_cap
        if self.publication_ids is not None:
            found["publication_ids"] = [
                gid_of("Publication", each, f"config.publication_ids.{place}")
                for place, each in enumerate(self.publication_ids)
            ]
        return found


class ChannelCreateRequest(Request):
    channel_code: Code
    name: Name
    type: ChannelType
    shop_domain: ShopDomain
    config: ChannelConfigRequest | None = None


async def api_version(call: Call, body: ChannelCreateRequest, settings: SlcSettings) -> str:
    """The version of Shopify's API that this process speaks."""
    del call, body
    return settings.slc_shopify_api_version


@endpoints.post(
    "/slc",
    action="channel/create",
    roles=MANAGE,
    idempotent=True,
    emits=["slc.channel.created"],
    prepare=api_version,
    refusals={
        "validation-error": "a config value the type does not allow (details.fields)",
        "conflict": "channel_code or shop_domain is taken in this org; details.field, details.channel_id",
    },
)
@refused_while_emptied
async def slc_channel_create(change: Change, body: ChannelCreateRequest, prepared: str) -> ChannelEnvelope:
    """Create a channel, inactive and without credentials."""
    defaults = default_config(body.type, body.channel_code)
    channel = StoredChannel(
        channel_id=change.new_id(),
        channel_code=body.channel_code,
        name=body.name,
        type=body.type,
        state="inactive",
        shop_domain=body.shop_domain.lower(),
        config=with_config(body.type, defaults, body.config.given() if body.config else {}),
    )
    stored = await insert_channel(change, channel, prepared)
    answer = await channel_answer(change, stored)
    change.emit("slc.channel.created", stored.channel_id, revision=stored.revision, channel=answer)
    return ChannelEnvelope(channel=answer)


class ChannelGetRequest(Request):
    channel_id: Id | None = None
    channel_code: Code | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        if (self.channel_id is None) == (self.channel_code is None):
            return [("channel_id", "exactly one of channel_id and channel_code is needed")]
        return ()


@endpoints.post("/slc", action="channel/get", roles=VIEW)
async def slc_channel_get(view: View, body: ChannelGetRequest) -> ChannelEnvelope:
    """Show a channel, by its id or its code."""
    if body.channel_id is not None:
        channel = await view.load(CHANNELS, body.channel_id)
    else:
        found = await view.lookup(CHANNELS, "channel_code", body.channel_code)
        if found is None:
            raise NotFound("there is no such channel")
        channel = found
    return ChannelEnvelope(channel=await channel_answer(view, channel))


class ChannelListRequest(Request):
    state: ChannelState | None = None
    type: ChannelType | None = None
    limit: PageLimit | None = None
    next_token: Token | None = None


class ChannelList(Listed[Channel]):
    """Channels, newest first."""


@endpoints.post("/slc", action="channel/list", roles=VIEW)
async def slc_channel_list(view: View, body: ChannelListRequest) -> ChannelList:
    """List the channels of the org, newest first."""
    page = await list_channels(view, body.state, body.type, body)
    answers = await channel_answers(view, page.items) if page.items else []
    return ChannelList(items=answers, count=page.count, next_token=page.next_token)


class ChannelExportRequest(Request):
    channel_id: Id


class ChannelExport(Part):
    """A channel's settings, to be posted to channel/create elsewhere. It never holds a secret."""

    format: Literal["retailstack.slc-channel/1"]
    exported_utc: Utc
    channel_code: Code
    name: Name
    type: ChannelType
    shop_domain: ShopDomain
    config: ChannelConfig
    facilities: Annotated[list[FacilityBinding], Meta(max_length=50)]
    credentials: Credentials
    variants: VariantTally


class ChannelExportEnvelope(Answer):
    export: ChannelExport


@endpoints.post("/slc", action="channel/export", roles=VIEW)
async def slc_channel_export(view: View, body: ChannelExportRequest) -> ChannelExportEnvelope:
    """Export the settings of a channel."""
    channel = await channel_answer(view, await view.load(CHANNELS, body.channel_id))
    same = ("channel_code", "name", "type", "shop_domain", "config", "facilities", "credentials", "variants")
    export = ChannelExport(
        format="retailstack.slc-channel/1",
        exported_utc=view.now,
        **{name: getattr(channel, name) for name in same},
    )
    return ChannelExportEnvelope(export=export)
