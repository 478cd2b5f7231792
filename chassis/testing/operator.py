"""The operator in tests of one service: channels to it with a secret code that it accepts without asking OPS."""

from chassis.app import Application
from chassis.clock import SystemClock
from chassis.rpc.client import Channels
from chassis.rpc.interceptors import SecretVerdict

CODE = "the operator's code in tests"


def operator_channels(application: Application) -> Channels:
    """Channels to a running service, as `stackctl` has them."""
    server = application.runtime.rpc
    assert server is not None
    server.check_codes(_is_right)
    address = f"127.0.0.1:{application.runtime.grpc_port}"
    return Channels({application.service.name: (address,)}, secret_code=lambda: CODE, clock=SystemClock())


async def _is_right(code: str, _: str) -> SecretVerdict:
    return SecretVerdict(ok=code == CODE)
