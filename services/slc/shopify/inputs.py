"""What is sent to a shop. A field left unset is not written."""

from typing import Literal

from msgspec import UNSET, UnsetType

from services.slc.shopify.words import Gid, InventoryPolicy, ProductStatus, Seo, Weight, Wire


class ProductChange(Wire):
    """Fields of a product to set; `redirect_new_handle` goes with a handle."""

    id: Gid
    title: str | UnsetType = UNSET
    description_html: str | UnsetType = UNSET
    handle: str | UnsetType = UNSET
    redirect_new_handle: bool | UnsetType = UNSET
    vendor: str | UnsetType = UNSET
    product_type: str | UnsetType = UNSET
    status: ProductStatus | UnsetType = UNSET
    seo: Seo | UnsetType = UNSET


class OptionInput(Wire):
    """The value of an option, by names."""

    option_name: str
    name: str


class MeasurementInput(Wire):
    """What an item measures."""

    weight: Weight


class ItemInput(Wire):
    """Fields of an inventory item to set. Amounts are in the shop's currency."""

    sku: str | UnsetType = UNSET
    cost: str | UnsetType | None = UNSET
    tracked: bool | UnsetType = UNSET
    measurement: MeasurementInput | UnsetType = UNSET


class VariantChange(Wire):
    """Fields of a variant to set, or of a new one: then without `id`."""

    id: Gid | UnsetType = UNSET
    option_values: tuple[OptionInput, ...] | UnsetType = UNSET
    barcode: str | UnsetType | None = UNSET
    price: str | UnsetType = UNSET
    compare_at_price: str | UnsetType | None = UNSET
    inventory_policy: InventoryPolicy | UnsetType = UNSET
    inventory_item: ItemInput | UnsetType = UNSET


class MetafieldInput(Wire):
    """A metafield of a product that is created."""

    namespace: str
    key: str
    type: str
    value: str


class OptionDefinition(Wire):
    """An option of a product that is created."""

    name: str
    values: tuple["OptionName", ...]


class OptionName(Wire):
    """A value of an option."""

    name: str


class FileInput(Wire):
    """A file that a product is created with; Shopify fetches it from its address."""

    original_source: str
    content_type: Literal["IMAGE", "VIDEO", "EXTERNAL_VIDEO", "MODEL_3D"]
    alt: str | UnsetType = UNSET


class NewVariant(Wire):
    """A variant of a product that is created. It has no quantities: levels are made by `activate`."""

    option_values: tuple[OptionInput, ...]
    sku: str | UnsetType = UNSET
    barcode: str | UnsetType = UNSET
    price: str | UnsetType = UNSET
    compare_at_price: str | UnsetType = UNSET
    inventory_policy: InventoryPolicy = "DENY"
    inventory_item: ItemInput = ItemInput(tracked=True)
    metafields: tuple[MetafieldInput, ...] | UnsetType = UNSET


class NewProduct(Wire):
    """A product to create. `metafields` hold the custom id it is found by."""

    title: str
    status: ProductStatus
    product_options: tuple[OptionDefinition, ...]
    variants: tuple[NewVariant, ...]
    metafields: tuple[MetafieldInput, ...]
    description_html: str | UnsetType = UNSET
    handle: str | UnsetType = UNSET
    vendor: str | UnsetType = UNSET
    product_type: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    seo: Seo | UnsetType = UNSET
    files: tuple[FileInput, ...] | UnsetType = UNSET


class OwnedMetafield(Wire):
    """A metafield to set on a product or variant."""

    owner_id: Gid
    namespace: str
    key: str
    type: str
    value: str


class MetafieldKey(Wire):
    """Which metafield of which product or variant."""

    owner_id: Gid
    namespace: str
    key: str


class LevelWrite(Wire):
    """The quantity available of an item at a location: what to set, and what the shop must have now."""

    inventory_item_id: Gid
    location_id: Gid
    quantity: int
    change_from_quantity: int
