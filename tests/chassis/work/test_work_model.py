"""Random histories of work: whatever is enqueued, crashes and comes back, nothing is lost and nothing runs twice."""

import asyncio
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from chassis.clock import FixedClock, Utc, later
from chassis.mongo.client import Database
from chassis.mongo.unit import MongoUnits
from chassis.work.item import WORK_ENTITIES
from chassis.work.leasing import LeaseLost, WorkClaim, checkpoint, fail, finish, put_back
from tests.chassis.work.given import CRATES, NOON, Shipped, add, an_org_call, items, take, wake_all

ORGS = st.sampled_from(["ACME", "BETA", "GAMMA"])
KEYS = st.sampled_from(["a", "b", "c", "d"])
GROUPS = st.sampled_from(["", "", "style"])
LANES = st.sampled_from(["high", "normal", "low"])
DRAIN_CLAIMS_MAX = 200


class WorkHistory(RuleBasedStateMachine):
    """One database, one clock, and workers that may do anything but what their lease forbids.

    `number` counts causes; an item's cause has been served once a run that began after it has been finished.
    """

    loop: asyncio.AbstractEventLoop
    uri: str
    name: str

    def __init__(self) -> None:
        super().__init__()
        self.clock = FixedClock(NOON)
        self.number = 0
        self.caused: dict[str, int] = {}
        self.served: dict[str, int] = {}
        self.begun: dict[str, int] = {}
        self.live: dict[str, WorkClaim] = {}
        self.until: dict[str, Utc] = {}
        self.stale: dict[str, WorkClaim] = {}
        self.tokens = 0
        self.run(self._open())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _open(self) -> None:
        self.database = await Database.connect(self.uri, self.name, "pymongo")
        for entity in WORK_ENTITIES:
            await self.database.collection(entity.collection).drop()
        self.units = MongoUnits(self.database, WORK_ENTITIES, self.clock, "/test")
        await self.units.start()

    async def _close(self) -> None:
        await self.units.stop()
        await self.database.close()

    @rule(org=ORGS, key=KEYS, group=GROUPS, lane=LANES, wait=st.sampled_from([0, 0, 3]))
    def enqueue(self, org: str, key: str, group: str, lane: str, wait: int) -> None:
        self.number += 1
        self.caused[f"test.crates/{org}/{key}"] = self.number
        due = None
        if wait:
            due = later(self.clock.now(), wait)
        self.run(add(self.units, key, org=org, group=group, lane=lane, due_utc=due))

    @rule(many=st.integers(1, 3))
    def claim(self, many: int) -> None:
        self.clock.advance(0.001)
        tokens = [f"t{self.tokens + n}" for n in range(many)]
        self.tokens += many
        for claim in self.run(take(self.units, *tokens)):
            self._note_begun(claim)

    def _note_begun(self, claim: WorkClaim) -> None:
        held = {name for other in self.live.values() for name in other.ids}
        assert not held & set(claim.ids), "two workers have the same item"
        groups = {item.group for other in self.live.values() for item in other.items if item.group}
        assert not groups & {item.group for item in claim.items}, "two workers have items of the same group"
        self.live[claim.token] = claim
        self.until[claim.token] = later(self.clock.now(), CRATES.lease_seconds)
        for item in claim.items:
            if item.run_generation == item.generation:
                self.begun[item.item_id] = self.number
            else:
                # It goes on with an earlier run, whose causes are those of when it began.
                self.begun.setdefault(item.item_id, 0)

    @precondition(lambda self: bool(self.live))
    @rule(pick=st.randoms(use_true_random=False), how=st.sampled_from(["finish", "finish", "fail", "continue", "save"]))
    def end(self, pick: Any, how: str) -> None:
        claim = self.live[pick.choice(sorted(self.live))]
        self.run(self._end(claim, how))
        if how == "finish":
            for name in claim.ids:
                self.served[name] = max(self.served.get(name, 0), self.begun[name])
        if how == "save":
            self.until[claim.token] = later(self.clock.now(), CRATES.lease_seconds)
        else:
            del self.live[claim.token]

    async def _end(self, claim: WorkClaim, how: str) -> None:
        token, ids = claim.token, claim.ids
        ends = {
            "finish": lambda change: finish(change, CRATES, token, ids),
            "fail": lambda change: fail(change, CRATES, token, ids, "no", 0.5, give_up=False),
            "continue": lambda change: put_back(change, CRATES, token, ids, 0.0, stopped=False),
            "save": lambda change: checkpoint(change, CRATES, token, ids, Shipped(bites=1)),
        }
        await self.units.change(an_org_call(None), ends[how])

    @precondition(lambda self: bool(self.live))
    @rule()
    def crash(self) -> None:
        """The workers there are disappear, and their leases expire."""
        self.wait(31)

    @rule(seconds=st.sampled_from([1, 31, 400]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.run(wake_all(self.units))
        for token, until in list(self.until.items()):
            if until <= self.clock.now():
                del self.until[token]
                if token in self.live:
                    self.stale[token] = self.live.pop(token)

    @precondition(lambda self: bool(set(self.stale) - set(self.live)))
    @rule(pick=st.randoms(use_true_random=False), how=st.sampled_from(["finish", "fail", "continue", "save"]))
    def come_back(self, pick: Any, how: str) -> None:
        """A worker that was given up wakes: whatever it tries is refused."""
        token = pick.choice(sorted(set(self.stale) - set(self.live)))
        try:
            self.run(self._end(self.stale[token], how))
        except LeaseLost:
            return
        raise AssertionError("a lease that has expired was good for something")

    @invariant()
    def every_cause_is_kept_until_it_is_served(self) -> None:
        kept = {item["_id"] for item in self.run(items(self.units))}
        owed = {name for name, number in self.caused.items() if self.served.get(name, 0) < number}
        assert owed <= kept, f"lost: {owed - kept}"

    @invariant()
    def the_leases_are_those_of_the_live_workers(self) -> None:
        leased = {item["_id"]: item["lease"] for item in self.run(items(self.units)) if item["state"] == "leased"}
        assert leased == {name: claim.token for claim in self.live.values() for name in claim.ids}

    def teardown(self) -> None:
        try:
            self._drain()
        finally:
            self.run(self._close())

    def _drain(self) -> None:
        """Let honest workers finish all that is left: every cause is served, and no org waits for long."""
        self.clock.advance(31)
        self.run(wake_all(self.units))
        self.live.clear()
        since: Counter[str] = Counter()
        for turn in range(DRAIN_CLAIMS_MAX):
            self.clock.advance(4000 if turn % 10 == 0 else 0.001)
            self.run(wake_all(self.units))
            ready = {
                (item["lane"], item["orgcode"]) for item in self.run(items(self.units)) if item["state"] == "ready"
            }
            self.tokens += 1
            claims = self.run(take(self.units, f"t{self.tokens}"))
            assert claims or not ready, "what is ready is not claimed"
            for claim in claims:
                self._note_begun(claim)
                self._serve(claim, ready, since)
            if not self.run(items(self.units)):
                break
        assert self.run(items(self.units)) == []
        assert all(self.served.get(name, 0) >= number for name, number in self.caused.items())

    def _serve(self, claim: WorkClaim, ready: set[tuple[str, str]], since: Counter[str]) -> None:
        lane = claim.items[0].lane
        for other_lane, org in ready:
            if other_lane == lane and org != claim.orgcode:
                since[f"{lane}/{org}"] += 1
                assert since[f"{lane}/{org}"] <= 4, f"{org} was passed over again and again"
        since[f"{lane}/{claim.orgcode}"] = 0
        self.run(self._end(claim, "finish"))
        for name in claim.ids:
            self.served[name] = max(self.served.get(name, 0), self.begun[name])
        del self.live[claim.token]


def test_no_history_loses_work_or_runs_it_twice(mongodb_uri: str, database_name: str) -> None:
    WorkHistory.loop = asyncio.new_event_loop()
    WorkHistory.uri, WorkHistory.name = mongodb_uri, database_name
    try:
        run_state_machine_as_test(
            WorkHistory,
            settings=settings(
                max_examples=20,
                stateful_step_count=25,
                # Histories take a second each: making a failing one shorter would take many minutes.
                phases=(Phase.explicit, Phase.reuse, Phase.generate),
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        WorkHistory.loop.close()
