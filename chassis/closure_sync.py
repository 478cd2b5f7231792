"""Keeps the gate up to date about vacuums, by long-polling OPS.

An org must not be written while it is vacuumed. Unlike a maintenance window, a closure stays in force while OPS cannot
be asked: a half-erased org must not be opened because OPS is down.
"""

import asyncio
from time import monotonic

from chassis.clock import Utc
from chassis.errors import Refusal
from chassis.gate import Closures, Gate
from chassis.rpc.client import Channels
from chassis.telemetry.log import get_logger
from retailstack.ops.v1.vacuum_pb2 import GetClosuresRequest, GetClosuresResponse
from retailstack.ops.v1.vacuum_pb2_grpc import ClosuresStub

RETRY_SECONDS = 1.0
ASK_SECONDS = 1.0
"""How long an answer may take, beyond the time that OPS waits for a change."""

WAIT_SECONDS = 50
"""How long OPS waits for a change before it answers all the same."""

log = get_logger("chassis.closure_sync")


class ClosureSync:
    """Keeps the closures of one process up to date."""

    def __init__(self, gate: Gate, channels: Channels) -> None:
        self._gate = gate
        self._channels = channels
        self._mark = ""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ask once, so that a process that starts during a vacuum is closed from the start; then keep asking."""
        if "ops" in self._channels.addresses:
            await self._try()
            self._task = asyncio.create_task(self._ask_on(), name="closures")

    async def stop(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def ask(self, wait_seconds: int = 0) -> None:
        """Ask OPS once and set the gate. Raises a refusal if OPS does not answer.

        OPS waits up to `wait_seconds` for closures that differ from those known here.
        """
        request = GetClosuresRequest(known=self._mark, wait_seconds=wait_seconds if self._mark else 0)
        self._mark = ""
        stub = ClosuresStub(self._channels.channel("ops"))
        # As the service itself, not on behalf of the current caller.
        seconds = ASK_SECONDS + request.wait_seconds
        answer = await stub.Get(request, timeout=seconds, metadata=self._channels.own_name("ops"))
        closures = closures_of(answer)
        before = self._gate.closures
        if (closures.all, closures.orgcodes) != (before.all, before.orgcodes):
            log.info("what is being emptied has changed", all=closures.all, orgs=sorted(closures.orgcodes))
        self._gate.set_closures(closures)
        self._mark = answer.mark

    async def _ask_on(self) -> None:
        while True:
            known, began = self._mark, monotonic()
            await self._try()
            # An OPS that is about to stop does not wait.
            hurried = self._mark == known and monotonic() - began < WAIT_SECONDS
            if not self._mark or hurried:
                await asyncio.sleep(RETRY_SECONDS)

    async def _try(self) -> None:
        try:
            await self.ask(WAIT_SECONDS)
        except Refusal:
            log.debug("OPS can't be asked what is being emptied")
        except Exception:
            # This loop must not end, or closed orgs would never be opened again.
            log.exception("asking OPS what is being emptied failed")


def closures_of(answer: GetClosuresResponse) -> Closures:
    """Closures from the answer's message."""
    return Closures(
        all=answer.all,
        orgcodes=frozenset(answer.orgcodes),
        erased={each.orgcode: Utc(each.completed_utc) for each in answer.erased},
    )
