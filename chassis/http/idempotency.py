"""Idempotency: the first answer to a key is stored, and a repeated call gets it.

The record is looked up and inserted inside the change that does the work, so that both are committed or neither: a
retry after a crash finds the answer, or finds that nothing was done. Stored are data, and refusals of 404, 409 and 422.

A key belongs to org and endpoint, not to a caller: every caller who passes the role check gets the stored answer. An
endpoint that hides parts of its answer from some callers stores all of it, and shows each what it may see
(`Endpoint.shown`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import NamedTuple

from chassis.caller import Call
from chassis.clock import Utc, later
from chassis.entity import Document, Entity, Expiring, expires_at, expiring
from chassis.errors import Conflict, Refusal, StillRunning
from chassis.unit import Change, Units, View

KEPT_SECONDS = 15 * 60
KEPT_SECONDS_FOR_SERVICES = 90 * 24 * 3600
KEPT_STATUSES = frozenset({404, 409, 422})
"""Refusals that are stored. The result of others (400, 428, 5xx) may differ next time."""


HASHED_AT_ONCE_BYTES_MAX = 256 * 1024
"""Larger requests are hashed in a thread, which leaves the interpreter to others meanwhile."""


class IdempotencyRecord(Expiring):
    """The stored answer of a key. `body` is JSON text: the data, or the error object of a refusal."""

    outcome_id: str
    orgcode: str = ""
    endpoint: str
    key: str
    request_hash: str
    status: int
    body: str


IDEMPOTENCY = Entity(
    "idempotency",
    IdempotencyRecord,
    collection="idempotency",
    id="outcome_id",
    shard_key=("outcome_id",),
    indexes=[expiring("expires_at")],
    derived={"expires_at": expires_at},
    history=False,
    technical=True,
)


class EncodedReply(Document):
    """An encoded answer: status 200 with data, else an error; `replayed` if it was stored before."""

    status: int
    body: bytes
    replayed: bool = False
    refusal: Refusal | None = None


class IdempotentCall(Document):
    """A use of a key: the id of its record, and a hash of the request."""

    outcome_id: str
    request_hash: str


class IdempotentWork(NamedTuple):
    """What is to be done once: the handler, the events it may emit, and how its refusals are encoded. `prepare` runs
    before the handler, unless the key is known already."""

    do: Callable[[Change], Awaitable[bytes]]
    emits: frozenset[str]
    explain: Callable[[Refusal], bytes]
    prepare: Callable[[], Awaitable[None]] | None = None


class IdempotencyStore:
    """Runs work once per key. Keys are scoped to org and endpoint."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._running: set[str] = set()

    async def run(self, call: Call, request: bytes, work: IdempotentWork) -> EncodedReply:
        """The answer of the work, or the one stored under the call's key if `request` is the same.

        Raises `Conflict` if the key was used with another body, and `StillRunning` while its first call runs in this
        process. (A first call in another replica is awaited at the record, and its answer returned.)
        """
        if len(request) <= HASHED_AT_ONCE_BYTES_MAX:
            digest = _digest(request)
        else:
            digest = await asyncio.to_thread(_digest, request)
        asked = IdempotentCall(outcome_id=id_of(call), request_hash=digest)
        if asked.outcome_id in self._running:
            raise StillRunning("a call with this idempotency key is still running")
        self._running.add(asked.outcome_id)
        try:
            if work.prepare is not None and not await self._is_known(call, asked):
                await work.prepare()
            return await self._run(call, asked, work)
        finally:
            self._running.discard(asked.outcome_id)

    async def _is_known(self, call: Call, asked: IdempotentCall) -> bool:
        async def look(view: View) -> bool:
            kept = await view.get(IDEMPOTENCY, asked.outcome_id)
            return kept is not None and kept.expires_utc > view.now

        return await self._units.view(call, look)

    async def _run(self, call: Call, asked: IdempotentCall, work: IdempotentWork) -> EncodedReply:
        async def once(change: Change) -> EncodedReply:
            # Loaded together with the handler's own reads, without a round trip of its own.
            change.prefetch(IDEMPOTENCY, [asked.outcome_id])
            refusal: Refusal | None = None
            try:
                status, answer = 200, await work.do(change)
            except Refusal as refused:
                status, answer, refusal = refused.status, b"", refused
            kept = await change.get(IDEMPOTENCY, asked.outcome_id)
            if kept is not None and kept.expires_utc > change.now:
                change.discard()
                return _replay(kept, asked)
            if refusal is not None:
                if status not in KEPT_STATUSES or getattr(refusal, "retryable", False):
                    raise refusal
                change.discard()
                answer = work.explain(refusal)
            outcome = _outcome(call, asked, status, answer, change.now)
            await (change.insert if kept is None else change.update)(IDEMPOTENCY, outcome)
            return EncodedReply(status=status, body=answer, refusal=refusal)

        async def keep_late(change: Change) -> EncodedReply:
            kept = await change.get(IDEMPOTENCY, asked.outcome_id)
            if kept is not None and kept.expires_utc > change.now:
                return _replay(kept, asked)
            outcome = _outcome(call, asked, late.status, work.explain(late), change.now)
            await (change.insert if kept is None else change.update)(IDEMPOTENCY, outcome)
            return EncodedReply(status=late.status, body=work.explain(late), refusal=late)

        try:
            return await self._units.change(call, once, emits=work.emits)
        except Refusal as refused:
            if refused.status not in KEPT_STATUSES or refused.retryable or isinstance(refused, _Taken):
                raise
            # Refused by the commit itself: another replica took the same unique key meanwhile.
            late = refused
        return await self._units.change(call, keep_late)


class _Taken(Conflict):
    """The key belongs to another request; this refusal is not stored."""


def _digest(request: bytes) -> str:
    return blake2b(request, digest_size=16).hexdigest()


def _replay(kept: IdempotencyRecord, asked: IdempotentCall) -> EncodedReply:
    if kept.request_hash != asked.request_hash:
        raise _Taken("the idempotency key was used with another body")
    return EncodedReply(status=kept.status, body=kept.body.encode(), replayed=True)


def _outcome(call: Call, asked: IdempotentCall, status: int, answer: bytes, now: Utc) -> IdempotencyRecord:
    seconds = KEPT_SECONDS_FOR_SERVICES if call.caller.kind in {"key", "service"} else KEPT_SECONDS
    return IdempotencyRecord(
        outcome_id=asked.outcome_id,
        orgcode=call.orgcode,
        endpoint=call.name,
        key=call.idempotency_key or "",
        request_hash=asked.request_hash,
        status=status,
        body=answer.decode(),
        expires_utc=later(now, seconds),
    )


def id_of(call: Call) -> str:
    """The id of the record of a call's key: the org, so that ids of one org lie together, and a digest."""
    scope = f"{call.orgcode}\n{call.name}\n{call.idempotency_key}".encode()
    return f"{call.orgcode}/{blake2b(scope, digest_size=16).hexdigest()}"
