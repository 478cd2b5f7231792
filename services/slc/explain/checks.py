"""The ten checks, always in this order: pure."""

from services.slc.channel.scopes import missing_scopes
from services.slc.explain.domain import CheckName, ExplainCheck, Facts, Unknown
from services.slc.sync.fields import OtherCurrency, variant_fields
from services.slc.words import clipped

OFFLINE: dict[str, str] = {
    "draft": "quantities are 0; once no variant of the style is online, the product becomes a draft",
    "zero_stock": "quantities are 0, and the shop must not sell beyond them",
    "none": "quantities are 0 while others of the style are online; else the shop is left as it is",
}
MATCHED: dict[str, str] = {
    "mapped": "its map holds",
    "found": "the shop has one variant that equals it",
    "new_variant": "it would be created in the product of its style",
    "new_product": "the product of its style would be created",
    "none": "the shop has no variant that equals it",
}


def checks_of(facts: Facts) -> list[ExplainCheck]:
    """What may stand in the way of the variant's sync."""
    return [
        _included(facts),
        _channel_active(facts),
        _listing(facts),
        _publishable(facts),
        _match(facts),
        _tracked(facts),
        _stocked(facts),
        _scopes(facts),
        _currency(facts),
        _open_write(facts),
    ]


def _said(check: CheckName, ok: bool | None, message: str) -> ExplainCheck:
    return ExplainCheck(check=check, ok=ok, message=clipped(message))


def _included(facts: Facts) -> ExplainCheck:
    row = facts.stored.row
    ok = row is not None and row.included
    return _said("included", ok, "the variant is on the list" if ok else "the variant is not on the list")


def _channel_active(facts: Facts) -> ExplainCheck:
    channel = facts.stored.channel
    message = f"the channel is {channel.state}"
    if channel.pause is not None:
        message += f" by the {channel.pause.by}, code {channel.pause.code}, since {channel.pause.since_utc}"
    return _said("channel_active", channel.state == "active", message)


def _listing(facts: Facts) -> ExplainCheck:
    if isinstance(facts.listing, Unknown):
        return _said("listing", None, facts.listing.why)
    code = facts.stored.channel.config.pmc_channel_code
    ok = facts.listing.content is not None
    return _said("listing", ok, f"PMC serves {'content' if ok else 'nothing'} for it in channel {code}")


def _publishable(facts: Facts) -> ExplainCheck:
    if isinstance(facts.listing, Unknown):
        return _said("publishable", None, facts.listing.why)
    if facts.listing.content is None:
        return _said("publishable", None, "there is no listing that could be online")
    if facts.listing.online:
        return _said("publishable", True, "the listing is online")
    effect = facts.stored.channel.config.offline_effect
    return _said("publishable", False, f"the listing is offline; offline_effect {effect}: {OFFLINE[effect]}")


def _match(facts: Facts) -> ExplainCheck:
    match = facts.match
    if isinstance(match, Unknown):
        return _said("match", None, match.why)
    if match.outcome == "ambiguous":
        return _said("match", False, f"the search finds several: {', '.join(match.candidates)}")
    return _said("match", match.outcome != "none", MATCHED[match.outcome])


def _tracked(facts: Facts) -> ExplainCheck:
    match = facts.match
    if not facts.stored.channel.syncs("inventory"):
        return _said("tracked", True, "inventory is not synced")
    if isinstance(match, Unknown):
        return _said("tracked", None, match.why)
    if match.state is None:
        created = match.outcome in {"new_variant", "new_product"}
        message = "it would be created as tracked" if created else "there is no Shopify variant to look at"
        return _said("tracked", True if created else None, message)
    if match.state.requires_components:
        return _said("tracked", False, "the shop makes it of components, so its quantity is never written")
    tracked = match.state.inventory_item.tracked
    return _said("tracked", True, "the item is tracked" if tracked else "the item would be set to tracked")


def _stocked(facts: Facts) -> ExplainCheck:
    channel = facts.stored.channel
    if not channel.syncs("inventory"):
        return _said("stocked", True, "inventory is not synced")
    if isinstance(facts.locations, Unknown):
        return _said("stocked", None, facts.locations.why)
    if isinstance(facts.levels, Unknown):
        return _said("stocked", None, facts.levels.why)
    bound = channel.locations()
    closed = [each for each in bound if each not in facts.locations]
    if closed:
        return _said("stocked", False, f"not active in the shop: {', '.join(closed)}")
    if any(not each.exists for each in facts.levels.values()):
        return _said("stocked", False, "the inventory item is gone")
    missing = [each for each in bound if each not in facts.levels or facts.levels[each].available is None]
    if missing:
        return _said("stocked", True, f"the item would be stocked at {', '.join(missing)}")
    return _said("stocked", True, "the item is stocked at every bound location")


def _scopes(facts: Facts) -> ExplainCheck:
    if isinstance(facts.shop, Unknown):
        return _said("scopes", None, facts.shop.why)
    channel = facts.stored.channel
    missing = missing_scopes(channel.type, channel.config, facts.shop.scopes)
    message = f"not granted: {', '.join(missing)}" if missing else "every scope that is needed is granted"
    return _said("scopes", not missing, message)


def _currency(facts: Facts) -> ExplainCheck:
    channel = facts.stored.channel
    if not channel.syncs("price") and not channel.syncs("cost"):
        return _said("currency", True, "neither price nor cost is synced")
    if isinstance(facts.listing, Unknown):
        return _said("currency", None, facts.listing.why)
    if isinstance(facts.shop, Unknown):
        return _said("currency", None, facts.shop.why)
    if facts.listing.content is None:
        return _said("currency", None, "there is no listing with amounts")
    try:
        variant_fields(facts.listing.content, channel.config, facts.shop.currency)
    except OtherCurrency as problem:
        return _said("currency", False, str(problem))
    return _said("currency", True, f"the amounts are in {facts.shop.currency}, the shop's currency")


def _open_write(facts: Facts) -> ExplainCheck:
    if facts.stored.writes:
        since = min(each.stored_utc for each in facts.stored.writes)
        return _said("open_write", False, f"a write without an outcome holds its levels since {since}")
    if facts.stored.postings:
        since = min(each.stored_utc for each in facts.stored.postings)
        return _said("open_write", False, f"a posting that ICS has not answered holds its levels since {since}")
    return _said("open_write", True, "nothing holds its levels")
