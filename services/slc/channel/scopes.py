"""Which access scopes of Shopify a channel needs, by its type and config, and which of them are missing."""

from collections.abc import Collection

from services.slc.channel.config import ChannelConfig
from services.slc.words import ChannelType

READING = (
    "read_products",
    "read_inventory",
    "write_inventory",
    "read_locations",
    "read_orders",
    "read_merchant_managed_fulfillment_orders",
    "read_assigned_fulfillment_orders",
)


def needed_scopes(kind: ChannelType, config: ChannelConfig) -> list[str]:
    """The scopes a channel needs, sorted."""
    scopes = set(READING)
    if kind == "standard" or config.sync_fields != ["inventory"]:
        scopes.add("write_products")
    if kind == "standard" and config.publication_ids:
        scopes |= {"read_publications", "write_publications"}
    if config.fulfilment_push:
        scopes.add("write_merchant_managed_fulfillment_orders")
    return sorted(scopes)


def missing_scopes(kind: ChannelType, config: ChannelConfig, granted: Collection[str]) -> list[str]:
    """The scopes a channel needs and was not granted, sorted. `write_x` includes `read_x`."""
    held = set(granted)
    held |= {f"read_{scope.removeprefix('write_')}" for scope in granted if scope.startswith("write_")}
    return [scope for scope in needed_scopes(kind, config) if scope not in held]
