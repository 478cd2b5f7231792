"""Users: people who may have sessions."""

from typing import Literal

from msgspec.structs import replace

from chassis.entity import ONE_SHARD, Entity, Record
from chassis.values import Id, Name, Text


class User(Record):
    """A person. What they may do is set per org, by their associations."""

    user_id: Id
    name: Name
    email: Text | None
    state: Literal["active", "closed"] = "active"


def closed(user: User) -> User:
    """The user, closed. One that was closed before stays as it is."""
    return user if user.state == "closed" else replace(user, state="closed")


USERS = Entity(
    "user",
    User,
    collection="users",
    id="user_id",
    shard_key=ONE_SHARD,
    keys=("STACK", "USER#{user_id}"),
    org_scoped=False,
    label="name",
)
