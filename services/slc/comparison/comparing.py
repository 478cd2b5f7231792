"""What differs between a variant as its shop shows it, and as it should be by PMC and ICS: pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chassis.entity import Value
from services.slc.channel.domain import StoredChannel
from services.slc.shopify.states import VariantState
from services.slc.shopify.words import Gid
from services.slc.sync.content import Units
from services.slc.sync.fields import metafields_of, same_text, shown_product, shown_variant, tags_to_write
from services.slc.sync.plan import Member, Mode, denies, mode_of, product_plan, source_of, variant_plan
from services.slc.sync.quantities import levels_of, plan_level, settle
from services.slc.variant.domain import StyleMap
from services.slc.variant.levels import wanted

VARIANT = "variant"
"""The field of the difference that a variant is gone."""


class Difference(Value):
    """A field that shows another value than it should."""

    field: str
    location_id: Gid | None = None
    expected: Any
    actual: Any


class Subject(Value):
    """A variant and everything it is compared by.

    members      all variants of its style, itself included
    style        what is known of the style's product, of standard channels
    is_first     whether differences of the product are told with this variant: once a style
    state        what the shop shows of it; None where it is gone
    levels       location -> units that the shop shows, None where the item is not stocked
    metafields   `namespace.key` -> value that the shop shows
    """

    member: Member
    members: Sequence[Member]
    style: StyleMap | None
    is_first: bool
    state: VariantState | None
    levels: Mapping[Gid, int | None]
    metafields: Mapping[str, str]


def differences(
    channel: StoredChannel, subject: Subject, currency: str, units: Units, caught_up_utc: str | None
) -> list[Difference]:
    """Every synced field but media, and every location, that differs. Raises `OtherCurrency`."""
    row, state = subject.member.row, subject.state
    if state is None:
        return [Difference(field=VARIANT, expected=row.shopify_variant_id, actual=None)]
    any_sold = any(each.is_sold for each in subject.members)
    mode = mode_of(channel, subject.member, any_sold=any_sold)
    denied = denies(channel, subject.member, mode, any_sold=any_sold)
    shown = shown_variant(state)
    plan = variant_plan(channel, subject.member, currency, denied=denied, shown=shown)
    found = _each(plan.differs, plan.wanted)
    if subject.is_first and channel.type == "standard" and subject.style is not None:
        found += _product(channel, subject.members, subject.style, state)
    return [*found, *_metafields(channel, subject), *_levels(channel, subject, mode, units, caught_up_utc)]


def _each(differs: Mapping[str, Any], wanted_values: Mapping[str, Any]) -> list[Difference]:
    return [Difference(field=name, expected=wanted_values[name], actual=shown) for name, shown in differs.items()]


def _product(
    channel: StoredChannel, members: Sequence[Member], style: StyleMap, state: VariantState
) -> list[Difference]:
    plan = product_plan(channel, members, style.pushed, style.answered, shown_product(state.product))
    found = _each(plan.differs, plan.wanted)
    source = source_of(members)
    if source is not None and channel.syncs("tags") and any(tags_to_write(source.tags, style.tags, state.product.tags)):
        found.append(Difference(field="tags", expected=sorted(source.tags), actual=sorted(state.product.tags)))
    return found


def _metafields(channel: StoredChannel, subject: Subject) -> Iterable[Difference]:
    content = subject.member.listing.content
    if content is None or not subject.member.row.included:
        return
    for key, (_, value) in metafields_of(content, channel.config).items():
        shown = subject.metafields.get(key)
        if not same_text(shown, value):
            yield Difference(field="metafields", expected=f"{key}={value}"[:512], actual=shown)


def _levels(
    channel: StoredChannel, subject: Subject, mode: Mode, units: Units, caught_up_utc: str | None
) -> Iterable[Difference]:
    row = subject.member.row
    if not channel.syncs("inventory") or mode == "leave" or row.pushed.get("mode") == "leave":
        return
    for level in levels_of(channel, row):
        if level.baseline is None and level.location_id not in channel.locations():
            continue
        settled = settle(level, caught_up_utc)
        plan = plan_level(channel, row, settled, units, reading=False)
        expected, shown = wanted(settled, plan.target), subject.levels.get(level.location_id)
        if shown != expected:
            yield Difference(field="inventory", location_id=level.location_id, expected=expected, actual=shown)
