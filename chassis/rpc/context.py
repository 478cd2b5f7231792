"""What call is being served here and now, so that a call made on its behalf inherits its caller, ids and deadline."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic

from chassis.caller import Call
from chassis.errors import Forbidden

OPERATOR_ACTOR = "operator"
"""The actor of who came with the operator's secret code instead of a signed caller."""


@dataclass(frozen=True, slots=True)
class Acting:
    """A call and the monotonic second it has to end by; None where its caller set no end."""

    call: Call
    ends_at: float | None = None


_ACTING: ContextVar[Acting | None] = ContextVar("acting", default=None)


def current_call() -> Call:
    """The call this servicer method was invoked with; LookupError outside of one."""
    acting = _ACTING.get()
    if acting is None:
        raise LookupError("no call is being served here")
    return acting.call


def acting() -> Acting | None:
    """The call on whose behalf things happen here, if there is one."""
    return _ACTING.get()


@contextmanager
def acting_for(call: Call, seconds: float | None = None) -> Iterator[None]:
    """Make calls within this block on behalf of `call`: its caller, its request id, and no longer than `seconds`."""
    before = _ACTING.get()
    _ACTING.set(Acting(call, None if seconds is None else monotonic() + seconds))
    try:
        yield
    finally:
        # Not by token: a stream that was left halfway is closed in another context than it was opened in.
        _ACTING.set(before)


def require_stack() -> Call:
    """The call being served, if another service of the stack or the operator made it; `Forbidden` otherwise."""
    call = current_call()
    if call.caller.kind != "service":
        raise Forbidden("only services of the stack and its operator may ask this")
    return call
