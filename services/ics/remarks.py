"""Remarks: the notes and reasons that callers gave with their changes of a record, kept on the record. Pure."""

from typing import Annotated, Any, TypeVar

from msgspec import Meta
from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc
from chassis.entity import Record, Value
from chassis.values import Guid, Name, Revision, Text
from chassis.values import Utc as UtcField

REMARKS_MAX = 100
"""Remarks that a record keeps; older ones are dropped."""

R = TypeVar("R", bound=Record)


class Remark(Value):
    """A note or reason that somebody gave with a call.

    call      the name of the call
    line_no   the line it is about; None: the record as a whole
    revision  of the record, after that call
    """

    call: Name
    line_no: Annotated[int, Meta(ge=1, le=500)] | None = None
    text: Text
    revision: Revision
    made_utc: UtcField
    made_by: Guid


Remarks = Annotated[list[Remark], Meta(max_length=REMARKS_MAX)]


def remarked(record: R, call: Call, now: Utc, text: str | None, line_no: int | None = None) -> R:
    """The record, which the call changes, with the text as its newest remark; unchanged if the text is None."""
    if text is None:
        return record
    known: Any = record
    remark = Remark(
        call=call.name,
        line_no=line_no,
        text=text,
        revision=record.revision + 1,
        made_utc=now,
        made_by=call.caller.actor,
    )
    return replace(record, remarks=[remark, *known.remarks][:REMARKS_MAX])
