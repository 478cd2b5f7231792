from collections.abc import Callable
from typing import Any

import pytest

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints
from chassis.service import Service, collect
from chassis.settings import BaseSettings
from tests.chassis.feature_given import a_feature
from tests.chassis.sample.app import SAMPLE


class DoneAnswer(Answer):
    ok: bool


def test_what_features_declare_is_collected() -> None:
    parts = collect(SAMPLE)
    assert [entity.name for entity in parts.entities] == ["crate"]
    assert {event.type for event in parts.events} == {"sample.crate.created", "sample.crate.closed"}
    assert len(parts.endpoints) == 9


@pytest.fixture
def a_service(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Service]:
    """A service of one feature whose handlers module holds these endpoints."""

    def make(endpoints: Endpoints, **more: Any) -> Service:
        given = {
            "name": "shop",
            "settings": BaseSettings,
            "package": a_feature(monkeypatch, "door", handlers={"endpoints": endpoints}),
            "features": ["door"],
            "roles": {"keeper": ""},
        }
        return Service(**{**given, **more})

    return make


def declare(endpoints: Endpoints, path: str = "/open", **options: Any) -> None:
    async def shop_door_open(call: Call) -> DoneAnswer:
        """Open."""
        return DoneAnswer(ok=True)

    endpoints.post(path, **options)(shop_door_open)


def test_an_undeclared_role_stops_the_start(a_service: Callable[..., Service]) -> None:
    endpoints = Endpoints("shop", "/door")
    declare(endpoints, roles=["kepper"])
    with pytest.raises(TypeError, match="roles that shop does not declare: \\['kepper'\\]"):
        collect(a_service(endpoints))


def test_an_event_nobody_declares_stops_the_start(a_service: Callable[..., Service]) -> None:
    endpoints = Endpoints("shop", "/door")
    declare(endpoints, emits=["shop.door.opened"])
    with pytest.raises(TypeError, match="emits events that are not declared"):
        collect(a_service(endpoints))


def test_one_path_is_declared_once_unless_an_action_tells_apart(a_service: Callable[..., Service]) -> None:
    endpoints = Endpoints("shop", "/door")
    declare(endpoints, action="open")
    declare(endpoints, action="close")
    assert len(collect(a_service(endpoints)).endpoints) == 2
    declare(endpoints, action="close")
    with pytest.raises(TypeError, match="POST /door/open close is declared twice"):
        collect(a_service(endpoints))
