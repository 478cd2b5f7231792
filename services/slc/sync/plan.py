"""What differs and what to do about it, for the content of one variant and of the product it is part of: pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import UNSET

from chassis.entity import Value
from services.slc.channel.domain import StoredChannel
from services.slc.shopify.inputs import (
    FileInput,
    ItemInput,
    MeasurementInput,
    MetafieldInput,
    NewProduct,
    NewVariant,
    OptionDefinition,
    OptionInput,
    OptionName,
    ProductChange,
    VariantChange,
)
from services.slc.shopify.words import Gid, ProductStatus, Seo, Weight
from services.slc.sync.content import ListedContent, VariantListing
from services.slc.sync.fields import (
    Fields,
    differing,
    metafields_of,
    options_of,
    product_fields,
    same_text,
    variant_fields,
)
from services.slc.variant.domain import StoredVariant

Mode = Literal["sell", "zero", "leave"]
"""What is done about a variant's quantities: the target is written, 0 is written, or nothing is."""

STYLE_KEY = "style_id"
MEDIA: Mapping[str, Literal["IMAGE", "VIDEO", "MODEL_3D"]] = {"image": "IMAGE", "video": "VIDEO", "model": "MODEL_3D"}


class Member(Value):
    """One variant of a style: its row, and what PMC shows of it."""

    row: StoredVariant
    listing: VariantListing

    @property
    def is_sold(self) -> bool:
        """Whether it is on the list and online."""
        return self.row.included and self.listing.online


def mode_of(channel: StoredChannel, member: Member, *, any_sold: bool) -> Mode:
    """What is done about a variant's quantities. `any_sold`: some variant of its style is on the list and online."""
    config = channel.config
    if member.row.pushed.get("bundle"):
        return "leave"
    if not member.row.included:
        return "leave" if config.on_remove == "leave" else "zero"
    if member.listing.online:
        return "sell"
    return "leave" if not any_sold and config.offline_effect == "none" else "zero"


def denies(channel: StoredChannel, member: Member, mode: Mode, *, any_sold: bool) -> bool:
    """Whether the shop must not sell the variant beyond its quantity."""
    by_draft = member.row.included and not any_sold and channel.config.offline_effect == "draft"
    return mode == "zero" and not by_draft


def status_of(channel: StoredChannel, members: Sequence[Member]) -> ProductStatus | None:
    """The status that the product should have; None: it stays as it is."""
    included = [each for each in members if each.row.included]
    if any(each.is_sold for each in included):
        return "ACTIVE" if channel.syncs("status") else None
    if not included:
        return "ARCHIVED" if channel.config.on_remove == "archive" else None
    return "DRAFT" if channel.config.offline_effect == "draft" and channel.syncs("status") else None


def source_of(members: Iterable[Member]) -> ListedContent | None:
    """The content that the product's own fields come from: of the first variant online, else of the first."""
    served = [each for each in members if each.row.included and each.listing.content is not None]
    served.sort(key=lambda each: (not each.listing.online, each.listing.content.variant_code))  # type: ignore[union-attr]
    return served[0].listing.content if served else None


class VariantPlan(Value):
    """What a variant should show, and how that differs: field -> what is there now."""

    wanted: Fields
    differs: Fields


def variant_plan(
    channel: StoredChannel, member: Member, currency: str, *, denied: bool, shown: Fields | None
) -> VariantPlan:
    """The plan for a mapped variant. Raises `OtherCurrency`."""
    content = member.listing.content if member.row.included else None
    wanted: Fields = variant_fields(content, channel.config, currency) if content is not None else {}
    if denied:
        wanted["policy"] = "DENY"
    return VariantPlan(wanted=wanted, differs=differing(wanted, member.row.pushed, member.row.answered, shown))


def new_fields(channel: StoredChannel, member: Member, currency: str) -> Fields:
    """The fields of a variant that is created. Raises `OtherCurrency`."""
    content = member.listing.content
    assert content is not None, member.row.variant_id
    return {"options": options_of(content), **variant_fields(content, channel.config, currency), "policy": "DENY"}


def metafield_plan(
    channel: StoredChannel, member: Member, shown: Mapping[str, str] | None = None
) -> tuple[dict[str, list[str]], list[str]]:
    """Metafields to set, and the keys of those to delete because PMC has them no more.

    `shown`: what the shop shows, if that is what counts; else the pushed snapshot does.
    """
    content = member.listing.content if member.row.included else None
    if content is None or not channel.syncs("metafields"):
        return {}, []
    wanted, written = metafields_of(content, channel.config), member.row.pushed.get("metafields", {})
    if shown is None:
        to_set = {key: value for key, value in wanted.items() if written.get(key) != value}
    else:
        to_set = {key: value for key, value in wanted.items() if not same_text(shown.get(key), value[1])}
    return to_set, sorted(set(written) - set(wanted))


