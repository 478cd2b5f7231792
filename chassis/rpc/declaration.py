"""Declaration of a feature's gRPC servicers.

    servicers = [Servicer(zone_pb2_grpc.add_ZoneServicer_to_server, ZoneServicer)]

The parameters of the servicer class ask for things of the process by type (`Units`, `Channels`, the settings struct,
`RpcEndpoints`, a resource …), as those of endpoints and jobs do.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chassis.provided import Provided, asks_of

Add = Callable[[Any, Any], None]
"""The generated `add_…Servicer_to_server`."""

Served = tuple[Add, Any]
"""A servicer, and the function that adds it to a server."""


class Servicer:
    """A declared servicer: the generated function that adds it, and the class to make it of."""

    def __init__(self, add: Add, servicer: Callable[..., Any]) -> None:
        self.add = add
        self.servicer = servicer
        self.asks: Mapping[str, type] = asks_of(servicer)

    @property
    def name(self) -> str:
        """Name of the servicer in errors about dependencies that are missing."""
        return f"servicer {self.servicer.__qualname__}"

    def made_of(self, provided: Provided) -> Served:
        """Create the servicer from what the process provides."""
        return self.add, self.servicer(**provided.arguments(self.name, self.asks))
