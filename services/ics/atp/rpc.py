"""What other services ask about availability: the same answers as over HTTP, or a stream of them."""

from collections.abc import AsyncGenerator
from typing import Any

from chassis.errors import invalid_field
from chassis.rpc.endpoints import RpcEndpoints
from retailstack.ics.v1 import stock_pb2 as pb

STREAM_VARIANTS_MAX = 10_000
STREAM_PART_VARIANTS = 100
"""Variants of one answer in a stream: as many as one question may ask for."""


class Availability:
    """The questions of `Inventory` about availability."""

    endpoints: RpcEndpoints

    async def AtpQuery(self, request: pb.AtpQueryRequest, context: Any) -> pb.AtpQueryResponse:
        return await self.endpoints.ask("ics_atp_query", request, pb.AtpQueryResponse(), context)

    async def AtpStream(self, request: pb.AtpQueryRequest, context: Any) -> AsyncGenerator[pb.AtpQueryResponse, None]:
        variants = list(request.variant_ids)
        if len(variants) > STREAM_VARIANTS_MAX:
            raise invalid_field("variant_ids", f"names more than {STREAM_VARIANTS_MAX}")
        if len(set(variants)) < len(variants):
            raise invalid_field("variant_ids", "names one more than once")
        # None at all is one question, too, and refused like it.
        for start in range(0, max(1, len(variants)), STREAM_PART_VARIANTS):
            part = pb.AtpQueryRequest()
            part.CopyFrom(request)
            del part.variant_ids[:]
            part.variant_ids.extend(variants[start : start + STREAM_PART_VARIANTS])
            yield await self.AtpQuery(part, context)
