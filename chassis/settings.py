"""Settings: one frozen struct a service, filled once from a mapping. An invalid value stops the start.

A field `http_port` is read from `HTTP_PORT`; any field may come from the file that `HTTP_PORT_FILE` names instead,
which is how secrets are mounted. Other names in the mapping are ignored.
"""

import os
import socket
import typing
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from chassis.frozen import Frozen
from chassis.key_ring import KeyRing

S = TypeVar("S", bound="BaseSettings")

Port = Annotated[int, Meta(ge=0, le=65535)]
"""A TCP port; 0 lets the system choose."""

Addresses = tuple[str, ...]
"""Where the replicas of a peer are, comma-separated in the environment."""


class SettingsError(Exception):
    """A setting that is missing or invalid; the text is one line that names it."""


class Secret(str):
    """Text whose value never shows in `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')"


class KeyText(Secret):
    """Text of keys, and the file that it came from, which may change while the process runs; None: from no file."""

    path: Path | None = None

    @classmethod
    def of(cls, text: str, path: Path | None) -> "KeyText":
        """The text with its file."""
        made = cls(text)
        made.path = path
        return made


def _replica() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class BaseSettings(Frozen):
    """The settings of every process of the stack.

    mongodb_database    the service's name if empty
    mongodb_engine      `embedded` if the engine of a local stack is behind the URI
    amqp_prefix         put before the names of exchange and queues, so that several stacks can share a broker
    caller_key          what other keys are derived from where they are left empty; 32 bytes or more
    caller_signing_keys the private keys of this process's service, the first of which signs (`auth/keys.py`)
    caller_public_keys  the public keys of the gateway and all services; both are read again when their files change
    page_key            seals page tokens; derived from `caller_key` if empty
    *_grpc              the replicas of each peer, as `host:port`
    grpc_reuse_port     whether several processes listen on the gRPC port, as the workers of one gateway do
    replica             the name of this process among its replicas, in leases and log lines
    grpc_tls_*          certificate, key and authority as PEM text, all three: then gRPC is mutual TLS
    cpu_processes       child processes for long computations (regular expressions, large JSON …), started as needed
    outgoing_allow      networks (`10.1.0.0/16`) that calls to other systems may reach although they are not public
    start_seconds       how long the process waits at start for a database that does not answer yet
    drain_seconds       how long calls are still accepted after the process was told to stop and is no longer ready
    outbox_events_max   events that may wait for the broker; while there are more, changes are refused
    shutdown_seconds    how long work in progress may take after the process was told to stop
    """

    mongodb_uri: Secret
    mongodb_database: str = ""
    mongodb_driver: Literal["motor", "pymongo"] = "motor"
    mongodb_engine: Literal["", "embedded"] = ""
    amqp_url: Secret
    amqp_prefix: str = ""
    http_host: str = "127.0.0.1"
    http_port: Port = 0
    grpc_host: str = "127.0.0.1"
    grpc_port: Port = 0
    grpc_reuse_port: bool = False
    private_host: str = "127.0.0.1"
    private_port: Port = 0
    caller_key: Annotated[Secret, Meta(min_length=32)]
    caller_signing_keys: KeyText
    caller_public_keys: KeyText
    page_key: Secret = Secret("")
    ops_grpc: Addresses = ()
    gateway_grpc: Addresses = ()
    ics_grpc: Addresses = ()
    pmc_grpc: Addresses = ()
    slc_grpc: Addresses = ()
    visualgrid_grpc: Addresses = ()
    grpc_tls_certificate: str = ""
    grpc_tls_key: Secret = Secret("")
    grpc_tls_authority: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    build_id: str = "dev"
    build_major: Annotated[int, Meta(ge=0)] = 0
    build_minor: Annotated[int, Meta(ge=0)] = 1
    replica: str = msgspec.field(default_factory=_replica)
    cpu_processes: Annotated[int, Meta(ge=1, le=64)] = 2
    start_seconds: Annotated[float, Meta(ge=0, le=3600)] = 120.0
    drain_seconds: Annotated[float, Meta(ge=0, le=600)] = 0.0
    outbox_events_max: Annotated[int, Meta(ge=1)] = 1_000_000
    shutdown_seconds: Annotated[float, Meta(gt=0, le=3600)] = 20.0
    outgoing_allow: Addresses = ()
    otel_exporter_otlp_endpoint: str = ""

    def sealing_keys(self) -> KeyRing:
        """The keys that secrets of records are sealed under; a service with such records says which."""
        return KeyRing()


def load(struct: type[S], environ: Mapping[str, str]) -> S:
    """The settings that a mapping says; SettingsError names the first one that is missing or can't be used."""
    hints = typing.get_type_hints(struct, include_extras=True)
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        name = field.name.upper()
        text = _text_of(name, environ)
        if text is not None:
            values[field.name] = _value(name, text, hints[field.name])
            if isinstance(values[field.name], KeyText) and (path := environ.get(f"{name}_FILE", "").strip()):
                values[field.name] = KeyText.of(text, Path(path))
        elif field.required:
            raise SettingsError(f"{name} is not set (nor is {name}_FILE)")
    return struct(**values)


def _text_of(name: str, environ: Mapping[str, str]) -> str | None:
    """The text of a setting, from the mapping or from the file it names; an empty one counts as left out."""
    text = environ.get(name, "").strip()
    path = environ.get(f"{name}_FILE", "").strip()
    if text and path:
        raise SettingsError(f"{name} and {name}_FILE are both set; one of them has to go")
    if path:
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as failure:
            reason = getattr(failure, "strerror", None) or "not UTF-8 text"
            raise SettingsError(f"{name}_FILE: can't read {path}: {reason}") from None
        if not text:
            raise SettingsError(f"{name}_FILE: {path} is empty")
    return text or None


def _value(name: str, text: str, hint: Any) -> Any:
    plain = _plain(hint)
    if plain is KeyRing:
        try:
            return KeyRing.from_text(text)
        except ValueError as failure:
            raise SettingsError(f"{name}: {failure}") from None
    if plain is KeyText:
        return KeyText(text)
    if plain is Secret:
        _check_length(name, text, hint)
        return Secret(text)
    if get_origin(plain) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if plain is bool:
        text = text.lower()
    try:
        return msgspec.convert(text, hint, strict=False)
    except msgspec.ValidationError as failure:
        raise SettingsError(f'{name}: "{text}" {_complaint(plain, failure)}') from None


def _plain(hint: Any) -> Any:
    """A field's type without its marks, and without `None` if it is optional."""
    if get_origin(hint) is Annotated:
        return _plain(get_args(hint)[0])
    if get_origin(hint) in {Union, UnionType}:
        return _plain(next(part for part in get_args(hint) if part is not type(None)))
    return hint


def _check_length(name: str, text: str, hint: Any) -> None:
    for mark in getattr(hint, "__metadata__", ()):
        if isinstance(mark, Meta) and mark.min_length is not None and len(text.encode()) < mark.min_length:
            raise SettingsError(f"{name} is too short: {mark.min_length} bytes or more are needed")


def _complaint(plain: Any, failure: msgspec.ValidationError) -> str:
    """What is wrong with a value, in words that follow it."""
    said = str(failure)
    if get_origin(plain) is Literal:
        return "is none of " + ", ".join(str(word) for word in get_args(plain) if word != "")
    if said.startswith("Expected `") and any(sign in said for sign in ("<", ">", "length", "matching")):
        return "is out of range: " + said[0].lower() + said[1:]
    words = {int: "is not a whole number", float: "is not a number", bool: "is neither true nor false"}
    return words.get(plain, said[0].lower() + said[1:])