def variant_change(variant_id: Gid | None, differs: Iterable[str], wanted: Fields) -> VariantChange:
    """The input that sets these fields."""
    given: dict[str, Any] = {}
    item: dict[str, Any] = {}
    for name in differs:
        value = wanted[name]
        match name:
            case "options":
                given["option_values"] = options_input(value)
            case "policy":
                given["inventory_policy"] = value
            case "sku" | "cost":
                item[name] = value
            case "weight":
                item["measurement"] = MeasurementInput(weight=Weight(value=value[0], unit=value[1]))
            case _:
                given[name] = value
    if item:
        given["inventory_item"] = ItemInput(**item)
    return VariantChange(id=variant_id or UNSET, **given)


def options_input(options: Sequence[Sequence[str]]) -> tuple[OptionInput, ...]:
    """The values of a variant's options."""
    return tuple(OptionInput(option_name=name, name=value) for name, value in options)


def product_change(product_id: Gid, differs: Iterable[str], wanted: Fields) -> ProductChange:
    """The input that sets these fields of a product."""
    given: dict[str, Any] = {}
    for name in differs:
        value = wanted[name]
        match name:
            case "caption":
                given["description_html"] = value
            case "seo":
                given["seo"] = Seo(title=value[0], description=value[1])
            case "handle":
                given["handle"], given["redirect_new_handle"] = value, True
            case _:
                given[name] = value
    return ProductChange(id=product_id, **given)


def product_plan(
    channel: StoredChannel, members: Sequence[Member], pushed: Fields, answered: Fields, shown: Fields | None
) -> VariantPlan:
    """What the product should show, and how that differs."""
    source, status = source_of(members), status_of(channel, members)
    wanted: Fields = product_fields(source, channel.config) if source is not None else {}
    if status is not None:
        wanted["status"] = status
    return VariantPlan(wanted=wanted, differs=differing(wanted, pushed, answered, shown))


def new_product(
    channel: StoredChannel, members: Sequence[Member], style_id: str, wanted: Fields, variants: Sequence[Fields]
) -> NewProduct:
    """The product to create: with every member, whose fields are in `variants`."""
    source = source_of(members)
    assert source is not None
    namespace = channel.config.metafield_namespace
    extra: dict[str, Any] = {}
    if channel.syncs("tags"):
        extra["tags"] = source.tags
    if channel.syncs("media") and source.media:
        extra["files"] = tuple(files_of(members))
    change = product_change("", [name for name in wanted if name not in {"title", "status"}], wanted)
    for name in ("description_html", "handle", "vendor", "product_type", "seo"):
        extra[name] = getattr(change, name)
    return NewProduct(
        title=wanted.get("title") or source.style_title or source.sku,
        status=wanted.get("status", "ACTIVE"),
        product_options=option_definitions(variants),
        variants=tuple(map(new_variant, members, variants, [channel] * len(variants))),
        metafields=(MetafieldInput(namespace=namespace, key=STYLE_KEY, type="id", value=style_id),),
        **extra,
    )


def new_variant(member: Member, wanted: Fields, channel: StoredChannel) -> NewVariant:
    """A variant of a product that is created."""
    change = variant_change(None, [name for name in wanted if name not in {"policy", "sku"}], wanted)
    item = change.inventory_item if isinstance(change.inventory_item, ItemInput) else ItemInput()
    content = member.listing.content
    fields = metafields_of(content, channel.config) if content is not None else {}
    return NewVariant(
        option_values=options_input(wanted["options"]),
        sku=wanted.get("sku", UNSET),
        barcode=wanted.get("barcode") or UNSET,
        price=wanted.get("price", UNSET),
        compare_at_price=wanted.get("compare_at_price") or UNSET,
        inventory_item=ItemInput(cost=item.cost, measurement=item.measurement, tracked=True),
        metafields=tuple(metafield_input(key, value) for key, value in fields.items()) or UNSET,
    )


def metafield_input(key: str, value: Sequence[str]) -> MetafieldInput:
    """A metafield by `namespace.key`, with type and value."""
    namespace, _, name = key.rpartition(".")
    return MetafieldInput(namespace=namespace, key=name, type=value[0], value=value[1])


def option_definitions(variants: Sequence[Fields]) -> tuple[OptionDefinition, ...]:
    """The options of a product: names and values in the order in which its variants have them."""
    found: dict[str, dict[str, None]] = {}
    for each in variants:
        for name, value in each["options"]:
            found.setdefault(name, {})[value] = None
    return tuple(
        OptionDefinition(name=name, values=tuple(OptionName(name=value) for value in values))
        for name, values in found.items()
    )


def files_of(members: Sequence[Member]) -> list[FileInput]:
    """The media of all members, each address once."""
    files: dict[str, FileInput] = {}
    for member in members:
        for media in member.listing.content.media if member.listing.content is not None else ():
            alt = media.alt if media.alt is not None else UNSET
            files.setdefault(media.url, FileInput(original_source=media.url, content_type=MEDIA[media.kind], alt=alt))
    return list(files.values())
