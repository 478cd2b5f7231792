"""Crates, and where they are kept."""

from typing import Literal

from chassis.entity import Entity, Record, unique
from chassis.values import Code, Guid, Id, Name

State = Literal["open", "closed"]


class Crate(Record):
    """Something to keep things in."""

    crate_id: Id
    logical_guid: Guid
    code: Code
    name: Name | None
    state: State = "open"


CRATES = Entity(
    "crate",
    Crate,
    collection="crates",
    id="crate_id",
    indexes=[unique("logical_guid", "code", refusal="the code is taken in this facility")],
)
