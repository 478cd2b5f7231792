"""Batches of random operations against a model that makes them one after the other."""

import asyncio
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from chassis.errors import Conflict, InvalidState, NotFound, Refusal
from chassis.mongo.client import Database
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change, between
from tests.chassis.data_given import ENTITIES, THINGS, a_call, a_thing, standing

IDS = st.sampled_from(["a", "b", "c", "d"])
CODES = st.sampled_from(["X", "Y", "Z"])
STEPS = st.one_of(
    st.tuples(st.just("make"), IDS, CODES),
    st.tuples(st.just("add"), IDS, st.integers(-3, 5)),
    st.tuples(st.just("name"), IDS, CODES),
    st.tuples(st.just("turn"), IDS, st.sampled_from(["on", "off"])),
    st.tuples(st.just("drop"), IDS, st.just(None)),
    st.tuples(st.just("sum"), IDS, st.integers(0, 3)),
)
OPERATIONS = st.lists(STEPS, min_size=1, max_size=3)
Step = tuple[str, str, Any]


class Model:
    """Things in a dict: id -> [code, amount, status, revision]."""

    def __init__(self) -> None:
        self.things: dict[str, list[Any]] = {}

    def make(self, steps: list[Step]) -> Any:
        """One operation: its answers, or the type of its refusal and nothing done."""
        before = {name: list(thing) for name, thing in self.things.items()}
        raised: set[str] = set()
        try:
            return [getattr(self, f"_{word}")(name, value, raised) for word, name, value in steps]
        except Refusal as refusal:
            self.things = before
            return type(refusal)

    def _make(self, name: str, code: str, raised: set[str]) -> None:
        if name in self.things:
            raise Conflict("exists")
        self._claim(name, code, "on")
        self.things[name] = [code, 0, "on", 1]
        raised.add(name)

    def _add(self, name: str, amount: int, raised: set[str]) -> int:
        thing = self._have(name)
        if thing[1] + amount < 0:
            raise InvalidState("too little")
        thing[1] += amount
        self._raise(name, raised)
        return int(thing[1])

    def _name(self, name: str, code: str, raised: set[str]) -> None:
        thing = self._have(name)
        self._claim(name, code, thing[2])
        thing[0] = code
        self._raise(name, raised)

    def _turn(self, name: str, status: str, raised: set[str]) -> None:
        thing = self._have(name)
        self._claim(name, thing[0], status)
        thing[2] = status
        self._raise(name, raised)

    def _drop(self, name: str, _: None, raised: set[str]) -> None:
        self._have(name)
        del self.things[name]
        raised.discard(name)

    def _sum(self, _: str, least: int, raised: set[str]) -> list[str]:
        found = [(thing[1], name) for name, thing in self.things.items() if thing[2] == "on" and thing[1] >= least]
        return [name for _, name in sorted(found)]

    def _have(self, name: str) -> list[Any]:
        if name not in self.things:
            raise NotFound("none")
        return self.things[name]

    def _claim(self, name: str, code: str, status: str) -> None:
        for other, thing in self.things.items():
            if other != name and thing[0] == code:
                raise Conflict("taken")
        _ = status

    def _raise(self, name: str, raised: set[str]) -> None:
        self.things[name][3] += name not in raised
        raised.add(name)


async def perform(change: Change, number: int, steps: list[Step], ran: list[int]) -> Any:
    """The same operation on a Change. The last time it ran is where it stands among its neighbours."""
    ran.append(number)
    return [await _step(change, *step) for step in steps]


async def _step(change: Change, word: str, name: str, value: Any) -> Any:
    if word == "make":
        await change.insert(THINGS, a_thing(name, code=value))
        return None
    if word == "sum":
        where = {"place": "here", "status": "on", "amount": between(at_least=value)}
        return [thing.thing_id for thing in await change.find(THINGS, where)]
    thing = await change.load(THINGS, name)
    if word == "drop":
        await change.delete(THINGS, thing)
        return None
    if word == "add":
        if thing.amount + value < 0:
            raise InvalidState("too little")
        return (await change.update(THINGS, replace(thing, amount=thing.amount + value))).amount
    await change.update(THINGS, replace(thing, **{"name": {"code": value}, "turn": {"status": value}}[word]))
    return None


class Batches(RuleBasedStateMachine):
    """Operations that arrive together, compared with the model in the order they were served in."""

    runner: asyncio.Runner
    units: MongoUnits

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        for collection in ("things", "events"):
            self.runner.run(self.units.database.collection(collection).delete_many({}))

    @rule(batch=st.lists(OPERATIONS, min_size=1, max_size=6))
    def arrive(self, batch: list[list[Step]]) -> None:
        """A batch arrives; every answer is what the model gives."""
        ran: list[int] = []

        async def all_of_them() -> list[Any]:
            changes = [partial(perform, number=n, steps=steps, ran=ran) for n, steps in enumerate(batch)]
            return await asyncio.gather(
                *(self.units.change(a_call(), change) for change in changes), return_exceptions=True
            )

        answers = self.runner.run(all_of_them())
        served = sorted(range(len(batch)), key=lambda n: len(ran) - ran[::-1].index(n))
        for number in served:
            answer = answers[number]
            given = type(answer) if isinstance(answer, BaseException) else answer
            assert given == self.model.make(batch[number]), (number, batch, answers)

    @invariant()
    def the_database_holds_what_the_model_holds(self) -> None:
        """Nothing more, nothing less, at the same revisions."""
        kept = self.runner.run(self.units.database.collection("things").find({}))
        found = {one["_id"]: [one["code"], one["amount"], one["status"], one["revision"]] for one in kept}
        assert found == self.model.things


def test_batches_of_random_operations_do_what_one_after_the_other_would(mongodb_uri: str, database_name: str) -> None:
    with asyncio.Runner() as runner:
        units = runner.run(_open(mongodb_uri, database_name))

        class Bound(Batches):
            """Over the test's own database."""

        Bound.runner, Bound.units = runner, units
        many = settings(max_examples=15, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck))
        try:
            run_state_machine_as_test(Bound, settings=many)
        finally:
            runner.run(_close(units))


async def _open(uri: str, name: str) -> MongoUnits:
    database = await Database.connect(uri, name, "pymongo")
    units = MongoUnits(database, ENTITIES, standing(), "things")
    await units.start()
    return units


async def _close(units: MongoUnits) -> None:
    await units.stop()
    await units.database.close()
