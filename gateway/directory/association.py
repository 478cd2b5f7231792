"""Associations: the membership of a user in an org."""

from collections.abc import Collection, Sequence

from chassis.entity import ONE_SHARD, Entity, Record, edge, index, unique
from chassis.errors import invalid_field
from chassis.values import Id

ROLES_MAX = 64


class Association(Record):
    """The membership of a user in an org: owner, or the roles they hold there."""

    association_id: Id
    user_id: Id
    owner: bool
    roles: list[str]


ASSOCIATIONS = Entity(
    "association",
    Association,
    collection="associations",
    id="association_id",
    shard_key=ONE_SHARD,
    keys=("ORG#{orgcode}", "ASSOCIATION#{association_id}"),
    indexes=[
        unique("user_id", refusal="the user is associated with the organisation already"),
        index("association_id"),
        index("user_id", "association_id", name="user"),
        index("user_id", name="everywhere", every_org=True),
    ],
    lookups={1: ("USER#{user_id}", "ASSOCIATION#{association_id}")},
    edges=[edge("of", to="user", by="user_id"), edge("in", to="org", by="orgcode")],
    label="{user_id} in {orgcode}",
)


def declared(roles: Sequence[str], known: Collection[str]) -> list[str]:
    """The roles, sorted and without duplicates. Raises `Invalid` for a role that no service declares."""
    wanted = sorted(set(roles))
    if len(wanted) > ROLES_MAX:
        raise invalid_field("roles", f"has more than {ROLES_MAX} entries")
    unknown = [role for role in wanted if role not in known]
    if unknown:
        raise invalid_field("roles", f"no service declares {', '.join(repr(role[:64]) for role in unknown)}")
    return wanted
