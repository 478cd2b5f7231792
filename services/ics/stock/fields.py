"""Request fields that calls handling goods share."""

from typing import Annotated

from msgspec import Meta

from chassis.values import SerialNo

SERIALS_MAX = 500
CALL_SERIALS_MAX = 2000
"""Most serials that all lines of a call name together."""
"""Most serials one line of a call names."""

SerialList = Annotated[list[SerialNo], Meta(min_length=1, max_length=SERIALS_MAX)]

Seq = Annotated[int, Meta(ge=0)]
"""A place in an item's ledger; 0 stands for none yet."""

AnyBalance = int
"""A bucket's total, below 0 only where promises may go beyond stock."""
