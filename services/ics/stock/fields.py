"""Request fields shared by calls that move units."""

from typing import Annotated

from msgspec import Meta

from chassis.values import SerialNo

SERIALS_MAX = 500
"""Most serials in one line of a call."""
CALL_SERIALS_MAX = 2000
"""Most serials in all lines of a call together."""

SerialList = Annotated[list[SerialNo], Meta(min_length=1, max_length=SERIALS_MAX)]

Seq = Annotated[int, Meta(ge=0)]
"""The number of an entry of an item; 0: no entry yet."""

AnyBalance = int
"""A bucket's total, in units; below 0 only for available, where the policy allows promises beyond stock."""
