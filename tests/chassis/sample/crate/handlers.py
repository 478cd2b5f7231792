"""Endpoints of every kind."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from chassis.caller import SIGNED_IN, Call
from chassis.endpoint import Answer, Endpoints, Request, Revised
from chassis.entity import Value
from chassis.errors import InvalidState
from chassis.unit import Change, View
from chassis.values import Code, Date, Delta, Guid, Id, Map, Money, Name, Qty, Text, Utc
from tests.chassis.sample.crate.store import CRATES, Crate, State

endpoints = Endpoints("sample", "/crate")


class CrateEnvelope(Answer):
    crate: Crate


class LineInput(Value, forbid_unknown_fields=True):
    variant_id: Guid
    quantity: Qty
    note: Text | None = None


class CrateCreateRequest(Request):
    code: Code
    name: Name | None = None


@endpoints.post(
    "/create",
    roles=["sample_keeper"],
    needs=["logical_guid"],
    idempotent=True,
    emits=["sample.crate.created"],
)
async def sample_crate_create(call: Call, change: Change, body: CrateCreateRequest) -> CrateEnvelope:
    """Make a crate in the facility."""
    crate = Crate(crate_id=change.new_id(), logical_guid=call.logical_guid, code=body.code, name=body.name)
    crate = await change.insert(CRATES, crate)
    change.emit("sample.crate.created", crate.crate_id, crate=crate)
    return CrateEnvelope(crate=crate)


class CrateCloseRequest(Revised):
    crate_id: Id


@endpoints.post("/close", roles=["sample_keeper"], emits=["sample.crate.closed"])
async def sample_crate_close(change: Change, body: CrateCloseRequest) -> CrateEnvelope:
    """Close a crate."""
    crate = await change.load(CRATES, body.crate_id, body.expected_revision)
    if crate.state == "closed":
        raise InvalidState("the crate is closed", status=crate.state)
    crate = await change.update(CRATES, replace(crate, state="closed"))
    change.emit("sample.crate.closed", crate.crate_id, crate=crate)
    return CrateEnvelope(crate=crate)


class CrateGetRequest(Request):
    crate_id: Id


@endpoints.get("/get", roles=["sample_view", "sample_keeper"])
async def sample_crate_get(view: View, body: CrateGetRequest) -> CrateEnvelope:
    """One crate."""
    return CrateEnvelope(crate=await view.load(CRATES, body.crate_id))


class Echo(Answer):
    said: Map


class EchoRequest(Request):
    """A field of every kind."""

    variant_id: Guid
    quantity: Qty
    delta: Delta | None = None
    code: Code | None = None
    channel_code: Code | None = None
    at_utc: Utc | None = None
    day: Date | None = None
    price: Money | None = None
    attributes: Map | None = None
    purpose: Literal["pick", "storage"] = "storage"
    limit: Annotated[int, Meta(ge=1)] | None = 25
    lines: Annotated[list[LineInput], Meta(max_length=3)] = []  # noqa: RUF012  msgspec copies it
    secret_code: Text | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        return [("delta", "needs a code")] if self.delta is not None and self.code is None else ()


@endpoints.post("/echo", roles=["sample_view"])
async def sample_crate_echo(call: Call, body: EchoRequest) -> Echo:
    """Say what was understood."""
    said = {name: getattr(body, name) for name in body.__struct_fields__}
    return Echo(said={**said, "facility": call.facility, "channel": call.channel, "cost": call.cccode})


class CrateAskRequest(Request):
    quantity: Qty | None = None
    exact: bool = False
    states: list[State] = []  # noqa: RUF012  msgspec copies it
    secret_code: Text | None = None


@endpoints.get("/ask", roles=[SIGNED_IN], tenant=False)
async def sample_crate_ask(body: CrateAskRequest) -> Echo:
    """Say what was understood of a query."""
    return Echo(said={name: getattr(body, name) for name in body.__struct_fields__})


@endpoints.post("/break", roles=["sample_keeper"])
async def sample_crate_break(change: Change) -> Echo:
    """Fail as nobody meant it to."""
    raise RuntimeError(f"the password is hunter2, says {change.now}")
