"""Things die in the middle of a vacuum. It ends all the same, nothing is left of its org, and no byte of another's is
touched."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from bson import encode
from pymongo import MongoClient

from tests.engines import Room
from tests.outages.world import World
from tests.waiting import stretched

pytestmark = pytest.mark.outage

RECORDS = 30_000
BATCH = 1_000
PATIENCE_SECONDS = 180.0
POLL_SECONDS = 0.1
MACHINERY = {
    "leases",
    "relays",
    "jobs",
    "marks",
    "vacuum_audit",
    "vacuum_turns",
    "work_kept",
    "work_kept_lines",
    # How far PMC's feed is settled: a job moves it on after a while.
    "pmc_feed_heads",
}
SERVICES = ("ops", "ics", "pmc", "slc", "visualgrid", "gateway")


@pytest.fixture(scope="module")
def hurried(room: Room) -> Iterator[World]:
    """A stack in which a vacuum begins with the next sweep, and soon deletes."""
    stack = World(room.folder / "vacuums")
    stack.environment |= {"VACUUM_DELAY_SECONDS": "0", "VACUUM_SETTLE_SECONDS": "2"}
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


class Vacuuming:
    """An org with many records, beside the demo's two, and the operator who empties it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.orgcode = f"V{uuid.uuid4().hex[:11].upper()}"
        self.client: MongoClient[dict[str, Any]] = MongoClient(world.stack["MONGODB_URI"])

    def stackctl(self, *words: str) -> dict[str, Any]:
        """The object a command answers."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("stackctl")), *words, "--json"],
            env={
                **self.world.environment,
                **{f"STACK_{key}": value for key, value in self.world.stack.items()},
                "STACK_SECRET_FILE": self.world.demo["DEMO_SECRET_FILE"],
            },
            capture_output=True,
            text=True,
            timeout=stretched(PATIENCE_SECONDS),
            check=False,
        )
        assert done.stdout, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return dict(next(iter(answer.values())))

    def fill(self) -> None:
        """Many records of the org, among the events of two services and the keys of one."""
        self.stackctl("org", "create", self.orgcode, "--name", "Soon forgotten")
        for service, collection in (("ics", "events"), ("ics", "idempotency"), ("pmc", "events")):
            for _ in range(RECORDS // 3 // BATCH):
                with self.client.start_session() as session, session.start_transaction():
                    self.client[service][collection].insert_many(
                        [self._record() for _ in range(BATCH)], session=session
                    )

    def _record(self) -> dict[str, Any]:
        return {"_id": str(uuid.uuid4()), "orgcode": self.orgcode, "subject": uuid.uuid4().hex, "pending": False}

    def others(self) -> dict[str, bytes]:
        """Every record that is not the org's, byte by byte; what processes note of themselves is left out."""
        return {
            f"{service}/{name}/{document['_id']}": encode(document)
            for service in SERVICES
            for name in self.client[service].list_collection_names()
            if name not in MACHINERY and not (service == "ops" and name == "events")
            for document in self.client[service][name].find()
            if self.orgcode not in repr(document)
        }

    def calm(self) -> None:
        """Wait until all there is to tell has been told."""
        deadline = time.monotonic() + stretched(PATIENCE_SECONDS)
        for service in SERVICES:
            while self.client[service]["events"].find_one({"pending": True}) is not None:
                assert time.monotonic() < deadline, f"{service} does not publish what it has to tell"
                time.sleep(POLL_SECONDS)

    def begin(self) -> str:
        """Ask for the vacuum and wait until it deletes; its id."""
        phrase = f"VACUUM ORG {self.orgcode} PERMANENTLY"
        vacuum_id: str = self.stackctl("vacuum", "org", self.orgcode, "--reason", "outage", "--phrase", phrase)[
            "vacuum_id"
        ]
        deadline = time.monotonic() + stretched(PATIENCE_SECONDS)
        while self.left() in {0, RECORDS}:
            assert time.monotonic() < deadline, "the vacuum does not begin"
            time.sleep(0.02)
        return vacuum_id

    def left(self) -> int:
        """Records of the org that are still there, of those that were put there."""
        places = (("ics", "events"), ("ics", "idempotency"), ("pmc", "events"))
        return sum(self.client[service][name].count_documents({"orgcode": self.orgcode}) for service, name in places)

    def end(self, vacuum_id: str) -> dict[str, Any]:
        """The vacuum, once it is completed."""
        deadline = time.monotonic() + stretched(PATIENCE_SECONDS)
        while (found := self.stackctl("vacuum", "status", vacuum_id))["state"] != "completed":
            assert time.monotonic() < deadline, found
            time.sleep(POLL_SECONDS)
        return found

    def count(self) -> int:
        """What a dry run finds."""
        found = self.stackctl("vacuum", "org", self.orgcode, "--reason", "proof", "--dry-run", "--yes")
        assert found["state"] == "completed", found
        return int(found["matched"])


@pytest.mark.parametrize("victim", ["ops", "ics", "rabbitmq", "mongodb"])
def test_a_vacuum_ends_whatever_dies_in_the_middle_of_it(hurried: World, victim: str) -> None:
    vacuuming = Vacuuming(hurried)
    with closing(vacuuming.client):
        _vacuum_while_it_dies(vacuuming, victim)


def _vacuum_while_it_dies(vacuuming: Vacuuming, victim: str) -> None:
    vacuuming.fill()
    vacuuming.calm()
    before = vacuuming.others()

    vacuum_id = vacuuming.begin()
    vacuuming.world.kill(victim)
    vacuuming.world.start(victim)
    found = vacuuming.end(vacuum_id)

    assert [tally["state"] for tally in found["services"]] == ["completed"] * len(SERVICES)
    assert vacuuming.left() == 0
    assert vacuuming.count() == 0
    after = vacuuming.others()
    assert [key for key in before if after.get(key) != before[key]] == [], "another org's records were touched"
    kept = vacuuming.client["ops"]["vacuum_audit"].find_one({"_id": vacuum_id})
    assert kept is not None
    assert {tally["service"]: tally["matched"] for tally in kept["certificate"]} == dict.fromkeys(SERVICES, 0)
