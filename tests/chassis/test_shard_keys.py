"""Shard keys: what a declaration may say, and what a service with its chassis makes of all of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chassis.entity import ONE_SHARD, Entity, Record, expiring, index, unique
from chassis.generic_servicers import CHASSIS_ENTITIES
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.flush import MARKS
from chassis.service import Service, collect
from chassis.shard_keys import ShardKey, shard_keys
from chassis.work.item import WORK_ENTITIES
from gateway.app import GATEWAY
from tests.house.described import SERVICES


class Crate(Record):
    crate_id: str
    site: str
    marks: list[str]


def crates(**declared: Any) -> Entity[Crate]:
    """An entity of crates with these declarations."""
    return Entity("crate", Crate, collection="crates", id="crate_id", **declared)


def test_the_id_goes_by_its_name_in_the_database() -> None:
    crate = crates(shard_key=("orgcode", "crate_id"), indexes=[index("site"), index("crate_id")])
    assert shard_keys([crate]) == [ShardKey(collection="crates", fields=("orgcode", "_id"))]


@pytest.mark.parametrize("key", [ONE_SHARD, None])
def test_what_stays_on_one_shard_has_no_key(key: tuple[str, ...] | None) -> None:
    assert shard_keys([crates(shard_key=key)]) == []


def test_the_vacuums_own_index_serves_a_key() -> None:
    assert shard_keys([crates(shard_key=("orgcode", "crate_id"))]), "made where no index begins with the org"


def test_a_unique_index_has_to_begin_with_the_key() -> None:
    taken = unique("site", refusal="the site has a crate")
    assert shard_keys([crates(shard_key=("orgcode",), indexes=[taken, index("crate_id")])])
    with pytest.raises(TypeError, match="crates: the unique index site does not begin"):
        shard_keys([crates(shard_key=("orgcode", "crate_id"), indexes=[taken, index("crate_id")])])
    everywhere = unique("site", refusal="the site has a crate", every_org=True)
    with pytest.raises(TypeError, match="the unique index site does not begin"):
        shard_keys([crates(shard_key=("orgcode",), indexes=[everywhere, index("crate_id")])])


@pytest.mark.parametrize(
    "indexes",
    [
        [index("crate_id")],
        [index("crate_id"), index("site", where={"site": "north"})],
        [index("crate_id"), index("site", "marks")],
        [index("crate_id"), expiring("site")],
    ],
    ids=["none", "partial", "over a list", "expiring"],
)
def test_a_whole_index_has_to_begin_with_the_key(indexes: list[Any]) -> None:
    with pytest.raises(TypeError, match="crates: no index begins with the shard key"):
        shard_keys([crates(shard_key=("orgcode", "site"), indexes=indexes)])


def test_the_fields_of_a_key_are_stored() -> None:
    with pytest.raises(TypeError, match=r"crate names fields that it does not store: \['colour'\]"):
        shard_keys([crates(shard_key=("orgcode", "colour"))])


def test_entities_of_one_collection_agree() -> None:
    with pytest.raises(TypeError, match="crate and crate share it and declare different shard keys"):
        shard_keys([crates(shard_key=("orgcode",)), crates(shard_key=("orgcode", "crate_id"))])


@pytest.mark.parametrize("service", [*SERVICES, GATEWAY], ids=lambda service: service.name)
def test_the_keys_of_every_service_can_hold(service: Service) -> None:
    parts = collect(service)
    common = [*CHASSIS_ENTITIES, *WORK_ENTITIES, EVENTS, MARKS]
    keys = {key.collection: key.fields for key in shard_keys([*parts.entities, *common])}
    assert keys["events"] == ("orgcode", "subject")
    for entity in [*parts.entities, *common]:
        fields = keys.get(entity.collection, ())
        for each in entity.indexes:
            assert not each.unique or entity.fields_of(each)[: len(fields)] == fields


def test_the_page_about_scaling_shows_keys_that_are_declared() -> None:
    page = (Path(__file__).parents[2] / "docs/scaling.md").read_text()
    shown = {name: tuple(json.loads(key)) for name, key in re.findall(r'sh\.shardCollection\("([^"]+)", (.*)\)', page)}
    ics = next(service for service in SERVICES if service.name == "ics")
    declared = {f"ics.{key.collection}": key.fields for key in shard_keys(collect(ics).entities)}
    assert shown
    assert shown.items() <= declared.items()
