"""The gRPC calls on availability. They give the answers of the HTTP endpoint, at once or as a stream."""

from collections.abc import AsyncGenerator
from typing import Any

from chassis.errors import invalid_field
from chassis.rpc.endpoints import RpcEndpoints
from retailstack.ics.v1 import stock_pb2 as pb

STREAM_VARIANTS_MAX = 10_000
STREAM_PART_VARIANTS = 100
"""Variants in one message of a stream; the same limit as for one query."""


class Availability:
    """The availability calls of the `Inventory` service."""

    endpoints: RpcEndpoints

    async def AtpQuery(self, request: pb.AtpQueryRequest, context: Any) -> pb.AtpQueryResponse:
        return await self.endpoints.ask("ics_atp_query", request, pb.AtpQueryResponse(), context)

    async def AtpStream(self, request: pb.AtpQueryRequest, context: Any) -> AsyncGenerator[pb.AtpQueryResponse, None]:
        variants = list(request.variant_ids)
        if len(variants) > STREAM_VARIANTS_MAX:
            raise invalid_field("variant_ids", f"names more than {STREAM_VARIANTS_MAX}")
        if len(set(variants)) < len(variants):
            raise invalid_field("variant_ids", "names one more than once")
        # An empty list still makes one query, so it is refused with the same error as over HTTP.
        for start in range(0, max(1, len(variants)), STREAM_PART_VARIANTS):
            part = pb.AtpQueryRequest()
            part.CopyFrom(request)
            del part.variant_ids[:]
            part.variant_ids.extend(variants[start : start + STREAM_PART_VARIANTS])
            yield await self.AtpQuery(part, context)
