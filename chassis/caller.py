"""The caller of a request, and its context.

`Caller` is what the gateway states in its signed header. `Call` is one request of that caller: the caller, the
facility, channel and cost centre it acts in, and the ids for its log lines and spans.
"""

from collections.abc import Collection
from typing import Literal

from chassis.clock import Utc
from chassis.entity import Value
from chassis.errors import Invalid

AUTHENTICATED = "authenticated"
"""In a declaration's roles: any user session, and no org needed."""

SIGNED_IN = "signed_in"
"""In a declaration's roles: any valid session or API key, and no org needed."""

SYSTEM_ACTOR = "system"
"""The actor of jobs, workers and expiry."""


class Caller(Value):
    """The caller as stated by the gateway. `kind` is user, key, service (another service of the stack) or anonymous."""

    kind: Literal["user", "key", "service", "anonymous"]
    actor: str
    orgcode: str | None = None
    roles: frozenset[str] = frozenset()
    owner: bool = False
    cccode: str | None = None
    fingerprint: str | None = None

    def has_any(self, wanted: Collection[str]) -> bool:
        """Whether the caller holds one of the roles; the owner and other services of the stack always do."""
        return self.owner or self.kind == "service" or not self.roles.isdisjoint(wanted)


ANONYMOUS = Caller(kind="anonymous", actor="anonymous")
SYSTEM = Caller(kind="service", actor=SYSTEM_ACTOR)


class Call(Value):
    """One request: its caller and the context it names.

    `token` proves the caller to other services (`auth/token.py`).
    """

    caller: Caller
    name: str
    request_id: str
    started_utc: Utc
    facility: str | None = None
    channel: str | None = None
    cccode: str | None = None
    idempotency_key: str | None = None
    traceparent: str | None = None
    peer: str | None = None
    token: str | None = None

    @property
    def orgcode(self) -> str:
        """The org the call acts in; a call without one is refused before a handler sees it."""
        if self.caller.orgcode is None:
            raise Invalid("orgcode is required")
        return self.caller.orgcode

    @property
    def logical_guid(self) -> str:
        """The facility the call acts in; its declaration's `needs` has made sure there is one."""
        if self.facility is None:
            raise Invalid("logical_guid is required")
        return self.facility

    @property
    def channel_code(self) -> str:
        """The channel the call acts for; its declaration's `needs` has made sure there is one."""
        if self.channel is None:
            raise Invalid("channel_code is required")
        return self.channel


def public_peer(peer: str | None) -> str:
    """The name under which attempts at the secret code are counted, for an address that calls through the gateway.

    It differs from the name of the same address at the operator's own port, so neither locks the other out.
    """
    return f"public {peer or 'unknown'}"
