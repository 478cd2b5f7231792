"""Setting and checking the operator's secret code.

A correct code is cached until the stored hash changes, as an HMAC under a random key of this process: a burst of
operator calls computes one hash and then reads once per call. Rotation invalidates the cache at once.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from hmac import compare_digest, digest

from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Clock
from chassis.errors import Throttled
from chassis.ids import new_id
from chassis.resource import resource
from chassis.rpc.interceptors import OPERATOR, SecretVerdict
from chassis.unit import Change, Units, View
from services.ops.secret.code import Hasher
from services.ops.secret.domain import SECRET_ID, Attempts, SecretHash, check_code, seconds_locked, with_one_more
from services.ops.secret.store import ATTEMPTS, SECRETS, attempts_of, the_secret
from services.ops.settings import OpsSettings

WRONG = SecretVerdict(ok=False)


class SecretService:
    """Sets and checks the secret code of the stack."""

    def __init__(self, units: Units, clock: Clock, cost: int) -> None:
        self._units = units
        self._clock = clock
        self._hasher = Hasher(cost)
        self._key = os.urandom(32)
        # Salt of the stored hash, and HMAC of the code that matched it last.
        self._known: tuple[str, bytes] | None = None
        self._running: dict[tuple[bytes, str], asyncio.Task[SecretVerdict]] = {}

    async def check(self, code: str, peer: str) -> SecretVerdict:
        """Whether the code is correct. A wrong one counts as a failed attempt of the peer, a missing one does not."""
        if not code:
            return WRONG
        secret, attempts = await self._look(peer)
        locked = seconds_locked(attempts, self._clock.now())
        if locked:
            return SecretVerdict(ok=False, locked=True, retry_after_seconds=locked)
        mark = self._mark(code)
        if secret is not None and self._remembers(secret, mark):
            if attempts is not None:
                await self._forgive(peer)
            return SecretVerdict(ok=True, code_id=secret.code_id)
        # The same code from the same peer in concurrent calls is one attempt.
        task = self._running.get((mark, peer))
        if task is None:
            task = asyncio.ensure_future(self._try(code, peer, secret))
            self._running[mark, peer] = task
            task.add_done_callback(lambda done: self._forget((mark, peer), done))
        return await asyncio.shield(task)

    async def as_operator(self, call: Call, code: str) -> Call:
        """The call as the operator's. Raises a refusal if the code is wrong."""
        (await self.check(code, call.peer or "")).insist()
        return replace(call, caller=OPERATOR)

    async def set(self, new_code: str, current_code: str | None, peer: str, *, only_first: bool = False) -> bool:
        """Set the code, or rotate it, which needs the current one. Raises `Conflict` if two do so at once.

        With `only_first`, a code that is set stays. Returns whether the code was changed.
        """
        check_code(new_code, "new_code")
        before, _ = await self._look(peer)
        if before is not None and only_first:
            return False
        if before is not None:
            (await self.check(current_code or "", peer)).insist()
        salt, hashed = await self._hasher.hash(new_code)
        code_id = new_id(self._clock.now())
        after = SecretHash(salt=salt, hashed=hashed, cost=self._hasher.cost, code_id=code_id)
        await self._replace(before, after, "set by the operator")
        return True

    def close(self) -> None:
        """End the hashing threads."""
        self._hasher.close()

    def _forget(self, key: tuple[bytes, str], done: asyncio.Task[SecretVerdict]) -> None:
        self._running.pop(key, None)
        if not done.cancelled():
            # Retrieved, so that asyncio does not log it if all callers were cancelled.
            done.exception()

    async def _look(self, peer: str) -> tuple[SecretHash | None, Attempts | None]:
        async def look(view: View) -> tuple[SecretHash | None, Attempts | None]:
            view.prefetch(ATTEMPTS, [peer])
            return await the_secret(view), await view.get(ATTEMPTS, peer)

        return await self._units.view(self._call("secret_look"), look)

    async def _forgive(self, peer: str) -> None:
        """Delete the failed attempts of a peer after a correct code."""
        await self._units.change(self._call("secret_forgive"), lambda change: _forgive(change, peer))

    async def _try(self, code: str, peer: str, secret: SecretHash | None) -> SecretVerdict:
        try:
            await self._units.change(self._call("secret_attempt"), lambda change: _count(change, peer))
        except Throttled as refused:
            seconds = int(refused.details["retry_after_seconds"])
            return SecretVerdict(ok=False, locked=True, retry_after_seconds=seconds)
        if not await self._hasher.matches(code, secret):
            return WRONG
        assert secret is not None
        self._known = (secret.salt, self._mark(code))
        await self._forgive(peer)
        if self._hasher.is_outgrown(secret):
            salt, hashed = await self._hasher.hash(code)
            stronger = replace(secret, salt=salt, hashed=hashed, cost=self._hasher.cost)
            await self._replace(secret, stronger, "costs more now")
        return SecretVerdict(ok=True, code_id=secret.code_id)

    async def _replace(self, before: SecretHash | None, after: SecretHash, reason: str) -> None:
        async def write(change: Change) -> None:
            if before is None:
                await change.insert(SECRETS, after)
                return
            stored = await change.load(SECRETS, SECRET_ID, before.revision)
            changed = replace(stored, salt=after.salt, hashed=after.hashed, cost=after.cost, code_id=after.code_id)
            await change.update(SECRETS, changed, reason)

        await self._units.change(self._call("secret_set"), write)

    def _mark(self, code: str) -> bytes:
        return digest(self._key, code.encode(errors="surrogatepass"), "sha256")

    def _remembers(self, secret: SecretHash, mark: bytes) -> bool:
        if self._known is None:
            return False
        salt, known = self._known
        return salt == secret.salt and compare_digest(known, mark)

    def _call(self, name: str) -> Call:
        now = self._clock.now()
        return Call(caller=SYSTEM, name=name, request_id=new_id(now), started_utc=now)


async def _count(change: Change, peer: str) -> None:
    attempts, stored = await attempts_of(change, peer)
    attempts = with_one_more(attempts, change.now)
    await (change.update if stored else change.insert)(ATTEMPTS, attempts)


async def _forgive(change: Change, peer: str) -> None:
    attempts, stored = await attempts_of(change, peer)
    if stored:
        await change.delete(ATTEMPTS, attempts)


@resource
async def secret_service(units: Units, clock: Clock, settings: OpsSettings) -> AsyncIterator[SecretService]:
    """The secret service, shared by the HTTP and gRPC sides of a process."""
    service = SecretService(units, clock, settings.secret_cost)
    try:
        yield service
    finally:
        service.close()
