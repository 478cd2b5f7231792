"""What an HTTP answer of the Admin API means: the error table, as a pure function of status, headers and body."""

from collections.abc import Mapping
from typing import Any

import msgspec

from chassis.entity import Value
from services.slc.shopify.bucket import ThrottleStatus
from services.slc.shopify.errors import (
    BadRequest,
    CostTooHigh,
    CredentialRefused,
    NoAnswer,
    ShopFailed,
    ShopUnavailable,
    UserError,
)

MESSAGE_CHARS_MAX = 300

_STATUSES: Mapping[int, type[ShopFailed]] = {
    401: CredentialRefused,
    403: CredentialRefused,
    402: ShopUnavailable,
    404: ShopUnavailable,
    423: ShopUnavailable,
}
_CODES: Mapping[str, type[ShopFailed]] = {
    "ACCESS_DENIED": CredentialRefused,
    "MAX_COST_EXCEEDED": CostTooHigh,
    "INTERNAL_SERVER_ERROR": NoAnswer,
    "TIMEOUT": NoAnswer,
    "SHOP_INACTIVE": ShopUnavailable,
}


class Cost(Value, rename="camel"):
    """What an answer says a query cost."""

    requested_query_cost: float | None = None
    actual_query_cost: float | None = None
    throttle_status: ThrottleStatus | None = None


class ShopAnswer(Value):
    """A read answer. `failure` is set where nothing was executed or no outcome is known."""

    data: Mapping[str, Any] | None = None
    failure: ShopFailed | None = None
    throttled: bool = False
    cost: Cost = Cost()
    user_errors: tuple[UserError, ...] = ()


def read_answer(status: int, body: bytes) -> ShopAnswer:
    """The meaning of an answer."""
    decoded = _decoded(body)
    cost = _cost(decoded)
    errors = decoded.get("errors")
    codes = [_code(each) for each in errors] if isinstance(errors, list) else []
    if status == 429 or "THROTTLED" in codes:
        return ShopAnswer(throttled=True, cost=cost)
    if status >= 500 or status < 200 or 300 <= status < 400:
        return ShopAnswer(failure=NoAnswer(f"the shop answered {status}"), cost=cost)
    if status >= 400:
        kind = _STATUSES.get(status, BadRequest)
        return ShopAnswer(failure=kind(f"the shop answered {status}: {_text_of(errors)}"), cost=cost)
    if errors:
        code = next((each for each in codes if each in _CODES), None)
        kind = _CODES[code] if code is not None else BadRequest
        return ShopAnswer(failure=kind(_text_of(errors)), cost=cost)
    data = decoded.get("data")
    if not isinstance(data, dict):
        return ShopAnswer(failure=NoAnswer("the shop's answer can't be read"), cost=cost)
    return ShopAnswer(data=data, cost=cost, user_errors=_user_errors(data))


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _cost(decoded: Mapping[str, Any]) -> Cost:
    extensions = decoded.get("extensions")
    found = extensions.get("cost") if isinstance(extensions, dict) else None
    try:
        return msgspec.convert(found, Cost, strict=False) if found else Cost()
    except msgspec.ValidationError:
        return Cost()


def _code(error: Any) -> str:
    extensions = error.get("extensions") if isinstance(error, dict) else None
    return str(extensions.get("code", "")) if isinstance(extensions, dict) else ""


def _text_of(errors: Any) -> str:
    if isinstance(errors, list):
        words = [str(each.get("message", "")) if isinstance(each, dict) else str(each) for each in errors]
        return "; ".join(words)[:MESSAGE_CHARS_MAX]
    return str(errors or "no reason given")[:MESSAGE_CHARS_MAX]


def _user_errors(data: Mapping[str, Any]) -> tuple[UserError, ...]:
    found: list[UserError] = []
    for root in data.values():
        for each in (root.get("userErrors") or ()) if isinstance(root, dict) else ():
            path = tuple(str(part) for part in each.get("field") or ())
            found.append(UserError(message=str(each.get("message", "")), field=path, code=each.get("code")))
    return tuple(found)
