"""The gRPC services that every process answers beside those its features declare."""

from typing import Any

from chassis.bus.inbox import INBOX
from chassis.bus.queue_admin import QueueAdmin
from chassis.clock import Clock
from chassis.entity import Entity
from chassis.http.idempotency import IDEMPOTENCY
from chassis.jobs.migration_progress import MIGRATIONS
from chassis.jobs.runner import JobRunner
from chassis.jobs.state import JOB_STATES
from chassis.mongo.client import Database
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.leases import LEASES
from chassis.mongo.sharding import Sharding
from chassis.provided import Provided
from chassis.rpc.bus import bus
from chassis.rpc.declaration import Served
from chassis.rpc.graph.servicer import graph
from chassis.rpc.jobs import jobs
from chassis.rpc.process_status import status
from chassis.rpc.sharding import sharding
from chassis.rpc.vacuum import vacuum
from chassis.rpc.work import work
from chassis.service import Parts
from chassis.vacuum_targets import JobAnswers, Queues
from chassis.work.admin import WorkAdmin
from chassis.work.item import KEPT_ITEMS, KEPT_LINES, WORK_ENTITIES

CHASSIS_ENTITIES: tuple[Entity[Any], ...] = (IDEMPOTENCY, INBOX, JOB_STATES, LEASES, MIGRATIONS)
MACHINERY = frozenset({JOB_STATES.collection, MIGRATIONS.collection, KEPT_ITEMS.collection, KEPT_LINES.collection})
"""Collections with the technical state of running processes. A vacuum leaves them alone."""


def generic_servicers(
    service: str,
    parts: Parts,
    provided: Provided,
    *,
    clock: Clock,
    page_key: bytes,
    database: Database,
    queue_admin: QueueAdmin,
    job_runner: JobRunner,
    work_admin: WorkAdmin,
) -> list[Served]:
    """Status, graph, vacuum, queues, jobs, work and shard keys of one process."""
    declared = map(provided.make, parts.vacuum_targets)
    vacuum_targets = [JobAnswers(database), Queues(queue_admin), *declared]
    return [
        status(provided),
        graph(service, database, clock, page_key, parts.entities),
        vacuum(database, parts.entities, vacuum_targets, MACHINERY),
        bus(queue_admin),
        jobs(job_runner),
        work(work_admin),
        sharding(Sharding(database, parts.entities, [*CHASSIS_ENTITIES, EVENTS, *WORK_ENTITIES])),
    ]
