"""Postings at ICS, over gRPC: one call each, under the key of the posting, so that a repetition changes nothing."""

from typing import Any

from chassis.caller import Call
from chassis.entity import Value
from chassis.errors import DatabaseError, InternalError, MaintenanceActive, Refusal, StillRunning, Throttled
from chassis.rpc.client import Channels
from chassis.rpc.context import acting_for
from retailstack.ics.v1 import stock_pb2 as pb
from retailstack.ics.v1.stock_pb2_grpc import InventoryStub
from services.slc.order.domain import Posting, posting_key

CALL_SECONDS = 10.0


class Posted(Value):
    """What ICS answered for a posting: its document, and of commits their id and revision.

    ships  of a commit: units shipped by carrier and reference, not read here
    """

    document_type: str
    document_id: str
    commit_id: str | None = None
    commit_revision: int | None = None


class PostingRefused(Value):
    """Why ICS refused a posting.

    reason            `insufficient_stock`, `conflict_state`, `revision_conflict`, `not_found` …
    available         units that could be promised, of insufficient_stock
    current_revision  of revision_conflict
    releasable        units that can be released, of conflict_state
    """

    reason: str
    message: str
    available: int | None = None
    current_revision: int | None = None
    releasable: int | None = None


class Stock:
    """ICS, as the stack itself asks it."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    async def post(self, call: Call, posting: Posting, channel_code: str) -> Posted | PostingRefused:
        """Make a posting. Raises `Refusal`s that are retryable: then nothing is known of it."""
        stub = InventoryStub(self._channels.channel("ics"))
        context = pb.CallContext(
            logical_guid=posting.logical_guid, channel_code=channel_code, idempotency_key=posting_key(posting)
        )
        try:
            with acting_for(call, CALL_SECONDS):
                posted: Posted = await _POSTS[posting.kind](stub, context, posting)
                return posted
        except Refusal as refusal:
            if refusal.retryable or isinstance(
                refusal, StillRunning | Throttled | MaintenanceActive | InternalError | DatabaseError
            ):
                raise
            return refused(refusal)

    async def promisable(self, call: Call, variant_id: str, logical_guid: str, channel_code: str) -> int:
        """Units of a variant that a facility can promise to a channel."""
        stub = InventoryStub(self._channels.channel("ics"))
        request = pb.AtpQueryRequest(variant_ids=[variant_id], logical_guids=[logical_guid], channel_code=channel_code)
        with acting_for(call, CALL_SECONDS):
            answer = await stub.AtpQuery(request)
        return max(0, answer.items[0].promisable) if answer.items else 0


def refused(refusal: Refusal) -> PostingRefused:
    """A refusal of ICS, with what its details say."""
    details = refusal.details
    shortages = details.get("shortages") or ()
    first: Any = shortages[0] if shortages else {}
    reason = "insufficient_stock" if shortages else refusal.reason
    return PostingRefused(
        reason=reason,
        message=refusal.message,
        available=max(0, int(first.get("available", 0))) if shortages else None,
        current_revision=details.get("current_revision"),
        releasable=details.get("releasable"),
    )


async def _commit(stub: Any, context: pb.CallContext, posting: Posting) -> Posted:
    request = pb.CommitCreateDirectRequest(
        context=context,
        variant_id=posting.variant_id,
        quantity=posting.quantity,
        order_ref=posting.shopify_order_id,
        order_line_ref=posting.line_id,
    )
    return _of_commit((await stub.CommitCreateDirect(request)).commit)


async def _release(stub: Any, context: pb.CallContext, posting: Posting) -> Posted:
    request = pb.CommitReleaseRequest(
        context=context,
        commit_id=posting.commit_id or "",
        expected_revision=posting.commit_revision,
        quantity=posting.quantity,
    )
    return _of_commit((await stub.CommitRelease(request)).commit)


async def _ship(stub: Any, context: pb.CallContext, posting: Posting) -> Posted:
    request = pb.ShipRecordRequest(
        context=context,
        commit_id=posting.commit_id or "",
        expected_revision=posting.commit_revision,
        quantity=posting.quantity,
        from_stage="open",
    )
    return _of_commit((await stub.ShipRecord(request)).commit)


async def _receive(stub: Any, context: pb.CallContext, posting: Posting) -> Posted:
    line = pb.ReceiveLineInput(variant_id=posting.variant_id, quantity=posting.quantity)
    request = pb.ReceiveRecordRequest(
        context=context, source="customer", source_ref=posting.source_ref or posting.shopify_order_id, lines=[line]
    )
    receive = (await stub.ReceiveRecord(request)).receive
    return Posted(document_type="receive", document_id=receive.receive_id, commit_id=posting.commit_id)


def _of_commit(commit: pb.Commit) -> Posted:
    return Posted(
        document_type="commit",
        document_id=commit.commit_id,
        commit_id=commit.commit_id,
        commit_revision=commit.revision,
    )


_POSTS: dict[str, Any] = {"commit": _commit, "release": _release, "ship": _ship, "return": _receive}
