"""Storage of the secret code's hash and the peers' attempts. Neither belongs to an org."""

from datetime import datetime

from chassis.clock import later, to_datetime
from chassis.entity import ONE_SHARD, Entity, expiring
from chassis.unit import Change, View
from services.ops.secret.domain import FAILURE_SECONDS, LOCKOUT_SECONDS, SECRET_ID, Attempts, SecretHash

SECRETS = Entity(
    "secret",
    SecretHash,
    collection="secret",
    id="secret_id",
    shard_key=ONE_SHARD,
    keys=("STACK", "SECRET#{secret_id}"),
    org_scoped=False,
    sealed=("salt", "hashed"),
    label="set {updated_utc} by {updated_by}",
)


def _forgotten_at(attempts: Attempts) -> datetime:
    last = attempts.tried_utc[-1] if attempts.tried_utc else attempts.updated_utc
    return to_datetime(later(last, FAILURE_SECONDS + LOCKOUT_SECONDS))


ATTEMPTS = Entity(
    "secret_attempts",
    Attempts,
    collection="secret_attempts",
    id="peer",
    shard_key=ONE_SHARD,
    org_scoped=False,
    indexes=[expiring("forgotten_at")],
    derived={"forgotten_at": _forgotten_at},
    history=False,
    technical=True,
)


async def the_secret(view: View) -> SecretHash | None:
    """The hash of the code, or None if none is set. Read by id."""
    return await view.get(SECRETS, SECRET_ID)


async def attempts_of(change: Change, peer: str) -> tuple[Attempts, bool]:
    """The recent attempts of a peer, and whether they are stored yet. Read by id."""
    found = await change.get(ATTEMPTS, peer)
    return found or Attempts(peer=peer), found is not None
