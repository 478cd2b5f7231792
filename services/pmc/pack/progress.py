"""How far the validation of a large upload is, as its work item keeps it."""

from collections.abc import Mapping

import msgspec

from chassis.entity import Value
from services.pmc.pack.domain import ItemRange


class Numbered(Value):
    """How far items have their numbers: the style behind which to go on, and each channel's next number."""

    ranges: Mapping[str, ItemRange] = msgspec.field(default_factory=dict)
    next: Mapping[str, ItemRange] = msgspec.field(default_factory=dict)
    after: str = ""


class Validation(Value):
    """How far a document is stored: its first styles, their variants, and the items of each channel so far."""

    styles: int = 0
    variants: int = 0
    offered: Mapping[str, int] = msgspec.field(default_factory=dict)
    stored: bool = False
    numbered: Numbered = Numbered()
