"""Words that everything about a shop shares: ids, the base of structs that are sent and received, and calls.

Ids are GIDs (`gid://shopify/Product/1`), times are RFC 3339 text, amounts are decimal text.
"""

from typing import Literal

from chassis.entity import Value
from services.slc.shopify.errors import UserError

Gid = str
ProductStatus = Literal["ACTIVE", "ARCHIVED", "DRAFT", "UNLISTED"]
InventoryPolicy = Literal["CONTINUE", "DENY"]
SearchField = Literal["sku", "barcode"]
CallOutcome = Literal["done", "refused", "throttled", "failed"]
WeightUnit = Literal["GRAMS", "KILOGRAMS", "OUNCES", "POUNDS"]

CANDIDATES_MAX = 10
"""Ids that an ambiguous match names."""


class Wire(Value, rename="camel"):
    """A part of a request or an answer."""


class Seo(Wire):
    """Title and description for search engines."""

    title: str | None = None
    description: str | None = None


class Weight(Wire):
    """A weight; `value` in `unit`."""

    value: float
    unit: WeightUnit


class ShopCall(Value):
    """One GraphQL request that was sent.

    outcome   `done`, `refused` (userErrors), `throttled` or `failed`
    cost      points it took, where the answer says so
    seconds   until the answer
    """

    operation: str
    outcome: CallOutcome
    seconds: float
    request_id: str | None = None
    cost: float | None = None
    user_errors: tuple[UserError, ...] = ()
