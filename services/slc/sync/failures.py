"""What a failure of a shop, of PMC or of ICS means for the jobs under way."""

from typing import Any

from chassis.errors import Refusal
from chassis.telemetry.log import get_logger
from services.slc.lifecycle.standing import concerns_channel
from services.slc.shopify.errors import ShopFailed, ShopRefused, ShopThrottled

PAUSED_SECONDS = 5.0

log = get_logger("slc.sync")


def ending_fields(failure: Exception) -> dict[str, Any]:
    """How the jobs end that a failure leaves behind: the arguments of their `Ending`."""
    match failure:
        case ShopThrottled():
            return {"kind": "later", "after_seconds": failure.wait_seconds}
        case ShopFailed() if concerns_channel(failure):
            return {"kind": "later", "after_seconds": PAUSED_SECONDS}
        case ShopRefused():
            return {"kind": "refused", "code": "refused", "message": str(failure)}
        case Refusal():
            return {"kind": "transient", "code": "transient", "message": failure.message}
    log.error("a sync failed unexpectedly", exc_info=failure)
    return {"kind": "transient", "code": "internal", "message": type(failure).__name__}
