"""Knows which secret code is set, so that root tokens end with the code they were given for.

OPS answers a question that is kept open when the code changes. While it cannot be asked, the code known last counts as
the current one: a code is only rotated by OPS.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic

from chassis.errors import Refusal
from chassis.resource import resource
from chassis.rpc.client import Channels
from chassis.telemetry.log import get_logger
from retailstack.ops.v1.secret_pb2 import CurrentSecretRequest
from retailstack.ops.v1.secret_pb2_grpc import SecretStub

RETRY_SECONDS = 1.0
ASK_SECONDS = 1.0
"""How long an answer may take, beyond the time that OPS waits for a change."""

WAIT_SECONDS = 50
"""How long OPS waits for a change before it answers all the same."""

log = get_logger("visualgrid.rotation")


class Rotation:
    """The id of the current secret code, as far as known; None until OPS has answered."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self.code_id: str | None = None

    async def is_current(self, code_id: str) -> bool:
        """Whether a code is still the one that is set. Asks OPS only where the code known last is another."""
        if self.code_id is not None and self.code_id != code_id:
            # The token may be newer than the last answer.
            await self.ask()
        return self.code_id is None or self.code_id == code_id

    async def ask(self, wait_seconds: int = 0) -> bool:
        """Ask OPS once, and keep what was known if it does not answer; whether it did.

        OPS may wait so long for another code than the one known here.
        """
        with suppress(Refusal):
            stub = SecretStub(self._channels.channel("ops"))
            wait_seconds = wait_seconds if self.code_id else 0
            request = CurrentSecretRequest(known_code_id=self.code_id or "", wait_seconds=wait_seconds)
            seconds = ASK_SECONDS + wait_seconds
            answer = await stub.Current(request, timeout=seconds, metadata=self._channels.own_name("ops"))
            self.code_id = answer.code_id
            return True
        return False

    async def keep_asking(self) -> None:
        """Ask for ever. OPS answers at once only if the code has changed."""
        while True:
            answered, known, began = False, self.code_id, monotonic()
            try:
                answered = await self.ask(WAIT_SECONDS)
            except Exception:
                # The loop must not end, because tokens would outlive a rotation.
                log.exception("asking OPS for the current code failed")
            # An OPS that is about to stop does not wait.
            hurried = self.code_id == known and monotonic() - began < WAIT_SECONDS
            if not answered or not self.code_id or hurried:
                await asyncio.sleep(RETRY_SECONDS)


@resource
async def rotation(channels: Channels) -> AsyncIterator[Rotation]:
    """Follows rotations of the secret code."""
    follower = Rotation(channels)
    task = asyncio.create_task(follower.keep_asking(), name="secret rotation")
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
