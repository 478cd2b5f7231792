"""The call that is being served, from which outgoing calls inherit caller, ids and deadline."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic

from chassis.caller import Call
from chassis.errors import Forbidden

OPERATOR_ACTOR = "operator"
"""The actor of calls that carry the operator's secret code instead of a signed caller."""


@dataclass(frozen=True, slots=True)
class Acting:
    """A call and its deadline in monotonic seconds; None if its caller set none."""

    call: Call
    ends_at: float | None = None


REQUEST_SECONDS = 30.0
"""What calls to other services on behalf of one request may take together."""

_ACTING: ContextVar[Acting | None] = ContextVar("acting", default=None)


def current_call() -> Call:
    """The call that the current servicer method serves. Raises LookupError outside of a servicer method."""
    acting = _ACTING.get()
    if acting is None:
        raise LookupError("no call is being served here")
    return acting.call


def acting() -> Acting | None:
    """The call that the current task acts for, if any."""
    return _ACTING.get()


@contextmanager
def acting_for(call: Call, seconds: float | None = None) -> Iterator[None]:
    """Make calls in this block on behalf of `call`, with its caller and request id, for at most `seconds`."""
    before = _ACTING.get()
    _ACTING.set(Acting(call, None if seconds is None else monotonic() + seconds))
    try:
        yield
    finally:
        # Not reset by token: an abandoned stream is closed in another context than it was opened in.
        _ACTING.set(before)


def require_stack() -> Call:
    """The call being served, if another service of the stack or the operator made it; `Forbidden` otherwise."""
    call = current_call()
    if call.caller.kind != "service":
        raise Forbidden("only services of the stack and its operator may ask this")
    return call


def on_behalf(call: Call, seconds: float = REQUEST_SECONDS) -> AbstractContextManager[None]:
    """Make the calls of a request on behalf of its caller; all of them together take at most `seconds`."""
    return acting_for(call, seconds)
