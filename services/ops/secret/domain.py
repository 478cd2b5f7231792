"""The operator's secret code as stored, and the limit of failed attempts per peer."""

from typing import ClassVar

from msgspec import field
from msgspec.structs import replace

from chassis.clock import Utc, later, seconds_between
from chassis.entity import Record, Value
from chassis.errors import Throttled, invalid_field

SECRET_ID = "operator"  # noqa: S105  there is one, and this is its id
CODE_LENGTH_MIN = 8
CODE_LENGTH_MAX = 512
FAILURES_MAX = 5
FAILURE_SECONDS = 15 * 60
LOCKOUT_SECONDS = 15 * 60


class Cost(Value):
    """scrypt's parameters: N as an exponent of two (memory and time), r (block size), p (lanes)."""

    exponent: int
    block: int = 8
    lanes: int = 1

    @property
    def memory_bytes(self) -> int:
        """Memory of computing one hash, in bytes."""
        return 128 * self.block * ((1 << self.exponent) + self.lanes + 2)


class SecretHash(Record):
    """The hashed code; salt and hash in hex. A vacuum does not delete it.

    `code_id` is made by each setting and rotation, and stays when the same code is hashed anew at a higher cost.
    """

    kept: ClassVar[bool] = True

    secret_id: str = SECRET_ID
    salt: str
    hashed: str
    cost: Cost
    code_id: str = ""


class Attempts(Record):
    """Recent attempts of one peer: failed ones and those being checked."""

    peer: str
    tried_utc: list[Utc] = field(default_factory=list)
    locked_until_utc: Utc | None = None


def check_code(code: str, field: str) -> None:
    """Raises `Invalid` for a new code that is too short or too long."""
    if not CODE_LENGTH_MIN <= len(code) <= CODE_LENGTH_MAX:
        raise invalid_field(field, f"a code has {CODE_LENGTH_MIN} to {CODE_LENGTH_MAX} characters")


def seconds_locked(attempts: Attempts | None, now: Utc) -> int:
    """How long a peer is locked out, in whole seconds; 0 if it is not."""
    if attempts is None or attempts.locked_until_utc is None or attempts.locked_until_utc <= now:
        return 0
    return max(1, round(seconds_between(now, attempts.locked_until_utc)))


def with_one_more(attempts: Attempts, now: Utc) -> Attempts:
    """The peer's attempts plus one, counted before the code is checked. Raises `Throttled` while it is locked out.

    Counting first keeps a hundred guesses sent at once from all being checked.
    """
    locked = seconds_locked(attempts, now)
    if locked:
        raise Throttled("too many wrong codes", locked)
    recent = [at for at in attempts.tried_utc if at > later(now, -FAILURE_SECONDS)]
    recent.append(now)
    until = later(now, LOCKOUT_SECONDS) if len(recent) >= FAILURES_MAX else None
    return replace(attempts, tried_utc=recent, locked_until_utc=until)
