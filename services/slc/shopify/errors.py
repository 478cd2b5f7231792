"""Why a call to a shop did not do what was asked.

ShopFailed (502 where an endpoint lets it through)
  ├─ NoAnswer            no outcome is known: timeout, 5xx, INTERNAL_SERVER_ERROR. The call may have been executed
  ├─ ShopThrottled           refused for cost; nothing was executed
  ├─ CostTooHigh         one query asks for more points than a query may; nothing was executed
  ├─ CredentialRefused   the token is dead or lacks a scope: concerns the whole channel
  ├─ ShopUnavailable     the shop is frozen, locked or gone: concerns the whole channel
  └─ BadRequest          the shop does not understand the request: a defect of SLC
ShopRefused              answered, and refused for a reason of the shop's domain (`userErrors`)
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from chassis.entity import Value
from chassis.errors import UpstreamFailed


class UserError(Value):
    """One entry of `userErrors`. `field` is the path to the input that is refused."""

    message: str
    field: tuple[str, ...] = ()
    code: str | None = None

    @property
    def index(self) -> int | None:
        """The place of the refused entry in the input list, if the path names one."""
        return next((int(part) for part in self.field if part.isdigit()), None)


class ShopFailed(UpstreamFailed):
    """A call to the shop that has no outcome, or was not executed."""


class NoAnswer(ShopFailed):
    """No outcome is known; the call may have been executed."""


class ShopThrottled(ShopFailed):
    """The shop has no points for this call now. `wait_seconds` says when it has."""

    def __init__(self, message: str, wait_seconds: float) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class CostTooHigh(ShopFailed):
    """The query asks for more points than one query may: ask for less at once."""


class CredentialRefused(ShopFailed):
    """The shop refuses the token, or the token lacks a scope."""


class ShopUnavailable(ShopFailed):
    """The shop is frozen (402), locked (423) or gone (404)."""


class BadRequest(ShopFailed):
    """The shop does not understand the request: a defect of this client or another API version."""


class ShopRefused(Exception):
    """The shop refused what was asked, for a reason of its domain."""

    STALE: ClassVar[str] = "CHANGE_FROM_QUANTITY_STALE"
    CONCURRENT: ClassVar[str] = "IDEMPOTENCY_CONCURRENT_REQUEST"
    PREVIOUS_FAILED: ClassVar[str] = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
    KEY_MISMATCH: ClassVar[str] = "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
    NOT_STOCKED: ClassVar[str] = "ITEM_NOT_STOCKED_AT_LOCATION"
    NOT_MUTABLE: ClassVar[str] = "NON_MUTABLE_INVENTORY_ITEM"
    PRODUCT_GONE: ClassVar[str] = "PRODUCT_DOES_NOT_EXIST"
    GONE: ClassVar[frozenset[str]] = frozenset(
        {"PRODUCT_DOES_NOT_EXIST", "PRODUCT_VARIANT_DOES_NOT_EXIST", "INVALID_INVENTORY_ITEM", "INVALID_LOCATION"}
    )
    """Codes that say that a stored Shopify id no longer exists."""

    def __init__(self, operation: str, errors: Sequence[UserError], answered: Any = None) -> None:
        super().__init__("; ".join(each.message for each in errors))
        self.operation = operation
        self.errors = tuple(errors)
        self.answered = answered
        """What the same answer holds beside the errors: a bulk update keeps its good entries."""

    def has(self, code: str) -> bool:
        """Whether one of the errors has this code."""
        return any(each.code == code for each in self.errors)

    @property
    def gone(self) -> bool:
        """Whether an id that was used no longer exists."""
        return any(each.code in self.GONE for each in self.errors)
