"""Vocabulary shared by all features of PMC: field types, roles, and the parts that packs and content have in common."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from chassis.entity import Value
from chassis.values import Barcode as BarcodeValue
from chassis.values import Code, Guid, LongText, Name, Text

VIEW = ("pmc_view",)
PUBLISH = ("pmc_publish",)

ROLES = {
    "pmc_view": "reads",
    "pmc_publish": "writes, and searches in regex mode; it does not include pmc_view",
}

WHOLE_MAX = 2**53 - 1
"""Largest whole number that every JSON reader keeps exactly."""

CHANNELS_MAX = 64
"""Channels of one pack, one selection or one style."""

PROFILES_MAX = 256
"""Publish profiles of an org."""

OnlineState = Literal["online", "offline"]
AskedState = Literal["online", "offline", "both"]
Pointer = Literal["staged", "preview", "fallback"]
ServedBy = Literal["live", "fallback"]
ViewName = Literal["live", "staged", "preview", "head"]
BarcodeType = Literal["ean8", "ean13", "upca", "upce", "gtin14", "other"]
Severity = Literal["error", "warning"]
Outcome = Literal["created", "updated", "promoted", "unchanged", "blocked", "withdrawn"]

_NO_BREAKS = r"^[^\x00\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029\ud800-\udfff]*$"

Rev = Annotated[int, Meta(ge=1)]
RevId = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
LocaleText = Annotated[str, Meta(min_length=1, max_length=255, pattern=_NO_BREAKS)]
Handle = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Url = Annotated[
    str,
    Meta(
        max_length=2048,
        pattern=r"^https?://[^\x00-\x20\x7f/?#\ud800-\udfff]+([/?#][^\x00-\x20\x7f\ud800-\udfff]*)?$",
    ),
]
FieldPath = Annotated[str, Meta(max_length=55, pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,3}$")]
RePattern = Annotated[str, Meta(min_length=1, max_length=256)]
DecimalValue = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$")]
Amount = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?$")]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
"""Three letters; whether ISO 4217 lists them is checked beside."""
QualityScore = Annotated[int, Meta(ge=0, le=100)]


class Part(Value, omit_defaults=True, forbid_unknown_fields=True):
    """A part of packs and content. A field without a value is left out, wherever it is stored or answered."""


class Price(Part):
    """An amount of a currency, exact to four places."""

    amount: Amount
    currency: CurrencyCode


class Seo(Part):
    """Texts for search engines."""

    title: LocaleText | None = None
    description: Text | None = None


class OptionValue(Part):
    """Which value of an option a variant has."""

    name: Name
    value: LocaleText


class Barcode(Part):
    """A barcode of a variant."""

    value: BarcodeValue
    type: BarcodeType | None = None
    primary: bool | None = None


class Identifier(Part):
    """What another system calls a variant."""

    type: Code
    value: Text


class Alias(Part):
    """Another name of a variant."""

    tag: Code
    value: Text


class Weight(Part):
    """A weight with its unit."""

    value: DecimalValue
    unit: Literal["g", "kg", "oz", "lb"]


class Dimensions(Part):
    """Length, width and height in one unit."""

    length: DecimalValue
    width: DecimalValue
    height: DecimalValue
    unit: Literal["mm", "cm", "m", "in"]


class Media(Part):
    """A picture, a film or a model."""

    url: Url
    kind: Literal["image", "video", "model"]
    alt: LocaleText | None = None


class Metafield(Part):
    """A typed value under a name of its own."""

    namespace: Name
    key: Name
    type: Name
    value: LongText


class NodeRef(Part):
    """A taxonomy node with its name."""

    node_id: Guid
    name: Name


class VendorRef(Part):
    """A vendor with its name."""

    vendor_id: Guid
    name: Name


class RevRef(Part):
    """One revision of a product, by number and by hash."""

    rev: Rev
    rev_id: RevId


class Finding(Part):
    """A rule that a content breaks."""

    rule_id: Code
    kind: Name
    severity: Severity
    field: FieldPath | None = None
    message: Text


Map = Annotated[dict[str, Any], Meta(extra={"form": "map"})]
