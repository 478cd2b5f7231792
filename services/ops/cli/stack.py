"""What a command needs of the stack: channels to its services, the secret code, and confirmation prompts."""

import getpass
import os
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import grpc
from cyclopts import Parameter

from chassis.rpc.client import Channels
from chassis.rpc.refusals import PeerUnreachable
from chassis.rpc.tls import Tls
from services.ops.cli.options import Options, UsageError
from services.ops.cli.output import Output

SECRET_FILE = "STACK_SECRET_FILE"  # noqa: S105  a variable's name
YES = {"y", "yes"}


class Addressed(Channels):
    """Channels of a command. A service without an address counts as unreachable."""

    def channel(self, peer: str) -> grpc.aio.Channel:
        """The channel to a service. Raises `PeerUnreachable` if it has no address."""
        if peer not in self.addresses:
            raise PeerUnreachable(f"no address of {peer} is known: say --{peer}-grpc, or STACK_{peer.upper()}_GRPC")
        return super().channel(peer)


class Stack:
    """The stack during one command."""

    def __init__(self, options: Options, output: Output) -> None:
        self.options = options
        self.output = output
        # One set of channels sends the code with every call; the other is for calls that carry their own code, or none.
        self.tls = read_tls(os.environ)
        self.channels = Addressed(options.addresses, secret_code=lambda: self.secret, tls=self.tls)
        self.open_channels = Addressed(options.addresses, tls=self.tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.channels.close()
        await self.open_channels.close()

    @property
    def peers(self) -> list[str]:
        """The services that have an address. Raises `PeerUnreachable` if there are none."""
        known = [peer for peer, addresses in self.options.addresses.items() if addresses]
        if not known:
            raise PeerUnreachable("no address of any service is known: say STACK_OPS_GRPC and its like")
        return known

    @cached_property
    def secret(self) -> str:
        """The operator's secret code; the prompt appears once."""
        if self.options.secret_fd is not None:
            return read_fd(self.options.secret_fd)
        path = os.environ.get(SECRET_FILE)
        if path:
            return read_file(path)
        return ask_secret("secret code: ")

    def confirm(self, what: str) -> None:
        """Ask before an irreversible step, unless `--yes` is given. Raises `UsageError` if the answer is not yes."""
        if self.options.yes:
            return
        print(f"{what} Sure? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in YES:
            raise UsageError("not done; say yes, or --yes beforehand")


Given = Annotated[Stack, Parameter(parse=False)]
"""A command's parameter that `app.py` fills, not the command line."""


def read_tls(environ: Mapping[str, str]) -> Tls | None:
    """The operator's certificate for mutual TLS, from STACK_TLS_CERTIFICATE_FILE and related variables, or None."""
    named = {part: environ.get(f"STACK_TLS_{part.upper()}_FILE") for part in Tls.__struct_fields__}
    if not any(named.values()):
        return None
    texts = {}
    for part, path in named.items():
        if not path:
            raise UsageError(f"STACK_TLS_{part.upper()}_FILE is missing; the three of them go together")
        texts[part] = read_file(path)
    return Tls(**texts)


def read_fd(number: int) -> str:
    """The text of a file descriptor, without the line end."""
    try:
        with os.fdopen(os.dup(number), encoding="utf-8") as file:
            return _checked(file.read())
    except OSError as problem:
        raise UsageError(f"file descriptor {number} can't be read: {problem.strerror}") from None


def read_file(path: str) -> str:
    """The text of a file, without the line end."""
    try:
        return _checked(Path(path).read_text(encoding="utf-8"))
    except OSError as problem:
        raise UsageError(f"{path} can't be read: {problem.strerror}") from None


def ask_secret(prompt: str) -> str:
    """A hidden input. Raises `UsageError` without a terminal."""
    if not sys.stdin.isatty():
        raise UsageError(f"no secret code: use --secret-fd, or set {SECRET_FILE}")
    return _checked(getpass.getpass(prompt, stream=sys.stderr))


def _checked(text: str) -> str:
    text = text.rstrip("\r\n")
    if not text:
        raise UsageError("what should be a secret is empty")
    return text
