"""Orgs: the tenants of the stack. A closed org is kept, so that its code is never reused."""

from typing import Literal

from msgspec.structs import replace

from chassis.entity import ONE_SHARD, Entity, Record, edge, index
from chassis.errors import InvalidState
from chassis.values import Name, Orgcode

State = Literal["active", "closed"]


class Org(Record):
    """An org. Its id is its code; the owner is set by an association."""

    orgcode: Orgcode
    name: Name
    state: State = "active"
    owner_user_id: str | None = None


ORGS = Entity(
    "org",
    Org,
    collection="orgs",
    id="orgcode",
    shard_key=ONE_SHARD,
    keys=("STACK", "ORG#{orgcode}"),
    indexes=[index("owner_user_id")],
    edges=[edge("owned-by", to="user", by="owner_user_id")],
    org_scoped=False,
    label="name",
)


def close(org: Org) -> Org:
    """The org, closed: its callers are refused from now on."""
    if org.state == "closed":
        raise InvalidState("the organisation is closed already", state=org.state)
    return replace(org, state="closed")


def owned_by(org: Org, user_id: str, *, owner: bool) -> Org:
    """The org after an association of the user was set. It names one owner at most."""
    if owner:
        return replace(org, owner_user_id=user_id)
    return replace(org, owner_user_id=None) if org.owner_user_id == user_id else org
