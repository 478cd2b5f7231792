"""The field types of the contract: what a field may hold, its limits, and what is upper-cased on the way in.

Each is an annotated plain type, so msgspec checks it while it decodes. Two marks in `extra` tell the decoder
(`chassis/http/decode.py`) to fold a value before it is checked: `fold: upper`, and `form: utc` for instants that may
come with fewer than three decimals.

Patterns are written as JSON Schema reads them: `$` is the very end. Python's also matches before a last line break, so
all input is checked against `exact(pattern)` of `chassis/decoding/fields.py`, over HTTP and gRPC alike.
"""

from datetime import date
from typing import Annotated, Any

from msgspec import Meta

from chassis.clock import Date as _Date
from chassis.clock import Utc as _Utc
from chassis.frozen import Frozen

QUANTITY_MAX = 1_000_000_000
MAP_BYTES_MAX = 16 * 1024
PAGE_ITEMS_MAX = 256
PAGE_ITEMS_DEFAULT = 25

# No control characters anywhere, and neither lone surrogates nor a blank at either end.
_PRINTABLE = r"^(?! )[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+(?<! )$"
_TEXT = r"^[^\x00\ud800-\udfff]*$"

Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
Guid = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Orgcode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{4,16}$", extra={"fold": "upper"})]
Cccode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}$", extra={"fold": "upper"})]
Code = Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9._-]{0,63}$", extra={"fold": "upper"})]
Sku = Annotated[str, Meta(min_length=1, max_length=64, pattern=_PRINTABLE)]
Lot = Annotated[str, Meta(min_length=1, max_length=64, pattern=_PRINTABLE)]
SerialNo = Annotated[str, Meta(min_length=1, max_length=64, pattern=_PRINTABLE)]
Barcode = Annotated[str, Meta(pattern=r"^[0-9]{4,14}$")]
IdempotencyKey = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[\x20-\x7e]+$")]
Text = Annotated[str, Meta(min_length=1, max_length=512, pattern=_TEXT)]
LongText = Annotated[str, Meta(min_length=1, max_length=8192, pattern=_TEXT)]
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=_TEXT)]
Reason = Annotated[str, Meta(min_length=1, max_length=256, pattern=_TEXT)]
Token = Annotated[str, Meta(min_length=1, max_length=4096)]

Qty = Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]
Qty0 = Annotated[int, Meta(ge=0, le=QUANTITY_MAX)]
Delta = Annotated[int, Meta(ge=-QUANTITY_MAX, le=QUANTITY_MAX, extra={"not": 0})]
Count = Annotated[int, Meta(ge=0)]
Revision = Annotated[int, Meta(ge=1)]

Utc = Annotated[
    _Utc,
    Meta(
        pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z$",
        extra={"form": "utc"},
        extra_json_schema={"format": "date-time"},
    ),
]
Date = Annotated[
    _Date,
    Meta(
        pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        extra={"form": "date"},
        extra_json_schema={"format": "date"},
    ),
]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
DecimalText = Annotated[str, Meta(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,4})?$")]


class Money(Frozen, forbid_unknown_fields=True):
    """An amount of a currency, exact to four places."""

    amount: DecimalText
    currency: Currency


def is_calendar_day(text: str) -> bool:
    """Whether text of the right shape names a day that exists."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


Map = Annotated[dict[str, Any], Meta(extra={"form": "map"})]
