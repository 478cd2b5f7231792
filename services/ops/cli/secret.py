"""`stackctl secret`: set the operator's secret code, or rotate it."""

import os
import sys
from typing import Annotated, Any

from cyclopts import App, Parameter

from retailstack.ops.v1.secret_pb2 import SetSecretRequest
from retailstack.ops.v1.secret_pb2_grpc import SecretStub
from services.ops.cli.options import UsageError
from services.ops.cli.stack import SECRET_FILE, Given, Stack, ask_secret, read_fd, read_file

NEW_SECRET_FILE = "STACK_NEW_SECRET_FILE"  # noqa: S105  a variable's name

secret = App(name="secret", help="The operator's secret code.")


@secret.command(name="set")
async def set_(
    *,
    secret_file: Annotated[str | None, Parameter(help="Read the new code from this file.")] = None,
    first: Annotated[bool, Parameter(negative="", help="Change nothing if a code is set already.")] = False,
    current_fd: Annotated[int | None, Parameter(help="Read the current code from this file descriptor.")] = None,
    stack: Given,
) -> dict[str, Any]:
    """Set the secret code, or rotate it.

    The new code comes from --secret-file, from the file STACK_NEW_SECRET_FILE names, from --secret-fd, or twice from a
    prompt. Rotation needs the current one too: from --current-fd, from the file STACK_SECRET_FILE names, or from a
    prompt.
    """
    current_code = None if first else _current(current_fd)
    stub = SecretStub(stack.open_channels.channel("ops"))
    new_code = _new(stack, secret_file or os.environ.get(NEW_SECRET_FILE))
    request = SetSecretRequest(new_code=new_code, current_code=current_code, only_first=first)
    answer = await stub.Set(request, timeout=15)
    return {"ok": answer.ok} | ({"changed": answer.changed} if first else {})


def _current(current_fd: int | None) -> str | None:
    if current_fd is not None:
        return read_fd(current_fd)
    path = os.environ.get(SECRET_FILE)
    if path:
        return read_file(path)
    if sys.stdin.isatty() and _is_to_be_rotated():
        return ask_secret("current secret code: ")
    return None


def _is_to_be_rotated() -> bool:
    print("Is there a code already? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _new(stack: Stack, path: str | None) -> str:
    if path:
        return read_file(path)
    if stack.options.secret_fd is not None:
        return read_fd(stack.options.secret_fd)
    first = ask_secret("new secret code: ")
    if ask_secret("and once more: ") != first:
        raise UsageError("the two are not the same")
    return first
