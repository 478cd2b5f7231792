from typing import Any

import pytest

from chassis.caller import Call
from chassis.clock import Clock
from chassis.endpoint import Answer, Endpoints, Request, Revised
from chassis.unit import Change, View


class DoneAnswer(Answer):
    ok: bool


class AskRequest(Request):
    word: str


class ChangeRequest(Revised):
    word: str


def declared(handler: Any, **options: Any) -> Any:
    endpoints = Endpoints("shop", "/door")
    endpoints.post("/open", **options)(handler)
    return endpoints.declared[0]


def test_the_declaration_is_read_off_the_handler() -> None:
    async def shop_door_open(call: Call, change: Change, body: ChangeRequest) -> DoneAnswer:
        """Open the door.

        It may creak.
        """
        return DoneAnswer(ok=True)

    endpoint = declared(shop_door_open, roles=["keeper"], needs=["logical_guid"], emits=["shop.door.opened"])
    assert (endpoint.method, endpoint.path, endpoint.call) == ("POST", "/door/open", "shop_door_open")
    assert (endpoint.summary, endpoint.description) == ("Open the door.", "It may creak.")
    assert (endpoint.access, endpoint.wants_call, endpoint.revised) == ("change", True, True)
    assert (endpoint.request, endpoint.answer) == (ChangeRequest, DoneAnswer)
    assert (endpoint.roles, endpoint.needs, endpoint.emits) == (("keeper",), ("logical_guid",), ("shop.door.opened",))


def test_a_handler_may_ask_for_what_the_process_provides() -> None:
    async def shop_door_look(clock: Clock, body: AskRequest) -> DoneAnswer:
        """Look."""
        return DoneAnswer(ok=True)

    endpoint = declared(shop_door_look)
    assert endpoint.asks == {"clock": Clock}
    assert (endpoint.access, endpoint.revised) == ("none", False)


def test_what_is_wrong_in_a_declaration_stops_the_import() -> None:
    async def silent(call: Call) -> DoneAnswer:
        return DoneAnswer(ok=True)

    async def answerless(call: Call):  # type: ignore[no-untyped-def]  # noqa: ANN202
        """Say nothing."""

    async def loose(call: Call) -> dict[str, int]:
        """Answer just anything."""
        return {}

    async def misnamed(view: Change) -> DoneAnswer:
        """Ask for a change by the wrong name."""
        return DoneAnswer(ok=True)

    async def greedy(view: View, clock: Clock) -> DoneAnswer:
        """Ask for more than a driven handler may have."""
        return DoneAnswer(ok=True)

    for handler, said in (
        (silent, "no docstring"),
        (answerless, "does not say which struct"),
        (loose, "does not say which struct"),
        (misnamed, "asks for view"),
        (greedy, "driven by the engine"),
    ):
        with pytest.raises(TypeError, match=said):
            declared(handler)
