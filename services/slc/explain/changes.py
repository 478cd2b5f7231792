"""What the next job would write for a variant, compared with what Shopify shows now: pure."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from chassis.clock import Utc
from services.slc.audit.domain import CHANGES_MAX, FieldChange
from services.slc.channel.domain import StoredChannel
from services.slc.explain.domain import Facts, Match, Unknown
from services.slc.shopify.states import LevelState
from services.slc.shopify.words import Gid
from services.slc.sync.fields import OtherCurrency, shown_product, shown_variant, tags_to_write
from services.slc.sync.plan import (
    Member,
    Mode,
    denies,
    metafield_plan,
    mode_of,
    new_fields,
    product_plan,
    source_of,
    variant_plan,
)
from services.slc.sync.plan import status_of as product_status
from services.slc.sync.quantities import forced_write, levels_of, settle
from services.slc.sync.recording import changes_of, created_changes, metafields_change
from services.slc.variant.domain import StoredVariant


def changes_of_next_job(facts: Facts) -> list[FieldChange]:
    """One change a field, of inventory one a location; what depends on a part that did not answer is left out."""
    listing, others, match, shop = facts.listing, facts.others, facts.match, facts.shop
    if isinstance(listing, Unknown) or isinstance(others, Unknown):
        return []
    if isinstance(match, Unknown) or isinstance(shop, Unknown) or match.outcome in {"none", "ambiguous"}:
        return []
    channel, row = facts.stored.channel, match.row
    if match.state is not None and match.state.requires_components:
        row = replace(row, pushed={**row.pushed, "bundle": True})
    member = Member(row=row, listing=listing)
    members = [*others, member]
    any_sold = any(each.is_sold for each in members)
    mode = mode_of(channel, member, any_sold=any_sold)
    try:
        found = _content(facts, match, member, members, shop.currency, mode)
    except OtherCurrency:
        # The job ends as refused before it writes anything for the variant.
        return []
    if channel.syncs("inventory") and mode != "leave":
        row = replace(row, pushed={**row.pushed, "mode": mode})
        found += _quantities(facts, row)
    return found[:CHANGES_MAX]


def _content(
    facts: Facts, match: Match, member: Member, members: list[Member], currency: str, mode: Mode
) -> list[FieldChange]:
    channel = facts.stored.channel
    any_sold = any(each.is_sold for each in members)
    product = _product(channel, match, members) if channel.type == "standard" else []
    metafields = _metafields(facts, match, member)
    if match.state is None:
        return [*product, *created_changes(new_fields(channel, member, currency)), *metafields]
    denied = denies(channel, member, mode, any_sold=any_sold)
    plan = variant_plan(channel, member, currency, denied=denied, shown=shown_variant(match.state))
    return [*product, *changes_of(plan.differs, plan.wanted), *metafields]


def _metafields(facts: Facts, match: Match, member: Member) -> list[FieldChange]:
    if isinstance(facts.metafields, Unknown):
        return []
    shown = facts.metafields if match.state is not None else None
    to_set, gone = metafield_plan(facts.stored.channel, member, shown)
    return [metafields_change(member.row.pushed.get("metafields", {}), to_set, gone)] if to_set or gone else []


def _product(channel: StoredChannel, match: Match, members: list[Member]) -> list[FieldChange]:
    """Fields and tags of the style's product."""
    source = source_of(members)
    tags = list(source.tags) if source is not None and channel.syncs("tags") else []
    if match.outcome == "new_product":
        wanted: dict[str, Any] = product_plan(channel, members, {}, {}, None).wanted
        wanted.setdefault("status", product_status(channel, members) or "ACTIVE")
        return created_changes({**wanted, **({"tags": tags} if tags else {})})
    pushed, answered, written = ({}, {}, []) if match.style is None else _written(match)
    shown = shown_product(match.state.product) if match.state is not None else None
    plan = product_plan(channel, members, pushed, answered, shown)
    found = list(changes_of(plan.differs, plan.wanted))
    there = match.state.product.tags if match.state is not None else None
    if source is not None and channel.syncs("tags") and any(tags_to_write(tags, written, there)):
        before = sorted(there) if there is not None else written
        found.append(FieldChange(field="tags", before=before, after=tags))
    return found


def _written(match: Match) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    assert match.style is not None
    return match.style.pushed, match.style.answered, match.style.tags


def _quantities(facts: Facts, row: StoredVariant) -> list[FieldChange]:
    levels, units = facts.levels, facts.units
    if isinstance(levels, Unknown) or isinstance(units, Unknown):
        return []
    channel, caught_up = facts.stored.channel, facts.stored.status.caught_up_utc
    found = []
    for level in levels_of(channel, row):
        shown = _available(levels, level.location_id)
        write = forced_write(channel, row, settle(level, caught_up), units, shown, Utc(facts.now))
        if write is not None:
            before, after = write
            found.append(FieldChange(field="inventory", location_id=level.location_id, before=before, after=after))
    return found


def _available(levels: Mapping[Gid, LevelState], location_id: Gid) -> int | None:
    return levels[location_id].available if location_id in levels else None
