"""Storage of root tokens, by their hash. The database deletes them once they have expired."""

from chassis.entity import ONE_SHARD, Entity, expires_at, expiring
from chassis.unit import View
from services.visualgrid.root.domain import RootToken, hash_of

ROOT_TOKENS = Entity(
    "root_token",
    RootToken,
    collection="root_tokens",
    id="token_hash",
    shard_key=ONE_SHARD,
    org_scoped=False,
    indexes=[expiring("expires_at")],
    derived={"expires_at": expires_at},
    history=False,
    technical=True,
)


async def token_stored(view: View, token: str) -> RootToken | None:
    """What is stored of a token, expired or not; None if it is unknown. Read by id."""
    return await view.get(ROOT_TOKENS, hash_of(token))
