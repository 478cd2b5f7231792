"""The rules of a channel: what is synced, how, and what its type allows."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta
from msgspec.structs import replace

from chassis.errors import FieldProblem, invalid_fields
from chassis.values import Code, Name
from services.slc.words import ChannelType, Gid, Part, SyncField

MatchBy = Literal["sku", "barcode", "sku_then_barcode", "none"]
StockSource = Literal["promisable", "atp", "available"]
OrderTrigger = Literal["created", "paid"]
OrderEffect = Literal["commit", "ship"]
OfflineEffect = Literal["draft", "zero_stock", "none"]
OnRemove = Literal["archive", "zero_stock", "leave"]

STANDARD_FIELDS: tuple[SyncField, ...] = get_args(SyncField)
CUSTOM_FIELDS: tuple[SyncField, ...] = ("price", "inventory", "cost", "barcode", "metafields")

RESYNCED = frozenset(
    {
        "pmc_channel_code",
        "sync_fields",
        "match_by",
        "stock_source",
        "stock_buffer",
        "stock_cap",
        "offline_effect",
    }
)
"""Config fields whose change concerns every included variant."""


class ChannelConfig(Part):
    """The rules a channel is synced by. `debounce_ms` is in milliseconds, `reserve_percent` of the shop's bucket."""

    pmc_channel_code: Code
    sync_fields: Annotated[list[SyncField], Meta(min_length=1, max_length=17)]
    match_by: MatchBy
    stock_source: StockSource
    stock_buffer: Annotated[int, Meta(ge=0, le=1_000_000)]
    stock_cap: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    order_trigger: OrderTrigger
    order_effect: OrderEffect
    offline_effect: OfflineEffect
    on_remove: OnRemove
    drift_repair: bool
    watch_shop_edits: bool
    shadow: bool
    fulfilment_push: bool
    debounce_ms: Annotated[int, Meta(ge=0, le=60_000)]
    reserve_percent: Annotated[int, Meta(ge=0, le=90)]
    media_mode: Literal["create_only"]
    publication_ids: Annotated[list[Gid], Meta(max_length=20)]
    metafield_namespace: Name


def default_config(kind: ChannelType, channel_code: str) -> ChannelConfig:
    """The config of a new channel of this type."""
    standard = kind == "standard"
    return ChannelConfig(
        pmc_channel_code=channel_code,
        sync_fields=list(STANDARD_FIELDS if standard else CUSTOM_FIELDS),
        match_by="sku",
        stock_source="promisable",
        stock_buffer=0,
        order_trigger="created",
        order_effect="commit",
        offline_effect="draft" if standard else "zero_stock",
        on_remove="archive" if standard else "leave",
        drift_repair=True,
        watch_shop_edits=True,
        shadow=False,
        fulfilment_push=False,
        debounce_ms=1000,
        reserve_percent=20,
        media_mode="create_only",
        publication_ids=[],
        metafield_namespace="retailstack",
    )


def with_config(kind: ChannelType, before: ChannelConfig, given: Mapping[str, Any]) -> ChannelConfig:
    """The config with these fields replaced. Raises `Invalid`, naming every value that the type does not allow."""
    after = replace(before, **given)
    problems = [FieldProblem(f"config.{field}", problem) for field, problem in _config_problems(kind, after)]
    if problems:
        raise invalid_fields(problems)
    return after


def _config_problems(kind: ChannelType, config: ChannelConfig) -> Iterator[tuple[str, str]]:
    if len(set(config.sync_fields)) < len(config.sync_fields):
        yield "sync_fields", "names a field twice"
    if len(set(config.publication_ids)) < len(config.publication_ids):
        yield "publication_ids", "names a publication twice"
    if kind == "standard":
        return
    if refused := sorted(set(config.sync_fields) - set(CUSTOM_FIELDS)):
        yield "sync_fields", f"a custom channel does not sync {', '.join(refused)}"
    if config.match_by == "none":
        yield "match_by", "a custom channel needs sku, barcode or sku_then_barcode"
    if config.offline_effect == "draft":
        yield "offline_effect", "a custom channel needs zero_stock or none"
    if config.on_remove == "archive":
        yield "on_remove", "a custom channel needs zero_stock or leave"
    if config.publication_ids:
        yield "publication_ids", "a custom channel does not publish"


def concerns_all(changed: list[str]) -> bool:
    """Whether these changes of the config concern every included variant."""
    return any(each.removeprefix("config.") in RESYNCED for each in changed if each.startswith("config."))
