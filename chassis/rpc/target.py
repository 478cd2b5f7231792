"""Where a channel leads: the gRPC target of a peer's addresses, and how calls are spread over them and retried."""

import socket
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import MethodOptions

import retailstack


def target_of(addresses: Sequence[str]) -> str:
    """The gRPC target for one or several `host:port`.

    A single name is resolved by gRPC, which follows changes of the replicas (a headless service). Several are a
    fixed list of replicas: names among them are looked up once.
    """
    if len(addresses) == 1:
        return f"dns:///{addresses[0]}"
    resolved = [_numeric(address) for address in addresses]
    kind = "ipv6" if any(address.startswith("[") for address in resolved) else "ipv4"
    return f"{kind}:{','.join(resolved)}"


def _numeric(address: str) -> str:
    host, _, port = address.rpartition(":")
    if host.startswith("["):
        return address
    found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    four = [info[4][0] for info in found if info[0] == socket.AF_INET]
    return f"{four[0]}:{port}" if four else f"[{found[0][4][0]}]:{port}"


@cache
def service_config() -> dict[str, Any]:
    """Round robin for all calls, and retries for those that may be repeated."""
    return {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": safe_methods(),
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "0.5s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }


def safe_methods() -> list[dict[str, str]]:
    """The methods that the proto marks as safe to repeat (`idempotency_level`), for a service config."""
    return [
        {"service": service.full_name, "method": method.name}
        for module_name in _generated_modules()
        for service in import_module(module_name).DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if method.GetOptions().idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN
    ]


def _generated_modules() -> list[str]:
    # A namespace package may list the same folder twice.
    return sorted(
        {
            ".".join(("retailstack", *path.relative_to(root).with_suffix("").parts))
            for root in map(Path, retailstack.__path__)
            for path in root.rglob("*_pb2.py")
        }
    )
