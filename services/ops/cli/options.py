"""Common options of the command line, exit statuses, and the addresses of the services."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PEERS = ("ops", "gateway", "ics", "pmc", "slc", "visualgrid")
STACK_FILE = Path(".run/stack.env")


DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3
"""Exit statuses."""


class UsageError(Exception):
    """The command line is invalid; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to connect and print. `addresses` maps a service to the `host:port` of its replicas."""

    json: bool = False
    yes: bool = False
    secret_fd: int | None = None
    addresses: Mapping[str, tuple[str, ...]]


def read_addresses(
    flags: Mapping[str, str], environ: Mapping[str, str], stack_file: Path = STACK_FILE
) -> dict[str, tuple[str, ...]]:
    """The addresses of each service: from flags, else the environment, else the file of a local stack."""
    local = read_env(stack_file)
    found = {}
    for peer in PEERS:
        name = f"{peer.upper()}_GRPC"
        said = flags.get(peer) or environ.get(f"STACK_{name}") or local.get(name, "")
        found[peer] = tuple(address.strip() for address in said.split(",") if address.strip())
    return found


def read_env(path: Path) -> dict[str, str]:
    """The `KEY=value` lines of a file; empty if the file does not exist."""
    if not path.is_file():
        return {}
    lines = (line.strip().removeprefix("export ") for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("'\"") for key, _, value in pairs}


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(text: str) -> int:
    """A duration such as `90s`, `30m`, `12h` or `7d` in seconds."""
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS or not number.isdecimal() or int(number) == 0:
        raise UsageError(f'"{text}" is no span of time; say 90s, 30m, 12h or 7d')
    return int(number) * UNITS[unit]
