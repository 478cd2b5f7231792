"""The secret code over gRPC: set by operators, checked for other services."""

from typing import Any

from chassis.rpc.context import current_call, require_stack
from chassis.rpc.declaration import Servicer
from chassis.rpc.interceptors import EVERY_SERVICE, SecretVerdict
from retailstack.ops.v1 import secret_pb2, secret_pb2_grpc
from services.ops.announced import Announcements
from services.ops.secret.service import SecretService


class SecretServicer(secret_pb2_grpc.SecretServicer):
    """`Set` needs no caller header: the first code is set without one. The rest is for services of the stack."""

    access = "open"
    callers = EVERY_SERVICE

    def __init__(self, secret_service: SecretService, announcements: Announcements) -> None:
        self._keeper = secret_service
        self._announcements = announcements

    async def Set(self, request: secret_pb2.SetSecretRequest, context: Any) -> secret_pb2.SetSecretResponse:
        current = request.current_code if request.HasField("current_code") else None
        peer = current_call().peer or ""
        changed = await self._keeper.set(request.new_code, current, peer, only_first=request.only_first)
        return secret_pb2.SetSecretResponse(ok=True, changed=changed)

    async def Check(self, request: secret_pb2.CheckSecretRequest, context: Any) -> secret_pb2.CheckSecretResponse:
        require_stack()
        verdict = await self._keeper.check(request.code, request.peer)
        return secret_pb2.CheckSecretResponse(
            ok=verdict.ok,
            locked=verdict.locked,
            retry_after_seconds=verdict.retry_after_seconds,
            code_id=verdict.code_id,
        )

    async def Current(self, request: secret_pb2.CurrentSecretRequest, context: Any) -> secret_pb2.CurrentSecretResponse:
        require_stack()
        code_id = await self._announcements.code_id(request.known_code_id, request.wait_seconds)
        return secret_pb2.CurrentSecretResponse(code_id=code_id)

    def release(self) -> None:
        """Answer all who wait: the process stops."""
        self._announcements.release()

    async def check_secret(self, code: str, peer: str) -> SecretVerdict:
        """Checks a code in the metadata of a call in this process, without asking OPS over gRPC."""
        return await self._keeper.check(code, peer)


servicers = [Servicer(secret_pb2_grpc.add_SecretServicer_to_server, SecretServicer)]
